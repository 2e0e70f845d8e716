import Events
import Foundation
import Testing

/// Our strict reader beside Foundation's, on documents with a few bytes changed.
///
/// Known differences, all with Foundation the laxer: it detects UTF-16 and UTF-32 and takes a byte
/// order mark, allows deeper nesting, takes a comma after the last element, and in places numbers
/// that overflow and half surrogates; with us the first of equal names counts. What it refuses we
/// refuse.
@Suite struct `Strict JSON beside Foundation` {
  private struct Random {
    var state: UInt64
    mutating func next(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(below))
    }
  }

  private static let documents = [
    #"{"id":"e-1","type":"a.b","time":"2024-02-29T00:00:00Z","data":{"n":-12.5e3,"t":[true,false]}}"#,
    #"[null,"\ud83d\ude00\n",{"":[]},0.5,1e5,{"k":{"l":{"m":[1,2,[3]]}}}]"#,
    #"{"é":"ü\u00fc","a":"x\\","b":"\"","c":[{},{}],"d":18446744073709551615,"e":-0}"#,
  ]
  private static let alphabet =
    Array("{}[]:,\"\\ntfu0123456789.eE+- \n\u{1}aé\u{ff}".utf8) + [0xff, 0x80]

  private static func foundation(_ bytes: [UInt8]) -> Bool {
    do {
      _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
      return true
    } catch {
      return false
    }
  }

  private func isTrailingComma(_ bytes: [UInt8], _ at: Int) -> Bool {
    guard at < bytes.count, "}]".utf8.contains(bytes[at]) else { return false }
    return bytes[..<at].last { !" \n\r\t".utf8.contains($0) } == UInt8(ascii: ",")
  }

  @Test func `both accept and refuse the same, but for the known differences`() {
    var random = Random(state: 5)
    var reader = JsonReader()
    let plan = reader.plan([["data", "n"], ["a"], ["é"]])
    var accepted = 0
    var refusals = 0
    for round in 0..<20_000 {
      var bytes = Array(Self.documents[round % Self.documents.count].utf8)
      for _ in 0...random.next(2) {
        let at = random.next(bytes.count)
        switch random.next(4) {
        case 0: bytes.remove(at: at)
        case 1: bytes.insert(Self.alphabet[random.next(Self.alphabet.count)], at: at)
        case 2: bytes[at] = Self.alphabet[random.next(Self.alphabet.count)]
        default: bytes.removeSubrange(at..<min(bytes.count, at + random.next(6)))
        }
        if bytes.isEmpty { bytes = [0x20] }
      }
      let fault = reader.check(plan, bytes.span, 0..<bytes.count)
      let theirs = Self.foundation(bytes)
      let text = String(decoding: bytes, as: UTF8.self)
      if let fault {
        refusals += 1
        let known =
          fault.reason == .numberOutOfRange || fault.reason == .badText
          || isTrailingComma(bytes, fault.offset)
        #expect(!theirs || known, "only we refuse (\(fault)): \(text)")
      } else {
        accepted += 1
        #expect(theirs, "only we accept: \(text)")
      }
    }
    #expect(accepted > 1000 && refusals > 1000)
  }
}
