import Engine
import Ingest
import Log
import TestSupport

/// What the outside world does in one run: sources, and the records that reach them.
struct Workload {
  enum Fate: Equatable {
    /// An event; what makes it the same as another.
    case event(customer: String, id: String)
    /// No event: a dead letter.
    case refused
  }
  struct Item {
    /// When it is appended to its source.
    var at: Int64
    var source: Int
    var partition: Int32
    var value: String
    var fate: Fate
  }
  /// Where the world begins: a minute before the book's quiet hours.
  static let dawn: Int64 = 1_772_485_140_000

  private(set) var sources: [SourceSettings] = []
  private(set) var partitionsOfSource: [Int] = []
  var items: [Item] = []
  let journalPartitions: Int
  let program: Program
  /// Each customer's decisions depend on that customer's own events alone, whenever they are taken
  /// in: one source partition each, no silence, nothing that acts on reading.
  let isComparable: Bool
  /// Books that are put in force on the way, and when.
  private(set) var orders: [(at: Int64, book: Program)] = []
  /// Some customers ask to be forgotten.
  let erases: Bool
  private(set) var ends: Int64
  private var random: SplitMix64
  private var customers: [String] = []
  private var eventCount = 0

  init(seed: UInt64) {
    random = SplitMix64(seed: seed &* 0x5851_f42d_4c95_7f2d &+ 1)
    let isComparable = random.chance(35)
    self.isComparable = isComparable
    erases = random.chance(35) && !isComparable
    journalPartitions = random.number(in: 1..<4)
    program = isComparable ? Books.timeless : random.chance(50) ? Books.strict : Books.open
    ends = Self.dawn
    let idle = isComparable ? 1_000_000 : random.pick([1_500, 4_000, 1_000_000])
    for number in 0..<random.number(in: 1..<4) {
      let delay = random.pick([0, 500, 3_000])
      sources.append(
        SourceSettings(
          name: "s\(number)", topic: "source.\(number)", format: .json(.plain),
          outOfOrderMs: Int64(delay), idleMs: Int64(idle)))
      partitionsOfSource.append(random.number(in: 1..<4))
    }
    customers = (0..<random.number(in: 3..<9)).map { "customer-\($0)" }
    fill()
  }

  private mutating func fill() {
    let begin = Self.dawn + 6_000
    let span = random.number(in: 20_000..<60_000)
    ends = begin + Int64(span)
    for _ in 0..<random.number(in: 40..<160) {
      addEvent(at: begin + Int64(random.number(in: 0..<span)))
    }
    items.sort { $0.at < $1.at }
    guard !isComparable, random.chance(40) else { return }
    for _ in 0..<random.number(in: 1..<4) {
      let book = random.pick([Books.edited, Books.edited, Books.strict, Books.open])
      orders.append((begin + Int64(random.number(in: 0..<span)), book))
    }
    orders.sort { $0.at < $1.at }
  }

  /// All books of the run, by hash.
  var programs: [String: Program] {
    var found = [program.hash: program]
    for order in orders { found[order.book.hash] = order.book }
    return found
  }

  /// Takes the world to its end: comparable runs see the same time pass in every source partition,
  /// and offsets that a late request has set back are committed again.
  mutating func farewell(at: Int64) -> [Item] {
    var items: [Item] = []
    for source in sources.indices {
      for partition in 0..<partitionsOfSource[source] {
        eventCount += 1
        items.append(
          event(
            type: "login", id: "e\(eventCount)", time: isComparable ? ends + 45_000 : at,
            customer: "last-\(source)-\(partition)", data: "{}", at: at, source: source,
            partition: Int32(partition)))
      }
    }
    return items
  }

  private mutating func addEvent(at: Int64) {
    let customer = random.number(in: 0..<customers.count)
    // Comparable: always the same place. Otherwise as it comes.
    let source =
      isComparable ? customer % sources.count : random.number(in: 0..<sources.count)
    let partition =
      isComparable || random.chance(80)
      ? customer / 3 % partitionsOfSource[source]
      : random.number(in: 0..<partitionsOfSource[source])
    if random.chance(4) {
      let value = random.pick(["{", "[]", "{\"id\":\"x\"}", "not json", "{\"time\":12}"])
      items.append(
        Item(at: at, source: source, partition: Int32(partition), value: value, fate: .refused))
      return
    }
    let delay = Int(sources[source].outOfOrderMs)
    // In time within the source's delay; where runs are not compared, sometimes much too late.
    let isLate = !isComparable && random.chance(5)
    let lag = isLate ? random.number(in: 0..<20_000) : delay == 0 ? 0 : random.number(in: 0..<delay)
    eventCount += 1
    let made = event(
      type: "", id: "e\(eventCount)", time: at - Int64(lag), customer: customers[customer],
      data: "", at: at, source: source, partition: Int32(partition))
    items.append(made)
    // Sent twice by its producer: another record, the same event.
    guard random.chance(4) else { return }
    var again = made
    again.at += isComparable ? 0 : Int64(random.number(in: 0..<3_000))
    items.append(again)
  }

  private mutating func event(
    type: String, id: String, time: Int64, customer: String, data: String, at: Int64, source: Int,
    partition: Int32
  ) -> Item {
    var type = type
    var data = data
    if type.isEmpty {
      type = random.pick(Self.types + (isComparable ? [] : Self.policyTypes))
      if erases, random.chance(3) { type = "privacy.erase" }
      data = self.data(of: type)
    }
    let value =
      "{\"id\":\"\(id)\",\"type\":\"\(type)\",\"time\":\(time),\"customer\":\"\(customer)\","
      + "\"data\":\(data)}"
    return Item(
      at: at, source: source, partition: partition, value: value,
      fate: .event(customer: customer, id: "s\(source)/\(id)"))
  }

  private static let types = [
    "view", "view", "view", "cart", "cart", "buy", "buy", "reply", "reply", "login", "ticket",
  ]
  private static let policyTypes = [
    "consent.granted", "consent.granted", "consent.granted", "consent.withdrawn",
    "suppression.added",
  ]

  private mutating func data(of type: String) -> String {
    switch type {
    case "view": "{\"page\":\"\(random.pick(["/", "/pricing", "/help"]))\"}"
    case "buy":
      "{\"amount\":\(random.number(in: 1..<90)).\(random.number(in: 0..<10)),\"plan\":\"pro\"}"
    case "login": "{\"plan\":\"\(random.pick(["free", "pro", "gone"]))\"}"
    case "consent.granted", "consent.withdrawn":
      "{\"purpose\":\"\(random.pick(["service", "marketing", "sales"]))\","
        + "\"channel\":\"\(random.pick(["email", "sms", "call", "task"]))\"}"
    case "suppression.added": "{\"channel\":\"\(random.pick(["email", "sms"]))\"}"
    default: "{}"
    }
  }
}
