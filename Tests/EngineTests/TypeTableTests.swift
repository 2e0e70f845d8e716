import Events
import TestSupport
import Testing

@testable import Engine

@Suite struct `Type table` {
  @Test func `knows the types that the book mentions and no others`() throws {
    let names = [
      "a", "ab", "abcdefg", "abcdefgh", "abcdefghi", "abcdefgh.12345678", "abcdefgh-12345678",
      "abcdefgh.x.12345678", "abcdefgh.y.12345678", "purchase.completed",
    ]
    let features = names.enumerated().map { "f\($0): { count: '\($1)' }" }
    let text = playbook("features: { \(features.joined(separator: ", ")) }")
    let program: Program = try EngineTests.program(text)
    let table = TypeTable(program)
    for (number, type) in program.types.enumerated().dropFirst() {
      let bytes = Array("<\(type.name)>".utf8)
      #expect(table.number(bytes.span, 1..<(bytes.count - 1)) == UInt16(number))
    }
    for name in ["", "b", "abcdefg\0", "abcdefgh.z.12345678", "abcdefgh12345678", "purchase"] {
      let bytes = Array(name.utf8)
      #expect(table.number(bytes.span, 0..<bytes.count) == 0)
    }
    #expect(names.allSatisfy { name in program.types.contains { $0.name == name } })
  }
}
