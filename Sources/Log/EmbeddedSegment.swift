/// One segment file. Its name is its first offset, as Kafka names them: `00000000000000000042.log`.
/// A compaction writes a new file, with its number in the name: `00000000000000000042.7.log`. So a
/// name never stands for other bytes than before, and who still reads an older file reads on.
struct EmbeddedSegment: Equatable, Sendable {
  let base: Int64
  /// 0: as it was filled, every offset in it. Else which compaction wrote it: offsets may be missing.
  let generation: Int
  let path: String
  /// How much of the file counts.
  var byteCount: Int
  /// The offset after the last one that it stands for; the next segment begins there.
  var next: Int64
  /// The append times that it holds, ms since 1970; nil: an older version did not note them.
  var times: ClosedRange<Int64>?
  /// Some batches' offsets and places, ascending, to start a search from.
  var marks: [Mark]

  struct Mark: Equatable, Sendable {
    var offset: Int64
    var place: Int
  }
  /// A mark is set after so many bytes.
  static let markEvery = 64 << 10

  init(
    base: Int64, generation: Int = 0, directory: String, byteCount: Int = 0, next: Int64,
    times: ClosedRange<Int64>? = nil
  ) {
    self.base = base
    self.generation = generation
    path = "\(directory)/\(Self.fileName(base, generation))"
    self.byteCount = byteCount
    self.next = next
    self.times = times
    marks = [Mark(offset: base, place: 0)]
  }

  var isSparse: Bool { generation > 0 }

  /// A batch follows at the end of the file.
  mutating func add(_ header: RecordBatchHeader) {
    if byteCount - marks[marks.count - 1].place >= Self.markEvery {
      marks.append(Mark(offset: header.baseOffset, place: byteCount))
    }
    let oldest = min(header.baseTimestamp, header.maxTimestamp)
    times =
      byteCount == 0
      ? oldest...header.maxTimestamp
      : times.map {
        min($0.lowerBound, oldest)...max($0.upperBound, header.maxTimestamp)
      }
    byteCount += header.byteCount
    next = header.nextOffset
  }

  static func fileName(_ base: Int64, _ generation: Int = 0) -> String {
    let digits = String(base)
    let name = String(repeating: "0", count: 20 - digits.count) + digits
    return generation == 0 ? "\(name).log" : "\(name).\(generation).log"
  }

  /// What a file's name says; nil: it is no segment.
  static func parse(fileName name: String) -> (base: Int64, generation: Int)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3, parts[parts.count - 1] == "log",
      parts[0].utf8.count == 20, let base = Int64(parts[0]), base >= 0
    else { return nil }
    if parts.count == 2 { return (base, 0) }
    guard let generation = Int(parts[1]), generation > 0 else { return nil }
    return (base, generation)
  }
}

/// What a topic's settings ask of its segments.
struct EmbeddedPolicy: Equatable, Sendable {
  /// Only the latest record of each key is kept.
  var isCompacted = false
  /// Segments go whose newest record is older, ms; nil: never.
  var retentionMs: Int64?
  /// The oldest segments go while the others hold so much; nil: never.
  var retentionBytes: Int?
  /// A tombstone stays so long, ms, so that whoever reads meanwhile sees it.
  var tombstoneMs = Self.dayMs
  /// A segment is closed before it would grow beyond this.
  var segmentBytes: Int
  /// A segment is closed once its records span more than this, ms, so that it can go in time.
  var segmentMs: Int64?

  static let dayMs: Int64 = 86_400_000

  init(_ settings: TopicSettings?, _ options: EmbeddedLog.Options) {
    let config = settings?.config ?? [:]
    let policies = (config["cleanup.policy"] ?? "delete").split(separator: ",").map {
      $0.filter { $0 != " " }
    }
    isCompacted = policies.contains("compact")
    if policies.contains("delete") {
      retentionMs = config["retention.ms"].flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
      retentionBytes = config["retention.bytes"].flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 }
    }
    if let text = config["delete.retention.ms"], let number = Int64(text) { tombstoneMs = number }
    segmentBytes =
      isCompacted
      ? min(options.segmentBytes, options.compactedSegmentBytes) : options.segmentBytes
    segmentMs = retentionMs.map { min(max($0 / 8, 3_600_000), 7 * Self.dayMs) }
  }
}
