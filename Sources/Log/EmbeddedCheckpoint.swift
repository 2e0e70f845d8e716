/// How much of the log is in segments, and in which: the file `checkpoint`. Whatever else lies in the
/// log's directories is not part of it.
struct EmbeddedCheckpoint: Equatable, Sendable {
  struct Partition: Equatable, Sendable {
    struct Segment: Equatable, Sendable {
      var base: Int64
      var generation = 0
      /// How much of the file counts; what lies behind is from an attempt that failed.
      var byteCount: Int
      var next: Int64
      var times: ClosedRange<Int64>?
    }
    /// The offset after the last record in the segments.
    var end: Int64
    var segments: [Segment]
    var compacted: Compacted?
    /// Of the first format, which names the last segment only.
    var isOld = false

    func segments(_ directory: String) -> [EmbeddedSegment] {
      segments.map {
        EmbeddedSegment(
          base: $0.base, generation: $0.generation, directory: directory,
          byteCount: $0.byteCount, next: $0.next, times: $0.times)
      }
    }
  }

  struct Compacted: Equatable, Sendable {
    /// Before this offset no key occurs twice.
    var until: Int64
    /// The append time of the oldest tombstone before it, ms since 1970; nil: there is none.
    var tombstone: Int64?
  }

  /// The last commit that is in the segments.
  var sequence: Int64 = 0
  /// Each checkpoint has another, so that those who look on see that it is a new one.
  var revision: Int64 = 0
  /// Only those with records.
  var partitions: [TopicPartition: Partition] = [:]
  var offsets: [String: [TopicPartition: CommittedOffset]] = [:]

  static let title = "kairos checkpoint 2"
  static let oldTitle = "kairos checkpoint 1"

  func encode() -> [UInt8] {
    var lines = [Self.title, "sequence \(sequence)", "revision \(revision)"]
    for (source, state) in partitions.sorted(by: { $0.key < $1.key }) {
      lines.append("partition \(source.topic) \(source.partition) \(state.end)")
      if let compacted = state.compacted {
        lines.append("compacted \(compacted.until) \(compacted.tombstone.map(String.init) ?? "-")")
      }
      for segment in state.segments {
        let times = segment.times.map { "\($0.lowerBound) \($0.upperBound)" } ?? "- -"
        lines.append(
          "segment \(segment.base) \(segment.generation) \(segment.byteCount) \(segment.next) "
            + times)
      }
    }
    for (group, offsets) in offsets.sorted(by: { $0.key < $1.key }) {
      for (source, known) in offsets.sorted(by: { $0.key < $1.key }) {
        let place = "\(source.topic) \(source.partition)"
        lines.append("offset \(place) \(known.offset) \(group)")
        if !known.metadata.isEmpty {
          lines.append("metadata \(place) \(known.metadata) \(group)")
        }
      }
    }
    return EmbeddedText.seal(lines)
  }

  init() {}

  init(_ bytes: [UInt8], path: String) throws(LogError) {
    let isOld = bytes.starts(with: Self.oldTitle.utf8)
    let title = isOld ? Self.oldTitle : Self.title
    var current: TopicPartition?
    for line in try EmbeddedText.open(bytes, path: path, title: title) {
      let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      let isRead =
        isOld && words[0] == "partition"
        ? readOldPartition(words) : read(words, partition: &current)
      guard isRead else {
        throw LogError(.stop, "\(path) holds a line that cannot be read: \(line)")
      }
    }
  }

  private mutating func read(_ words: [String], partition: inout TopicPartition?) -> Bool {
    switch (words[0], words.count) {
    case ("sequence", 2): return Self.set(&sequence, words[1])
    case ("revision", 2): return Self.set(&revision, words[1])
    case ("partition", 4):
      guard let number = Int32(words[2]), let end = Int64(words[3]) else { return false }
      let source = TopicPartition(words[1], number)
      partition = source
      partitions[source] = Partition(end: end, segments: [])
      return true
    case ("compacted", 3):
      guard let partition, let until = Int64(words[1]) else { return false }
      partitions[partition]?.compacted = Compacted(until: until, tombstone: Int64(words[2]))
      return true
    case ("segment", 7):
      guard let partition, let base = Int64(words[1]), let generation = Int(words[2]),
        let byteCount = Int(words[3]), let next = Int64(words[4])
      else { return false }
      var segment = Partition.Segment(
        base: base, generation: generation, byteCount: byteCount, next: next)
      if let oldest = Int64(words[5]), let newest = Int64(words[6]), oldest <= newest {
        segment.times = oldest...newest
      }
      partitions[partition]?.segments.append(segment)
      return true
    default: return readOffset(words)
    }
  }

  private mutating func readOffset(_ words: [String]) -> Bool {
    guard words.count >= 5, let partition = Int32(words[2]) else { return false }
    let source = TopicPartition(words[1], partition)
    let group = words[4...].joined(separator: " ")
    switch words[0] {
    case "offset":
      guard let offset = Int64(words[3]) else { return false }
      offsets[group, default: [:]][source] = CommittedOffset(offset: offset)
    case "metadata":
      guard offsets[group]?[source] != nil else { return false }
      offsets[group]?[source]?.metadata = words[3]
    default: return false
    }
    return true
  }

  private mutating func readOldPartition(_ words: [String]) -> Bool {
    guard words.count == 6, let partition = Int32(words[2]), let end = Int64(words[3]),
      let base = Int64(words[4]), let byteCount = Int(words[5])
    else { return false }
    partitions[TopicPartition(words[1], partition)] = Partition(
      end: end, segments: [.init(base: base, byteCount: byteCount, next: end)], isOld: true)
    return true
  }

  private static func set(_ number: inout Int64, _ word: String) -> Bool {
    guard let value = Int64(word) else { return false }
    number = value
    return true
  }
}
