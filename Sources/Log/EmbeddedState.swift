import Glibc

/// What readers see of the embedded log: a value, guarded by the log's lock.
struct EmbeddedState: Sendable {
  var topics = EmbeddedTopics()
  var partitions: [TopicPartition: EmbeddedPartition] = [:]
  var offsets: [String: [TopicPartition: CommittedOffset]] = [:]
  /// The last commit that is visible.
  var sequence: Int64 = 0
  /// The latest checkpoint, and where in the write-ahead file the next commit goes (kept by those who
  /// only look on).
  var revision: Int64 = 0
  var looked = 0
  /// How often a writer's id or a group was taken over.
  var generations: [String: Int] = [:]
  /// Why nothing works any more.
  var trouble: LogError?

  mutating func add(_ settings: TopicSettings, log directory: String) {
    topics.byName[settings.name] = settings
    for partition in 0..<settings.partitions {
      let source = TopicPartition(settings.name, Int32(partition))
      partitions[source] = EmbeddedPartition(source: source, log: directory)
    }
  }

  /// Reads topics, checkpoint and the segments' names. Files that no checkpoint names are left over.
  /// `leniently`: files that are missing or too short are found by whoever reads them.
  /// `clearing`: topics whose segments are left over too.
  static func load(
    _ directory: String, _ disk: EmbeddedDisk, leniently: Bool = false,
    clearing: Set<String> = []
  ) throws(LogError) -> (EmbeddedState, leftovers: [String]) {
    var image = try checkpoint(directory, disk)
    for source in image.partitions.keys where clearing.contains(source.topic) {
      image.partitions[source]?.segments = []
      image.partitions[source]?.compacted = nil
      image.partitions[source]?.isOld = false
    }
    return try load(image, directory, disk, leniently: leniently)
  }

  private static func load(
    _ image: EmbeddedCheckpoint, _ directory: String, _ disk: EmbeddedDisk, leniently: Bool = false
  ) throws(LogError) -> (EmbeddedState, leftovers: [String]) {
    var state = EmbeddedState()
    let path = "\(directory)/topics"
    guard let bytes = try disk.readAll(path) else {
      throw LogError(.stop, "\(path) is missing; restore it from a copy of the log")
    }
    for settings in try EmbeddedTopics(bytes, path: path).byName.values {
      state.add(settings, log: directory)
    }
    for source in image.partitions.keys where state.partitions[source] == nil {
      throw LogError(
        .stop,
        "\(path) does not know \(source.topic)-\(source.partition), which has records; "
          + "restore it from a copy of the log")
    }
    var leftovers: [String] = []
    for source in state.partitions.keys.sorted() {
      leftovers +=
        try state.partitions[source]?
        .load(disk, image.partitions[source], leniently: leniently) ?? []
    }
    state.offsets = image.offsets
    state.sequence = image.sequence
    state.revision = image.revision
    return (state, leftovers)
  }

  static func checkpoint(
    _ directory: String, _ disk: EmbeddedDisk
  ) throws(LogError) -> EmbeddedCheckpoint {
    let path = "\(directory)/checkpoint"
    guard let bytes = try disk.readAll(path) else {
      let hint =
        try disk.names(in: directory) == nil
        ? "there is no log at \(directory); `kairos run --log \(directory)` makes one"
        : "\(path) is missing: \(directory) is no log, or a part of it was lost; restore it from a "
          + "copy, or choose another --log"
      throw LogError(.stop, hint)
    }
    return try EmbeddedCheckpoint(bytes, path: path)
  }

  /// Reads a log that another process may be writing, or what came since an earlier look. The
  /// write-ahead file starts again only behind a new checkpoint, and files go only behind one: if the
  /// checkpoint is the same before and after, what was read between them belongs to it.
  static func look(
    _ directory: String, _ disk: EmbeddedDisk, since earlier: EmbeddedState? = nil
  ) throws(LogError) -> (EmbeddedState, note: String?) {
    while true {
      let image = try checkpoint(directory, disk)
      let seen: (EmbeddedState, note: String?)
      do {
        seen = try look(at: image, directory, disk, since: earlier)
      } catch {
        if try checkpoint(directory, disk) != image { continue }
        throw error
      }
      if try checkpoint(directory, disk) == image { return seen }
    }
  }

