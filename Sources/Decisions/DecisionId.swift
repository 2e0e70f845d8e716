internal import CCrypto
internal import Events

/// SHA-256, by OpenSSL.
package func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  unsafe bytes.withUnsafeBufferPointer { input in
    unsafe digest.withUnsafeMutableBufferPointer { output in
      _ = unsafe SHA256(input.baseAddress, input.count, output.baseAddress)
    }
  }
  return digest
}

package func hex(_ bytes: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  for byte in bytes {
    text.append(digits[Int(byte >> 4)])
    text.append(digits[Int(byte & 15)])
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
    let prefix = (0..<4).map { UInt8(truncatingIfNeeded: place >> UInt32(24 - 8 * $0)) }
    text = hex(prefix) + "-" + hex(sha256(bytes).prefix(12))
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
