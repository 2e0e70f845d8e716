internal import CCrypto
internal import Events

/// OpenSSL's SHA-256, looked up once: that costs more than the digest of a short text.
@safe private struct Algorithm: @unchecked Sendable {
  let pointer: OpaquePointer?
  static let sha256 = unsafe Algorithm(pointer: EVP_MD_fetch(nil, "SHA256", nil))
}

/// SHA-256, by OpenSSL.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  let isDone = unsafe bytes.withUnsafeBufferPointer { input in
    unsafe digest.withUnsafeMutableBufferPointer { output in
      unsafe EVP_Digest(
        input.baseAddress, input.count, output.baseAddress, nil, Algorithm.sha256.pointer, nil)
    }
  }
  precondition(isDone == 1, "OpenSSL has no SHA-256")
  return digest
}

func hexDigit(_ nibble: UInt8) -> UInt8 {
  nibble + (nibble < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
}

package func hex(_ bytes: some Sequence<UInt8>) -> String {
  var text: [UInt8] = []
  for byte in bytes {
    text.append(hexDigit(byte >> 4))
    text.append(hexDigit(byte & 15))
  }
  return String(decoding: text, as: UTF8.self)
}

/// A decision's name, the same in every replay: eight hex digits of the customer's murmur2 (they
/// tell the partition, for any count of them), then twenty-four of SHA-256 over customer, playbook,
/// decision and what it hangs on. The playbook's version is left out, so that an edited text calls
/// nobody twice.
package struct DecisionId: Hashable, Sendable {
  package let text: String

  package init(text: String) { self.text = text }

  /// `anchor`: the event's hash of (source, id) for a decision that an event made, else the instant
  /// of the deadline.
  package init(customer: [UInt8], playbook: String, decision: String, anchor: Anchor) {
    var bytes = customer
    for part in [playbook, decision] {
      bytes.append(0)
      bytes.append(contentsOf: part.utf8)
    }
    bytes.append(0)
    let (tag, word): (UInt8, UInt64) =
      switch anchor {
      case .event(let hash): (1, hash)
      case .instant(let time): (2, UInt64(bitPattern: time))
      }
    bytes.append(tag)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    let place = murmur2(customer.span)
    let digest = sha256(bytes)
    text = unsafe String(unsafeUninitializedCapacity: 33) { text in
      for index in 0..<8 {
        unsafe text[index] = hexDigit(
          UInt8(truncatingIfNeeded: place >> UInt32(28 - 4 * index)) & 15)
      }
      unsafe text[8] = UInt8(ascii: "-")
      for index in 0..<24 {
        unsafe text[9 + index] = hexDigit(digest[index / 2] >> (index % 2 == 0 ? 4 : 0) & 15)
      }
      return 33
    }
  }

  package enum Anchor: Equatable, Sendable {
    case event(UInt64)
    case instant(Int64)
  }
}

/// The customer's place in [0, 10,000): the first eight bytes, big-endian, of
/// SHA-256(salt ‖ 0x00 ‖ customer), modulo 10,000. Sticky for one salt.
package func bucket(salt: String, customer: [UInt8]) -> Int {
  let digest = sha256(Array(salt.utf8) + [0] + customer)
  var value: UInt64 = 0
  for byte in digest.prefix(8) { value = value << 8 | UInt64(byte) }
  return Int(value % 10_000)
}
