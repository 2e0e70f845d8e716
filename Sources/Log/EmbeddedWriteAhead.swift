import Glibc

/// The write-ahead file: one entry a commit, in the order of their sequence numbers, which never
/// start again. Big-endian:
///
///      0  "KWA1"                      4  u32 bytes of payload
///      8  u32 CRC-32C from 12 on     12  i64 sequence number
///     20  u32 0                      24  payload
///     payload: u32 number of batches, each: topic (u16 length), i32 partition, u32 length, batch
///              u32 number of offsets, each: group, topic (u16 lengths), i32 partition, i64 offset
///              and, if any offset has some, each offset's metadata (u16 length)
///
/// Behind the last entry stand 24 zero bytes, which the next one overwrites. A checkpoint that holds
/// everything up to sequence number N makes the file free: N + 1 is written at its beginning, over
/// what is no longer needed, so a commit seldom makes the file longer and its sync stays cheap.
/// Reading starts at the beginning with N + 1 and ends where the next number is not found.
struct EmbeddedCommit: Equatable, Sendable {
  struct Batch: Equatable, Sendable {
    var source: TopicPartition
    var bytes: [UInt8]
  }
  struct GroupOffset: Equatable, Sendable {
    var group: String
    var source: TopicPartition
    var offset: Int64
    var metadata = ""
  }
  var sequence: Int64
  var batches: [Batch] = []
  var offsets: [GroupOffset] = []

  static let headerBytes = 24
  static let magic: [UInt8] = [0x4B, 0x57, 0x41, 0x31]
  /// The most that one commit may hold.
  static let mostBytes = 1 << 30

  /// The entry, and the zeros behind it.
  func encode() -> [UInt8] {
    var bytes = Self.magic
    bytes.reserveCapacity(batches.reduce(256) { $0 + $1.bytes.count + 64 })
    bytes.append(zeros: Self.headerBytes - bytes.count)
    bytes.append(bigEndian: UInt32(batches.count))
    for batch in batches {
      bytes.append(text: batch.source.topic)
      bytes.append(bigEndian: batch.source.partition)
      bytes.append(bigEndian: UInt32(batch.bytes.count))
      bytes.append(contentsOf: batch.bytes)
    }
    bytes.append(bigEndian: UInt32(offsets.count))
    for offset in offsets {
      bytes.append(text: offset.group)
      bytes.append(text: offset.source.topic)
      bytes.append(bigEndian: offset.source.partition)
      bytes.append(bigEndian: offset.offset)
    }
    if offsets.contains(where: { !$0.metadata.isEmpty }) {
      for offset in offsets { bytes.append(text: offset.metadata) }
    }
    bytes.store(bigEndian: UInt32(bytes.count - Self.headerBytes), at: 4)
    bytes.store(bigEndian: sequence, at: 12)
    bytes.store(bigEndian: Crc32c.of(bytes, 12..<bytes.count), at: 8)
    bytes.append(zeros: Self.headerBytes)
    return bytes
  }

  /// Nil: there is no whole, undamaged entry at `place`.
  static func decode(_ bytes: [UInt8], at place: Int) -> (EmbeddedCommit, byteCount: Int)? {
    guard let (sequence, byteCount) = recognise(bytes, at: place) else { return nil }
    var cursor = Cursor(bytes: bytes, place: place + headerBytes, end: place + byteCount)
    var commit = EmbeddedCommit(sequence: sequence)
    guard let batchCount = cursor.integer(UInt32.self) else { return nil }
    for _ in 0..<batchCount {
      guard let source = cursor.source(), let count = cursor.integer(UInt32.self),
        let content = cursor.take(Int(count))
      else { return nil }
      commit.batches.append(Batch(source: source, bytes: content))
    }
    guard let offsetCount = cursor.integer(UInt32.self) else { return nil }
    for _ in 0..<offsetCount {
      guard let group = cursor.text(), let source = cursor.source(),
        let offset = cursor.integer(Int64.self)
      else { return nil }
      commit.offsets.append(GroupOffset(group: group, source: source, offset: offset))
    }
    if cursor.place < cursor.end {
      for index in commit.offsets.indices {
        guard let metadata = cursor.text() else { return nil }
        commit.offsets[index].metadata = metadata
      }
    }
    return cursor.place == cursor.end ? (commit, byteCount) : nil
  }

