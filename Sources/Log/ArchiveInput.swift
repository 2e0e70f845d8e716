/// A file read from front to back, unpacked if it is packed: gzip, LZ4 and Zstandard are known by
/// their first bytes, whatever the file is called. Pipes are read too.
struct ArchiveInput {
  private let file: EmbeddedFile
  private let unpacker: (any StreamUnpacker)?
  private var packed: [UInt8] = []
  private var packedPlace = 0
  private var isFileRead = false
  /// Some of a gzip member or frame was read, but not its end.
  private var isWithinMember = false
  /// Bytes of the file, as stored, that were read so far.
  private(set) var bytesRead = 0
  /// Nil: nobody knows; it is a pipe.
  let bytesTotal: Int?

  private static let blockBytes = 256 << 10

  init(path: String) throws(LogError) {
    guard let file = try EmbeddedDisk().openIfPresent(path, .read) else {
      throw LogError(.stop, "\(path) is missing; name a file that is there")
    }
    self.file = file
    let size = try file.size()
    bytesTotal = size > 0 ? size : nil
    try file.readOn(count: Self.blockBytes, into: &packed)
    unpacker = Self.unpacker(for: packed)
  }

  private static func unpacker(for start: [UInt8]) -> (any StreamUnpacker)? {
    if start.starts(with: [0x1F, 0x8B]) { return GzipUnpacker() }
    if start.starts(with: [0x04, 0x22, 0x4D, 0x18]) { return Lz4Unpacker() }
    if start.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return ZstandardUnpacker() }
    return nil
  }

  enum Failure: Error {
    case disk(LogError)
    /// What is packed is damaged or cut off.
    case damaged(LogError)
  }

  /// Puts up to `count` bytes at `place` of `bytes`, where there is room for them. Returns how many;
  /// 0: that was all.
  mutating func read(
    _ count: Int, into bytes: inout [UInt8], at place: Int
  ) throws(Failure) -> Int {
    precondition(place >= 0 && place + count <= bytes.count)
    guard let unpacker else { return try readPlain(count, into: &bytes, at: place) }
    while true {
      if packedPlace == packed.count, !isFileRead { try refill() }
      if packedPlace == packed.count, !isWithinMember { return 0 }
      let step = unsafe bytes.withUnsafeMutableBytes { output in
        unsafe packed.withUnsafeBytes { input in
          unsafe unpacker.step(
            UnsafeMutableRawBufferPointer(rebasing: output[place..<(place + count)]),
            UnsafeRawBufferPointer(rebasing: input[packedPlace...]))
        }
      }
      advance(step.consumed)
      isWithinMember = true
      if step.isAtEnd {
        isWithinMember = false
        unpacker.restart()
      } else if step.failure != nil || (step.produced == 0 && step.consumed == 0) {
        throw .damaged(damage(step.failure))
      }
      if step.produced > 0 { return step.produced }
    }
  }

  /// What is not packed goes to its place without a detour, but for what was looked at to know that.
  private mutating func readPlain(
    _ count: Int, into bytes: inout [UInt8], at place: Int
  ) throws(Failure) -> Int {
    let known = min(count, packed.count - packedPlace)
    if known > 0 {
      bytes.replaceSubrange(
        place..<(place + known), with: packed[packedPlace..<(packedPlace + known)])
      advance(known)
      return known
    }
    do {
      let read = try file.readOn(count: count, into: &bytes, at: place)
      bytesRead += read
      return read
    } catch {
      throw .disk(error)
    }
  }

  private mutating func advance(_ count: Int) {
    packedPlace += count
    bytesRead += count
  }

  private mutating func refill() throws(Failure) {
    do {
      try file.readOn(count: Self.blockBytes, into: &packed)
    } catch {
      throw .disk(error)
    }
    packedPlace = 0
    isFileRead = packed.isEmpty
  }

  private func damage(_ failure: String?) -> LogError {
    guard let failure else {
      return LogError(
        .stop, "\(file.path) is cut off after \(bytesRead) bytes; get the whole file")
    }
    return LogError(
      .stop, "\(file.path) is damaged near byte \(bytesRead): \(failure); get a good copy")
  }
}