  private static func look(
    at image: EmbeddedCheckpoint, _ directory: String, _ disk: EmbeddedDisk,
    since earlier: EmbeddedState?
  ) throws(LogError) -> (EmbeddedState, note: String?) {
    var state: EmbeddedState
    if let earlier, earlier.revision == image.revision {
      state = earlier
      try state.addNewTopics(directory, disk)
    } else {
      (state, _) = try load(image, directory, disk)
      if let earlier { state.generations = earlier.generations }
    }
    let path = "\(directory)/write-ahead"
    guard let file = try disk.openIfPresent(path, .read) else {
      if image.sequence == 0 { return (state, nil) }  // a log that is just being made
      throw LogError(.stop, "\(path) is missing; restore it from a copy of the log")
    }
    let size = try file.size()
    if earlier?.revision == image.revision {
      let start = try file.read(at: state.looked, count: EmbeddedCommit.headerBytes)
      guard EmbeddedCommit.sequence(of: start) == state.sequence + 1 else { return (state, nil) }
    }
    var bytes: [UInt8] = []
    if size > state.looked { bytes = try file.read(at: state.looked, count: size - state.looked) }
    let tail = try EmbeddedWriteAhead.read(bytes, path: path, after: state.sequence)
    let isKnown = tail.commits.allSatisfy { commit in
      commit.batches.allSatisfy { state.partitions[$0.source] != nil }
    }
    if !isKnown { try state.addNewTopics(directory, disk) }
    for commit in tail.commits { try state.apply(commit, path: path) }
    state.looked += tail.end
    return (state, tail.note)
  }

  private mutating func addNewTopics(
    _ directory: String, _ disk: EmbeddedDisk
  ) throws(LogError) {
    let path = "\(directory)/topics"
    guard let bytes = try disk.readAll(path) else { return }
    for settings in try EmbeddedTopics(bytes, path: path).byName.values
    where topics.byName[settings.name] == nil {
      add(settings, log: directory)
    }
  }

  /// Makes a commit visible.
  mutating func apply(_ commit: EmbeddedCommit, path: String) throws(LogError) {
    for batch in commit.batches {
      let end = partitions[batch.source]?.end  // no copy of the tail may live on here
      guard let end,
        case .header(let header) = RecordBatchHeader.read(
          batch.bytes, at: 0, end: batch.bytes.count),
        header.byteCount == batch.bytes.count, header.baseOffset == end
      else {
        throw LogError(
          .stop,
          "\(path): commit \(commit.sequence) does not follow what is in "
            + "\(batch.source.topic)-\(batch.source.partition); restore the log from a copy")
      }
      partitions[batch.source]?.append(header, batch.bytes)
    }
    for each in commit.offsets {
      offsets[each.group, default: [:]][each.source] = CommittedOffset(
        offset: each.offset, metadata: each.metadata)
    }
    sequence = commit.sequence
  }

  /// The checkpoint once the tails are in these segments.
  func checkpoint(_ filled: [TopicPartition: [EmbeddedSegment]]) -> EmbeddedCheckpoint {
    var image = EmbeddedCheckpoint()
    image.sequence = sequence
    image.revision = revision + 1
    image.offsets = offsets
    for (source, partition) in partitions where partition.end > 0 {
      let segments = filled[source] ?? partition.segments
      image.partitions[source] = EmbeddedCheckpoint.Partition(
        end: filled[source] == nil ? partition.tailStart : partition.end,
        segments: segments.map(\.inCheckpoint), compacted: partition.compacted)
    }
    return image
  }

  func missing(_ topic: String) -> LogError {
    LogError(.stop, "there is no topic \(topic) in the log; `kairos topics apply` makes it")
  }

  func missing(_ source: TopicPartition) -> LogError {
    guard let count = topics.byName[source.topic]?.partitions else { return missing(source.topic) }
    return LogError(
      .stop, "topic \(source.topic) has no partition \(source.partition): it has \(count)")
  }
}

extension EmbeddedSegment {
  fileprivate var inCheckpoint: EmbeddedCheckpoint.Partition.Segment {
    .init(base: base, generation: generation, byteCount: byteCount, next: next, times: times)
  }
}

/// That nobody has taken over a writer's id or a group.
struct EmbeddedFence: Sendable {
  var key: String
  var generation: Int

  func isCurrent(_ state: EmbeddedState) -> Bool { state.generations[key] == generation }

  func check(_ state: EmbeddedState) throws(LogError) {
    guard !isCurrent(state) else { return }
    throw LogError(.recreate, "\(key) was taken over by a newer one; this one is of no more use")
  }
}

/// What is wrong with the name of a group; nil: nothing.
func groupComplaint(_ group: String) -> String? {
  if group.isEmpty || group.utf8.count > 1000 || group.utf8.contains(where: { $0 < 0x20 }) {
    return "\"\(group)\" is no name for a group: write 1 to 1000 bytes without control characters"
  }
  return nil
}

func processNumber() -> Int32 { getpid() }
