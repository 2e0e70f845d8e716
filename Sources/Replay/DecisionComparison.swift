internal import Decisions
internal import Events
internal import Log

/// Holds the decisions that one journal partition makes, record by record, against one topic.
///
/// Both sides are in the order of the journal, and are compared group by group: a group is what one
/// journal record leads to. So one thing that is wrong stays one difference, however much follows.
final class DecisionComparison {
  typealias Difference = VerificationReport.Difference

  /// One partition of the topic.
  private final class Lane {
    let recorded: RecordedDecisions
    /// Nothing of it has been compared yet.
    var isFresh = true
    /// The decisions that retention has taken, as far as they were recomputed.
    var expired: Int64 = 0
    var strangersTold = 0
    /// The ids seen last: what is seen again stands twice. Bounded, since a repetition is near.
    var seen: Set<String> = []
    var order: [String] = []
    var oldest = 0
    /// The highest journal offset compared.
    var reached = Int64.min
    init(_ recorded: RecordedDecisions) { self.recorded = recorded }

    func remember(_ id: String) {
      guard seen.insert(id).inserted else { return }
      if order.count < DecisionComparison.memory {
        order.append(id)
      } else {
        seen.remove(order[oldest])
        order[oldest] = id
        oldest = (oldest + 1) % order.count
      }
    }
  }

  private static let memory = 65_536

  private let topic: String
  private let count: Int
  private let journalPartition: Int32
  /// The journal offsets that are asked for.
  private let range: Range<Int64>
  private var lanes: [Int32: Lane] = [:]
  /// Looks again, until it is too late, whether a lane has grown.
  private let patience: (RecordedDecisions) throws(LogError) -> Bool
  private let tell: (Difference) -> Void
  private(set) var equal: Int64 = 0

  /// `journalPartitions`: the journal's count, which says where a decision may stand.
  init(
    _ log: any Log, topic: String, count: Int, journalPartition: Int32, journalPartitions: Int,
    range: Range<Int64>, patience: @escaping (RecordedDecisions) throws(LogError) -> Bool,
    tell: @escaping (Difference) -> Void
  ) throws(LogError) {
    self.topic = topic
    self.count = count
    self.journalPartition = journalPartition
    self.range = range
    self.patience = patience
    self.tell = tell
    // murmur2 mod both counts: only these partitions have customers in common.
    let common = Self.commonDivisor(count, journalPartitions)
    for number in 0..<Int32(count) where Int(number) % common == Int(journalPartition) % common {
      lanes[number] = Lane(
        try RecordedDecisions(log, TopicPartition(topic, number), of: journalPartition) { other in
          other >= 0 && Int(other) < journalPartitions
            && Int(other) % common == Int(number) % common
        })
    }
  }

  func close() { for lane in lanes.values { lane.recorded.close() } }

