import CRE2

/// A compiled regular expression in RE2's syntax. Matching takes linear time and changes nothing,
/// so one pattern serves all threads.
@safe final class Pattern: @unchecked Sendable {
  private let raw: OpaquePointer

  /// Nil if `text` is not a pattern, or one that needs too much memory; `problem` says why.
  init?(_ text: String, problem: inout String) {
    var reason = [CChar](repeating: 0, count: 128)
    let bytes = Array(text.utf8)
    let made = unsafe bytes.withUnsafeBufferPointer { text in
      unsafe reason.withUnsafeMutableBufferPointer { reason in
        unsafe cre2_compile(text.baseAddress, text.count, reason.baseAddress, reason.count)
      }
    }
    guard let made = unsafe made else {
      let read = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      problem = String(decoding: read, as: UTF8.self)
      return nil
    }
    unsafe raw = made
  }

  deinit { unsafe cre2_free(raw) }

  /// Whether the pattern fits any part of `text`.
  func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      unsafe cre2_matches(raw, bytes.baseAddress, bytes.count)
    }
  }
}
