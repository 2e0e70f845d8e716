import CLZ4

/// LZ4 frames by liblz4.
enum Lz4 {
  /// Appends `bytes[range]` as one frame that Kafka reads: independent blocks, no block checksums.
  static func pack(_ bytes: [UInt8], _ range: Range<Int>, into target: inout [UInt8]) {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = range.count > 64 << 10 ? LZ4F_max256KB : LZ4F_max64KB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    preferences.frameInfo.contentSize = UInt64(range.count)
    let start = target.count
    let bound = unsafe LZ4F_compressFrameBound(range.count, &preferences)
    target.append(zeros: bound)
    let written = unsafe target.withUnsafeMutableBytes { output in
      unsafe bytes.withUnsafeBytes { input in
        unsafe LZ4F_compressFrame(
          output.baseAddress! + start, bound, input.baseAddress! + range.lowerBound, range.count,
          &preferences)
      }
    }
    precondition(LZ4F_isError(written) == 0, "LZ4F_compressFrameBound promised enough room")
    target.removeSubrange((start + written)...)
  }

  /// Unpacks the one frame that is `bytes[packed]`. Returns what is wrong, or nil.
  static func unpack(
    _ bytes: [UInt8], _ packed: Range<Int>, bound: Int, into target: inout [UInt8]
  ) -> String? {
    let frame = Lz4Unpacker()
    return unsafe unpackAll(bytes, packed, bound: bound, into: &target) { output, input in
      unsafe frame.step(output, input)
    }
  }
}

/// Owns a decompression context of liblz4.
@safe final class Lz4Unpacker: StreamUnpacker {
  private let context: OpaquePointer

  init() {
    var context: OpaquePointer?
    let code = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
    guard LZ4F_isError(code) == 0, let context = unsafe context else {
      fatalError("out of memory for an LZ4 context")
    }
    unsafe self.context = context
  }

  deinit { _ = unsafe LZ4F_freeDecompressionContext(context) }

  func step(
    _ output: UnsafeMutableRawBufferPointer, _ input: UnsafeRawBufferPointer
  ) -> UnpackStep {
    var produced = output.count
    var consumed = input.count
    let hint = unsafe LZ4F_decompress(
      context, output.baseAddress, &produced, input.baseAddress, &consumed, nil)
    guard LZ4F_isError(hint) == 0 else {
      let name = unsafe String(cString: LZ4F_getErrorName(hint))
      return UnpackStep(failure: "its LZ4 frame is damaged (\(name))")
    }
    return UnpackStep(consumed: consumed, produced: produced, isAtEnd: hint == 0)
  }

  func restart() { unsafe LZ4F_resetDecompressionContext(context) }
}
