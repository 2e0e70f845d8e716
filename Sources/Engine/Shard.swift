package import Cel
package import Decisions
package import Events
internal import Features
internal import Moments

/// One journal partition: all its customers' state, and the fold that moves it. Same records in,
/// same state and same decisions out, byte for byte. One thread owns it.
///
/// How a record goes through it (each step in a file of its own):
///
///     read      the origin rule, ids seen before, consent and control at once; fields picked out
///     time      watermarks rise; what falls due up to them is processed, instant by instant
///     apply     an event, once its source's watermark and its customer's own deadlines allow it:
///               facts, features, watches, sequences, gatherings, windows
///     decide    triggers make candidates; one instant's candidates go through the checks together
package struct Shard: ~Copyable {
  package internal(set) var program: Program
  package let partition: Int32

  var customers = CustomerTable()
  var blocks: BlockStore
  var memory: StateMemory
  var files = FileStore()
  var seen = SeenIds()
  var origins = OriginTable()
  var slab: EventSlab
  var due = DueQueue()
  /// Wakings in policy time, where that is not event time.
  var wakes = DueQueue()
  /// Event time up to which all that fell due has been processed. It follows the watermark, event
  /// by event: what the watermark lets through at once still happens in its order.
  var passed = Int64.min
  /// The highest append time read so far.
  package internal(set) var policyTime = Int64.min
  var reader = JsonReader()
  var plans: [FieldReads] = []
  var routes: Routes
  var expected = Expected()
  /// What a customer's state consists of, in the order in which slices have it.
  var items: [StateItem] = []

  // Scratch: the CEL row of the customer at hand, and what has just happened to it.
  var row: [Scalar]
  var filled: [UInt32]
  var epoch: UInt32 = 0
  /// The type of the event whose fields stand in the row.
  var rowType: Int?
  /// Texts that only the row refers to.
  var rowTexts: [TextId] = []
  /// The event that is being applied, if the instant is one.
  var current: Int?
  var happening = Happening()
  var wiring: Wiring
  /// The customer at hand, and its instant.
  var at = (customer: CustomerIndex(0), now: Int64.min)
  var sequenceWords: [Int64] = []
  var scratch = SequenceScratch()
  var found: [SequenceMatch] = []

  /// Decisions since the last `takeOutput`, in order.
  package internal(set) var output: [Published] = []
  package internal(set) var counts = Counts()
  /// Sequences that have begun and are not complete, open absences among them.
  package internal(set) var partialMatches = 0
  /// Collects moments for `takeObserved`, for who wants to see them and not only what they lead to.
  package var observesMoments = false
  var observed: [ObservedMoment] = []
  /// Of the record that is being read.
  var position: Int64 = 0
  /// The offset after the last record read; 0 before any.
  package internal(set) var next: Int64 = 0

  /// Hashes are worth their price where others fold the same journal; for archives of lines nobody
  /// does.
  package var keepsHashChain = true
  var chain = HashChain()
  var hashPoints: [HashPoint] = []
  /// Whether the record that is being read goes into the chain.
  var isChained = false

  /// The number of the rules in force.
  package internal(set) var semantics = Semantics.first
  /// The highest offset of the control topic that was read.
  var controlled: Int64 = -1

  /// Who has asked to be forgotten: by the id's hash, up to which event time. For ever.
  var erased: [UInt64: Int64] = [:]
  var erasures: [Erasure] = []
  /// By the id's hash: the journal offset before which nothing of a customer is published.
  var muted: [UInt64: Int64] = [:]

  /// Who has changed since the last slice.
  var changes = ChangeList()
  /// What the open pass will seal.
  var sealing: (at: Int64, bytes: [UInt8])?
  /// What control records have ordered, and the books that they may name.
  var orders = Orders()
  /// Events appended before it are passed over: of a shadow.
  var appliesSince = Int64.min
  /// Since the last `takeActivations`.
  var activations: [Activation] = []
  /// While a restore is under way: customers whose slices stand further on in the journal.
  var sleepers = Sleepers()
  /// While a restore is under way: the head that holds at the restore's end.
  var restoringTo: StateHead?
  /// A slice that could not be read; the shard is of no more use.
  package internal(set) var damage: SnapshotError?

  package init(program: Program, partition: Int32) {
    self.program = program
    self.partition = partition
    blocks = BlockStore(words: program.blockWords)
    memory = StateMemory(texts: program.texts)
    slab = EventSlab(fieldCount: program.fields.count)
    routes = Routes(program)
    row = Array(repeating: .missing, count: program.slots.count)
    filled = Array(repeating: 0, count: program.slots.count)
    happening = Happening(program)
    wiring = Wiring(program)
    plans = program.types.map { FieldReads($0, program, &reader) }
    items = program.stateItems
  }

  /// One published decision, and where in the journal it was made.
  package struct Published: Sendable {
    package var record: DecisionRecord
    package var position: Int64
    package var watermark: Int64
    /// Append time of the record whose reading led to it, ms.
    package var appendTime: Int64
  }

  package struct Counts: Equatable, Sendable {
    package var events: Int64 = 0
    package var late: Int64 = 0
    /// Came behind the partition's watermark: deadlines before them may have passed too early.
    package var behind: Int64 = 0
    package var duplicates: Int64 = 0
    package var celErrors: Int64 = 0
    /// Open deadlines or partial matches that a bound dropped.
    package var dropped: Int64 = 0
    /// Journal records that could not be read.
    package var unreadable: Int64 = 0
    /// Events of customers who had asked, no earlier than these, to be forgotten.
    package var erased: Int64 = 0
    /// Customers who outgrew a bound, and of whom some state was given up.
    package var limited: Int64 = 0
    package init() {}
  }

  /// A moment that fired: its number, the events behind it, when.
  package struct ObservedMoment: Equatable, Sendable {
    package var moment: Int
    /// What took the event (a sequence's step, an indicator), and the event's journal position.
    package var evidence: [Evidence]
    package var at: Int64

    package struct Evidence: Equatable, Sendable {
      package var part: Int
      package var position: Int64
    }
  }

  package var customerCount: Int { customers.count }
  package var watermark: Int64 { origins.watermark }
  /// Bytes that customers' state takes, as reserved from the system; ids seen and files apart.
  package var stateBytes: Int {
    (blocks.wordsReserved + memory.arena.wordsReserved) * 8 + customers.bytesReserved
  }
  /// Bytes that the ids take which customers have sent lately.
  package var seenBytes: Int { seen.bytesReserved }

  package mutating func takeOutput() -> [Published] {
    defer { output.removeAll(keepingCapacity: true) }
    return output
  }

  package mutating func takeObserved() -> [ObservedMoment] {
    defer { observed.removeAll(keepingCapacity: true) }
    return observed
  }

  /// The customer's current value of a feature, for tests and `explain`; at the customer's clock or
  /// the watermark, whichever is later. Looking moves the window's cursors, so two shards have one
  /// snapshot only if they were looked at alike.
  package mutating func value(ofFeature index: Int, customer: [UInt8]) -> (at: Int64, Scalar)? {
    guard let number = customers.find(customer.span) else { return nil }
    let block = blocks[number.int]
    guard block[Header.clock] != .min else { return nil }
    let now = clock(block, at: .min)
    let known = counts
    defer { counts = known }
    begin(number, now: now, event: nil)
    return (now, fill(program.features.features[index].slot, block, now))
  }

  /// Gives a customer's number, which is new or was another's, its first state.
  mutating func addCustomer(_ customer: CustomerIndex) {
    if customer.int == blocks.count {
      _ = blocks.append()
      files.append()
    } else {
      blocks.clear(customer.int)
      files[customer.int] = CustomerFile()
    }
    let block = blocks[customer.int]
    block[Header.clock] = .min
    block[Header.latest] = .min
    block[Header.scheduled] = .max
    block[Header.nextHard] = .max
    block[Header.nextSoft] = .max
    block[Header.nextLook] = .min
    program.features.initialize(block)
    for watch in program.watches { block[watch.offset + 2] = .max }
    initializeMoments(block)
  }

  /// The customer's time when something happens at `time`: never behind what it has seen, nor behind
  /// the time that has passed (unless that is the end of an archive).
  func clock(_ block: Words, at time: Int64) -> Int64 {
    let known = max(block[Header.clock], time)
    return passed == .max ? known : max(known, passed)
  }
}

