import CZstd

/// Zstandard by libzstd, to read what others packed.
enum Zstandard {
  static func unpack(
    _ bytes: [UInt8], _ packed: Range<Int>, bound: Int, into target: inout [UInt8]
  ) -> String? {
    let stream = ZstandardUnpacker()
    return unsafe unpackAll(bytes, packed, bound: bound, into: &target) { output, input in
      unsafe stream.step(output, input)
    }
  }
}

/// Owns a decompression context of libzstd, whose window is bounded to 128 MB by default.
@safe final class ZstandardUnpacker: StreamUnpacker {
  private let context: OpaquePointer

  init() {
    guard let context = unsafe ZSTD_createDCtx() else {
      fatalError("out of memory for a Zstandard context")
    }
    unsafe self.context = context
  }

  deinit { _ = unsafe ZSTD_freeDCtx(context) }

  func step(
    _ output: UnsafeMutableRawBufferPointer, _ input: UnsafeRawBufferPointer
  ) -> UnpackStep {
    var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    let hint = unsafe ZSTD_decompressStream(context, &target, &source)
    guard ZSTD_isError(hint) == 0 else {
      let name = unsafe String(cString: ZSTD_getErrorName(hint))
      return UnpackStep(failure: "its Zstandard frame is damaged (\(name))")
    }
    return unsafe UnpackStep(consumed: source.pos, produced: target.pos, isAtEnd: hint == 0)
  }

  func restart() { _ = unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }
}