  /// Sequence number and length of the entry at `place`, if its checksum is right.
  static func recognise(_ bytes: [UInt8], at place: Int) -> (sequence: Int64, byteCount: Int)? {
    guard bytes.count - place >= headerBytes, startsLikeOne(bytes, at: place) else { return nil }
    let length = Int(bytes.load(bigEndian: UInt32.self, at: place + 4))
    guard length <= bytes.count - place - headerBytes else { return nil }
    let end = place + headerBytes + length
    let checksum = bytes.load(bigEndian: UInt32.self, at: place + 8)
    guard Crc32c.of(bytes, (place + 12)..<end) == checksum else { return nil }
    return (bytes.load(bigEndian: Int64.self, at: place + 12), end - place)
  }

  /// What a header says, be it true or not; nil: it is none.
  static func sequence(of header: [UInt8]) -> Int64? {
    guard header.count == headerBytes, startsLikeOne(header, at: 0) else { return nil }
    return header.load(bigEndian: Int64.self, at: 12)
  }

  static func startsLikeOne(_ bytes: [UInt8], at place: Int) -> Bool {
    bytes[place] == magic[0] && bytes[place + 1] == magic[1] && bytes[place + 2] == magic[2]
      && bytes[place + 3] == magic[3]
  }

  private struct Cursor {
    let bytes: [UInt8]
    var place: Int
    let end: Int

    mutating func take(_ count: Int) -> [UInt8]? {
      guard count <= end - place else { return nil }
      defer { place += count }
      return Array(bytes[place..<(place + count)])
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) -> Value? {
      guard Value.bitWidth / 8 <= end - place else { return nil }
      defer { place += Value.bitWidth / 8 }
      return bytes.load(bigEndian: type, at: place)
    }

    mutating func text() -> String? {
      guard let count = integer(UInt16.self), let bytes = take(Int(count)) else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }

    mutating func source() -> TopicPartition? {
      guard let topic = text(), let partition = integer(Int32.self) else { return nil }
      return TopicPartition(topic, partition)
    }
  }
}

extension [UInt8] {
  fileprivate mutating func append(text: String) {
    append(bigEndian: UInt16(text.utf8.count))
    append(contentsOf: text.utf8)
  }
}

/// What a reading of the write-ahead file found.
struct EmbeddedTail: Sendable {
  var commits: [EmbeddedCommit] = []
  /// Where the next entry goes.
  var end = 0
  /// What was cut off and why; nil: it ended cleanly.
  var note: String?
}

enum EmbeddedWriteAhead {
  /// The entries from the sequence number after `last` on, from byte `place` on. An unfinished entry
  /// at the end is left out; an unreadable one with a readable one behind it is an error. Entries that
  /// a checkpoint has taken over are passed over: it may have come without the file's starting again.
  static func read(
    _ bytes: [UInt8], path: String, from place: Int = 0, after last: Int64
  ) throws(LogError) -> EmbeddedTail {
    var tail = EmbeddedTail(end: startOf(last + 1, bytes, from: place))
    var expected = last + 1
    while let (commit, byteCount) = EmbeddedCommit.decode(bytes, at: tail.end),
      commit.sequence == expected
    {
      tail.commits.append(commit)
      tail.end += byteCount
      expected += 1
    }
    let zeros = bytes[min(tail.end, bytes.count)...].prefix(EmbeddedCommit.headerBytes)
    if zeros.allSatisfy({ $0 == 0 }) { return tail }
    if let (sequence, _) = EmbeddedCommit.recognise(bytes, at: tail.end), sequence <= last {
      return tail  // what was written before the last checkpoint
    }
    if let later = laterEntry(bytes, behind: tail.end, from: expected) {
      throw LogError(
        .stop,
        "\(path) is damaged at byte \(tail.end): commit \(expected) cannot be read, but "
          + "commit \(later.sequence) at byte \(later.place) can; restore the log from a copy")
    }
    tail.note =
      "\(path): cut an unfinished or damaged commit \(expected) at byte \(tail.end), the last one"
    return tail
  }

