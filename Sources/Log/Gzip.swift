import CZlib

/// gzip by zlib, to read what others packed.
enum Gzip {
  static func unpack(
    _ bytes: [UInt8], _ packed: Range<Int>, bound: Int, into target: inout [UInt8]
  ) -> String? {
    let stream = GzipUnpacker()
    return unsafe unpackAll(bytes, packed, bound: bound, into: &target) { output, input in
      unsafe stream.step(output, input)
    }
  }
}

/// Owns an inflating stream of zlib.
@safe final class GzipUnpacker: StreamUnpacker {
  /// On the heap, since zlib keeps a pointer back to it.
  private let stream: UnsafeMutablePointer<z_stream>

  init() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let gzipOnly: Int32 = 15 + 16
    let code = unsafe inflateInit2_(
      stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else { fatalError("out of memory for an inflating stream") }
  }

  deinit {
    _ = unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func step(
    _ output: UnsafeMutableRawBufferPointer, _ input: UnsafeRawBufferPointer
  ) -> UnpackStep {
    let offered = (input: min(input.count, 1 << 30), output: min(output.count, 1 << 30))
    unsafe stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    unsafe stream.pointee.avail_in = UInt32(offered.input)
    unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    unsafe stream.pointee.avail_out = UInt32(offered.output)
    let code = unsafe inflate(stream, Z_NO_FLUSH)
    guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
      let detail = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      return UnpackStep(failure: "its gzip data is damaged (\(detail ?? "zlib error \(code)"))")
    }
    return unsafe UnpackStep(
      consumed: offered.input - Int(stream.pointee.avail_in),
      produced: offered.output - Int(stream.pointee.avail_out), isAtEnd: code == Z_STREAM_END)
  }

  func restart() { _ = unsafe inflateReset(stream) }
}