  private static func commonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : commonDivisor(b, a % b)
  }

  /// What the journal record at `position` has led to, in its order.
  func compare(_ computed: [DecisionImage], at position: Int64) throws(LogError) {
    guard range.contains(position) else { return }
    var groups: [Int32: [DecisionImage]] = [:]
    for image in computed {
      let key = image.key ?? []
      let place = Int32(partition(ofKey: key.span, count: count))
      groups[place, default: []].append(image)
    }
    for place in groups.keys.sorted() {
      guard let lane = lanes[place] else {
        fatalError("a decision of partition \(journalPartition) belongs on \(topic)-\(place)")
      }
      try compare(groups[place]!, at: position, lane)
    }
  }

  private func compare(
    _ computed: [DecisionImage], at position: Int64, _ lane: Lane
  ) throws(LogError) {
    var recorded: [DecisionImage] = []
    while recorded.count < computed.count {
      guard let next = try nextUp(to: position, lane) else { break }
      recorded.append(next)
      lane.recorded.take()
    }
    // More than should be: a repetition within the group.
    while let next = try lane.recorded.peek(), next.position == position {
      recorded.append(next)
      lane.recorded.take()
    }
    tellStrangers(lane)
    var computed = computed[...]
    if lane.isFresh, lane.recorded.begin > 0 {
      let first = recorded.first?.id
      let gone = computed.prefix { $0.id != first }
      lane.expired += Int64(gone.count)
      computed = computed.dropFirst(gone.count)
      if computed.isEmpty, recorded.isEmpty { return }
    }
    lane.isFresh = false
    lane.reached = position
    settle(Array(computed), recorded, lane)
  }

  /// The next record that `position` or one before it has made; the latter ones are told and passed.
  private func nextUp(to position: Int64, _ lane: Lane) throws(LogError) -> DecisionImage? {
    while true {
      guard let next = try lane.recorded.peek() else {
        guard try patience(lane.recorded) else { return nil }
        continue
      }
      guard let known = next.position, known < position else {
        return next.position == position ? next : nil
      }
      lane.recorded.take()
      if known >= range.lowerBound { surplus(next, lane) }
    }
  }

  /// Recorded, and nothing that is computed stands against it.
  private func surplus(_ image: DecisionImage, _ lane: Lane) {
    let kind: Difference.Kind = lane.seen.contains(image.id) ? .twice : .extra
    lane.remember(image.id)
    tell(difference(kind, image, lane))
  }

  private func settle(_ computed: [DecisionImage], _ recorded: [DecisionImage], _ lane: Lane) {
    var rest = recorded
    var isInOrder = true
    for image in computed {
      guard let place = rest.firstIndex(where: { $0.id == image.id }) else {
        // The same place, under another name: its id or more of it is changed.
        if computed.count == recorded.count, let next = rest.first,
          !computed.contains(where: { $0.id == next.id })
        {
          rest.removeFirst()
          tell(change(next, image, lane))
        } else {
          tell(difference(.missing, image, lane))
        }
        continue
      }
      if place != 0, isInOrder,
        computed.contains(where: { $0.id == rest[0].id && $0.id != image.id })
      {
        isInOrder = false
        tell(difference(.order, rest[place], lane))
      }
      let found = rest.remove(at: place)
      lane.remember(image.id)
      if isSame(found, image) { equal += 1 } else { tell(change(found, image, lane)) }
    }
    for image in rest { surplus(image, lane) }
  }

  private func isSame(_ a: DecisionImage, _ b: DecisionImage) -> Bool {
    a.value == b.value && a.key == b.key
      && a.headers.elementsEqual(b.headers) { $0.name == $1.name && $0.value == $1.value }
  }

  private func change(
    _ recorded: DecisionImage, _ computed: DecisionImage, _ lane: Lane
  ) -> Difference {
    var difference = difference(.changed, recorded, lane)
    difference.journalOffset = computed.position
    difference.name = computed.id
    func text(_ bytes: [UInt8]?) -> String? { bytes.map { JsonDifference.short($0) } }
    if let found = JsonDifference(recorded: recorded.value ?? [], computed: computed.value ?? []) {
      difference.field = found.path.isEmpty ? "value" : "value: \(found.path)"
      difference.recorded = recorded.value == nil ? nil : found.recorded
      difference.computed = found.computed
    } else if recorded.key != computed.key {
      difference.field = "key"
      difference.recorded = text(recorded.key)
      difference.computed = text(computed.key)
    } else {
      let names = computed.headers.map(\.name) + recorded.headers.map(\.name)
      let name = names.first { recorded[$0] != computed[$0] }
      difference.field = name ?? "the order of its headers"
      difference.recorded = name.flatMap { text(recorded[$0]) }
      difference.computed = name.flatMap { text(computed[$0]) }
    }
    return difference
  }

  private func difference(
    _ kind: Difference.Kind, _ image: DecisionImage, _ lane: Lane
  ) -> Difference {
    Difference(
      kind, journal: (journalPartition, image.position), topic: topic,
      partition: lane.recorded.place.partition, offset: image.offset, name: image.id)
  }

  private func tellStrangers(_ lane: Lane) {
    for image in lane.recorded.strangers[lane.strangersTold...] {
      var difference = difference(.stranger, image, lane)
      difference.recorded = ["ce_journalpartition", "ce_journaloffset"].map { name in
        "\(name) " + (image[name].map { JsonDifference.short($0) } ?? "is missing")
      }.joined(separator: ", ")
      tell(difference)
    }
    lane.strangersTold = lane.recorded.strangers.count
  }

  /// The journal has been folded up to the range's end: nothing more of it may be recorded.
  func finish() throws(LogError) -> (expired: Int64, begin: [TopicPartition: Int64]) {
    var expired: Int64 = 0
    var begins: [TopicPartition: Int64] = [:]
    for place in lanes.keys.sorted() {
      let lane = lanes[place]!
      while let next = try lane.recorded.peek() {
        lane.recorded.take()
        if let known = next.position, range.contains(known) { surplus(next, lane) }
      }
      tellStrangers(lane)
      expired += lane.expired
      if lane.expired > 0 { begins[lane.recorded.place] = lane.recorded.begin }
    }
    return (expired, begins)
  }
}