  /// Where the entry of that number is, behind those before it; if it is not there, `place`.
  private static func startOf(_ wanted: Int64, _ bytes: [UInt8], from place: Int) -> Int {
    var at = place
    while let (sequence, byteCount) = EmbeddedCommit.recognise(bytes, at: at), sequence < wanted {
      at += byteCount
    }
    let found = EmbeddedCommit.recognise(bytes, at: at)
    return found?.sequence == wanted ? at : place
  }

  private static func laterEntry(
    _ bytes: [UInt8], behind place: Int, from expected: Int64
  ) -> (sequence: Int64, place: Int)? {
    var from = place
    while let next = nextStart(bytes, from: from) {
      if let (sequence, _) = EmbeddedCommit.recognise(bytes, at: next), sequence >= expected {
        return (sequence, next)
      }
      from = next + 1
    }
    return nil
  }

  private static func nextStart(_ bytes: [UInt8], from place: Int) -> Int? {
    unsafe bytes.withUnsafeBytes { buffer in
      guard place < buffer.count, let base = buffer.baseAddress,
        let found = unsafe memchr(
          base + place, Int32(EmbeddedCommit.magic[0]), buffer.count - place)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }
}

/// The write-ahead file while it is written.
struct EmbeddedWriteAheadWriter {
  private var file: EmbeddedFile
  /// Where the next entry goes: 0 when all is in the segments.
  private(set) var end = 0
  /// The file is this long; what lies behind `end` is overwritten.
  private var allocated: Int
  /// The file grows by so much at a time, so that most commits leave its length as it is.
  private let growth: Int
  /// A sync has failed, so nobody knows what is in the file: a later sync that succeeds proves nothing
  /// about the bytes before it. It takes no more entries until `startAnew`.
  private(set) var isUnsettled = false

  init(file: EmbeddedFile, end: Int, growth: Int) throws(LogError) {
    self.file = file
    self.growth = growth
    self.end = end
    allocated = try file.size()
  }

  /// One write and one sync.
  mutating func append(_ entry: [UInt8]) throws(LogError) {
    precondition(!isUnsettled, "the write-ahead file is not settled")
    // Where a write fails, the next entry is written over what came of it.
    if end + entry.count > allocated {
      let needed = end + entry.count - allocated
      let grown = [UInt8](repeating: 0, count: growth)
      while end + entry.count > allocated {
        try file.write(grown, at: allocated, needed: max(needed, growth))
        allocated += grown.count
      }
    }
    try file.write(entry, at: end)
    do { try file.sync() } catch {
      isUnsettled = true
      throw error
    }
    end += entry.count - EmbeddedCommit.headerBytes
  }

  /// All entries are in the segments and in a checkpoint.
  mutating func startAgain() {
    precondition(!isUnsettled, "the write-ahead file is not settled")
    end = 0
  }

  /// The same in a new, empty file.
  mutating func startAnew(_ disk: EmbeddedDisk) throws(LogError) {
    isUnsettled = true
    try disk.replace(file.path, with: [])
    file = try disk.open(file.path, .readWrite)
    end = 0
    allocated = 0
    isUnsettled = false
  }

  /// Gives its space back; only after `startAgain`.
  mutating func release() throws(LogError) {
    precondition(end == 0, "the write-ahead file still holds commits")
    try file.truncate(to: 0)
    allocated = 0
  }
}