/// The first words of a customer's block.
enum Header {
  /// The latest of applied events' times and of the instants processed.
  static let clock = 0
  /// Time of the latest event applied.
  static let latest = 1
  /// The time of its entry in the due queue.
  static let scheduled = 2
  /// The next deadline that only the watermark may pass: an absence, a window's opening or closing.
  static let nextHard = 3
  /// The next instant at which time moves something that a trigger reads.
  static let nextSoft = 4
  /// Bit 0: state outgrew a bound. Above bit 31 what is no state: the events that wait.
  static let flags = 5
  /// No watch is moved by time before it; a lower bound.
  static let nextLook = 6
  /// Where the ids lie that it has sent lately (`SeenIds`).
  static let seen = 7
  static let words = 8
}

/// Of a customer's block.
extension Words {
  var seen: Int64 {
    get { self[Header.seen] }
    nonmutating set { self[Header.seen] = newValue }
  }
  /// Of the flags, what is state.
  var flags: Int64 { self[Header.flags] & 0xffff_ffff }
  /// The place of the latest of its waiting events; -1: none waits.
  var waiting: Int {
    get { Int(self[Header.flags] >> 32) & 0x7fff_ffff - 1 }
    nonmutating set {
      self[Header.flags] = self[Header.flags] & ~0x7fff_ffff_0000_0000 | Int64(newValue + 1) << 32
    }
  }
  /// Whether an event waits for a deadline of this customer.
  var isParking: Bool {
    get { self[Header.flags] < 0 }
    nonmutating set {
      self[Header.flags] = self[Header.flags] & .max | (newValue ? Int64.min : 0)
    }
  }
}

extension Shard {
  /// A string that a scalar of this shard names.
  package func text(_ id: TextId) -> String { memory.texts.string(id) }
}
