import Foundation
import Testing

@testable import Cel

@Suite struct `Reading an expression` {
  private func refusal(_ text: String) -> CelError? {
    do throws(CelError) {
      _ = try CelExpression(parsing: text)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("", 0), ("a &", 2), ("a = 1", 2), ("(a", 2), ("a +", 3), ("'abc", 0), ("'\\q'", 1),
    ("é", 0), ("'é' + #", 7), ("a b", 2), ("while", 0), ("has(a)", 4), ("a.all(1, true)", 6),
    ("1.5u", 0), ("99999999999999999999", 0), ("9223372036854775808", 0), ("[1,,2]", 3),
    ("Foo{a: 1}", 3), ("a[?1]", 2), ("!-a", 1), ("a..b", 2), ("\"\n\"", 0), ("in", 0),
  ])
  func `points at what is wrong in bytes`(text: String, offset: Int) throws {
    let error = try #require(refusal(text))
    #expect(error.offset == offset, "\(error.message)")
    #expect(!error.message.isEmpty && !error.message.contains("\n"))
  }

  @Test(arguments: [
    "(", "[", "{1:", "!", "-", "f(", "a[", "a?b:", "a.f(", "x.map(y,", "1+(", "a.b[", "((((", "{",
  ])
  func `survives hostile nesting`(unit: String) {
    let text = String(repeating: unit, count: 60_000 / unit.utf8.count)
    #expect(refusal(text) != nil)
    #expect(refusal(text + "1") != nil)
  }

  @Test func `long chains nest neither in reading nor in evaluation`() throws {
    let longest = Parser.heightMax - 1
    let sum = "0" + String(repeating: " + 1", count: longest)
    let program = try CelProgram(CelExpression(parsing: sum), variables: [])
    let value = try program.evaluate({ _ in nil }, zones: ZoneTable()).get()
    guard case .int(Int64(longest)) = value else {
      Issue.record("the sum is not \(longest)")
      return
    }
    let tooLong = try #require(refusal(sum + " + 1"))
    #expect(tooLong.offset == sum.utf8.count + 1)
    #expect(tooLong.message.contains("more than 999 operators"))
    #expect(refusal("1" + String(repeating: "+1", count: 60_000)) != nil)
    let either = "false" + String(repeating: " || false", count: 5000)
    #expect(refusal(either) == nil)
    #expect(refusal("a" + String(repeating: ".b", count: 20_000)) != nil)
  }

  @Test func `the deepest nesting that is read can be evaluated on a small stack`() throws {
    let depth = Parser.depthMax - 2
    let shapes = [
      String(repeating: "(", count: depth) + "1" + String(repeating: ")", count: depth),
      String(repeating: "[", count: depth) + "1" + String(repeating: "]", count: depth),
      String(repeating: "1 - (", count: depth) + "1" + String(repeating: ")", count: depth),
      String(repeating: "true ? 1 : ", count: depth) + "1",
      String(repeating: "!", count: depth) + "true",
      "1" + String(repeating: " + 1", count: Parser.heightMax - 1),
      String(repeating: "[1].map(x, ", count: depth / 2) + "1"
        + String(repeating: ")", count: depth / 2),
    ]
    let done = DispatchSemaphore(value: 0)
    let failed = Failures()
    let thread = Thread {
      for shape in shapes {
        do {
          let program = try CelProgram(CelExpression(parsing: shape), variables: [])
          _ = try program.evaluate({ _ in nil }, zones: ZoneTable()).get()
        } catch {
          failed.add("\(shape.prefix(30)): \(error)")
        }
      }
      done.signal()
    }
    thread.stackSize = 2 << 20
    thread.start()
    done.wait()
    #expect(failed.all.isEmpty)
  }

  @Test func `tells the paths that start at a name`() throws {
    let expression = try CelExpression(
      parsing: """
        data.a.b > 1 && data["c"].d == "x" && has(data.e.f) && data.a.b < 5
        && data.list.exists(data2, data2.p == data.q) && [1].all(data, data.hidden == 1)
        && data.list[0].z == 1 && data.name.startsWith("v") && other.a && .data.r
        """)
    #expect(
      expression.paths(root: "data") == [
        ["a", "b"], ["c", "d"], ["e", "f"], ["list"], ["q"], ["name"], ["r"],
      ])
    #expect(expression.paths(root: "nothing").isEmpty)
    #expect(try CelExpression(parsing: "size(data) > 1").paths(root: "data") == [[]])
    #expect(
      try CelExpression(parsing: "data.`content-type`").paths(root: "data") == [["content-type"]])
  }

  @Test func `tells the free names`() throws {
    let text = """
      double(logins) / math.greatest(double(prior), 1.0) > 2.0 && [1].all(x, x > limit)
      && type(logins) == int && type(t) == google.protobuf.Timestamp && logins > 1
      """
    #expect(
      try CelExpression(parsing: text).identifiers == ["logins", "prior", "limit", "t"])
  }

  @Test func `random bytes never crash the reader`() {
    var random = Seeded(77)
    let pieces = [
      "a", "1", ".", "(", ")", "[", "]", "{", "}", "'", "\"", "\\", "`", "&&", "||", "!", "-", "?",
      ":", ",", "é", "has(", ".map(", "in", "0x", "1e", "r'", "b\"", "'''", "//", "\n", "true",
    ]
    for _ in 0..<20000 {
      let text = (0..<Int.random(in: 1...12, using: &random))
        .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
      if let error = refusal(text) {
        #expect((0...text.utf8.count).contains(error.offset), "\(text)")
      } else if let program = try? CelProgram(CelExpression(parsing: text), variables: []) {
        _ = program.evaluate({ _ in nil }, zones: ZoneTable())
      }
    }
  }
}

/// Gathers what went wrong on another thread.
final class Failures: @unchecked Sendable {
  private let lock = NSLock()
  private var messages: [String] = []

  func add(_ message: String) { lock.withLock { messages.append(message) } }
  var all: [String] { lock.withLock { messages } }
}
