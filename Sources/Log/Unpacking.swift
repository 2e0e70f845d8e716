/// What one step of a decompressor did.
struct UnpackStep {
  var consumed = 0
  var produced = 0
  /// The stream, or one member of it, has come to its end.
  var isAtEnd = false
  var failure: String?
}

/// Unpacks `bytes[packed]` to the end of `target`, never to more than `bound` bytes. Returns what is
/// wrong, or nil; what was unpacked until then stays in `target`.
func unpackAll(
  _ bytes: [UInt8], _ packed: Range<Int>, bound: Int, into target: inout [UInt8],
  step: (UnsafeMutableRawBufferPointer, UnsafeRawBufferPointer) -> UnpackStep
) -> String? {
  precondition(packed.lowerBound >= 0 && packed.upperBound <= bytes.count)
  let start = target.count
  var read = packed.lowerBound
  var written = start
  var room = min(bound, max(packed.count * 4, 4096))
  target.append(zeros: room)
  defer { target.removeSubrange(written...) }
  while true {
    let result = unsafe target.withUnsafeMutableBytes { output in
      unsafe bytes.withUnsafeBytes { input in
        unsafe step(
          UnsafeMutableRawBufferPointer(rebasing: output[written...]),
          UnsafeRawBufferPointer(rebasing: input[read..<packed.upperBound]))
      }
    }
    if let failure = result.failure { return failure }
    read += result.consumed
    written += result.produced
    if result.isAtEnd {
      return read == packed.upperBound ? nil : "bytes follow the end of what is packed"
    }
    if written < target.count {
      if result.consumed == 0, result.produced == 0 { return "what is packed ends too early" }
    } else {
      guard room < bound else { return "it unpacks to more than \(bound) bytes" }
      let more = min(bound - room, room)
      room += more
      target.append(zeros: more)
    }
  }
}

/// A decompressor that is fed bit by bit: the files of an archive.
protocol StreamUnpacker: AnyObject {
  /// Unpacks from the front of `input` into `output`.
  func step(
    _ output: UnsafeMutableRawBufferPointer, _ input: UnsafeRawBufferPointer
  ) -> UnpackStep
  /// Makes ready for one more member right behind the last.
  func restart()
}
