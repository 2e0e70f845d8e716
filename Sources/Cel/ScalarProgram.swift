/// An expression over scalars as flat postfix code: the fast path beside `CelProgram`, equal to it
/// in every result, with the smallest unit of time a millisecond.
///
/// An evaluation allocates nothing, unless it turns a text of more than 15 bytes into a number.
package struct ScalarProgram: Sendable {
  /// Indices of the variables of which the text itself must be in the pool, not only what is equal
  /// to a text that an expression mentions: those compared with one another, ordered, turned into
  /// numbers, used as a time zone's name or given as the result. Ascending.
  package let stringSlotsNeedText: [Int]
  private let code: [ScalarInstruction]
  private let constants: [Scalar]

  static let stackDepth = 16

  /// Nil if the expression needs more than this: text functions, macros, lists and maps from data,
  /// times finer than a millisecond, or a comparison of two values that might both be lists.
  package init?(_ program: CelProgram, pool: inout TextPool) {
    var compiler = ScalarCompiler(program)
    guard let result = compiler.compile(program.root, pool: &pool),
      compiler.depthMax <= ScalarProgram.stackDepth
    else { return nil }
    compiler.needsText.formUnion(result.texts)
    code = compiler.code
    constants = compiler.constants
    stringSlotsNeedText = compiler.needsText.sorted()
  }

  /// The value where slot `i` holds variable `i`; `.missing` where CEL has an error.
  package func evaluate(_ slots: Span<Scalar>, texts: TextPool, zones: ZoneTable) -> Scalar {
    var stack = ScalarStack()
    var top = -1
    var next = 0
    while next < code.count {
      let instruction = code[next]
      next += 1
      switch instruction.operation {
      case .constant:
        top += 1
        stack[top] = constants[Int(instruction.a)]
      case .slot:
        top += 1
        stack[top] = slots[Int(instruction.a)]
      case .present:
        top += 1
        stack[top] = Scalar(slots[Int(instruction.a)].kind != .missing)
      case .compareSlotWithConstant:
        top += 1
        stack[top] = instruction.function.compareScalars(
          slots[Int(instruction.a)], constants[Int(instruction.b)], texts)
      case .compare:
        top -= 1
        stack[top] = instruction.function.compareScalars(stack[top], stack[top + 1], texts)
      case .calculate:
        top -= 1
        stack[top] = instruction.function.calculate(stack[top], stack[top + 1])
      case .extreme:
        top -= 1
        stack[top] = instruction.function.extreme(stack[top], stack[top + 1])
      case .convert:
        stack[top] = instruction.function.convert(stack[top], texts)
      case .field:
        stack[top] = instruction.function.field(of: stack[top])
      case .fieldInZone:
        top -= 1
        stack[top] = instruction.function.field(of: stack[top], in: stack[top + 1], texts, zones)
      case .isAmong:
        stack[top] = isAmong(stack[top], Int(instruction.a), Int(instruction.b))
      case .jumpIfAbsorbed:
        let value = stack[top]
        if value.kind == .bool && value.bool == (instruction.b != 0) { next = Int(instruction.a) }
      case .combine:
        top -= 1
        stack[top] = combined(stack[top], stack[top + 1], absorbing: instruction.b != 0)
      case .branch:
        let condition = stack[top]
        top -= 1
        if condition.kind != .bool {
          top += 1
          stack[top] = .missing
          next = Int(instruction.b)
        } else if !condition.bool {
          next = Int(instruction.a)
        }
      case .jump: next = Int(instruction.a)
      }
    }
    return stack[0]
  }

  /// What the program is if it is no more than a slot compared with a number.
  package var numberTest: NumberTest? {
    guard code.count == 1, code[0].operation == .compareSlotWithConstant else { return nil }
    let constant = constants[Int(code[0].b)]
    guard constant.kind == .double, !constant.double.isNaN else { return nil }
    let comparison: NumberTest.Comparison
    switch code[0].function {
    case .equal: comparison = .equal
    case .notEqual: comparison = .notEqual
    case .less: comparison = .less
    case .lessOrEqual: comparison = .lessOrEqual
    case .greater: comparison = .greater
    case .greaterOrEqual: comparison = .greaterOrEqual
    default: return nil
    }
    return NumberTest(slot: Int(code[0].a), comparison: comparison, constant: constant.double)
  }

  private func isAmong(_ value: Scalar, _ start: Int, _ count: Int) -> Scalar {
    guard value.kind != .missing else { return .missing }
    for index in start..<(start + count)
    where CelFunction.scalarsEqual(value, constants[index]) == .yes {
      return Scalar(true)
    }
    return Scalar(false)
  }

  /// `a || b` (absorbing true) or `a && b` (absorbing false), where `a` alone did not decide.
  private func combined(_ a: Scalar, _ b: Scalar, absorbing: Bool) -> Scalar {
    guard b.kind == .bool else { return .missing }
    if b.bool == absorbing { return b }
    return a.kind == .bool ? b : .missing
  }
}

/// A slot compared with a number: what most conditions are.
package struct NumberTest: Sendable {
  package enum Comparison: UInt8, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
  }
  package let slot: Int
  let comparison: Comparison
  let constant: Double

  /// Nil: the value is no double, and the program has to say.
  package func holds(_ value: Scalar) -> Bool? {
    guard value.kind == .double else { return nil }
    let number = value.double
    guard number == number else { return nil }
    switch comparison {
    case .equal: return number == constant
    case .notEqual: return number != constant
    case .less: return number < constant
    case .lessOrEqual: return number <= constant
    case .greater: return number > constant
    case .greaterOrEqual: return number >= constant
    }
  }
}

/// Room for 16 values inside the frame; apart, so that clearing it is a few wide stores.
private struct ScalarStack {
  private var bits = [16 of UInt64](repeating: 0)
  private var kinds = [16 of Scalar.Kind](repeating: .missing)

  subscript(place: Int) -> Scalar {
    @inline(__always) get {
      Scalar(kind: kinds[place], bits: bits[place])
    }
    @inline(__always) set {
      kinds[place] = newValue.kind
      bits[place] = newValue.bits
    }
  }
}

struct ScalarInstruction: Sendable {
  enum Operation: UInt8, Sendable {
    /// Pushes constant `a`, the value of slot `a`, or whether slot `a` has one.
    case constant, slot, present
    /// Pushes the comparison of slot `a` with constant `b`.
    case compareSlotWithConstant
    /// Two operands off the stack, one result on it.
    case compare, calculate, extreme, fieldInZone
    /// One operand off the stack, one result on it.
    case convert, field
    /// Whether the operand is one of the `b` constants from `a` on.
    case isAmong
    /// Goes on at `a` if the top of the stack is the bool `b`, leaving it there.
    case jumpIfAbsorbed
    /// Joins two operands of `||` (`b` is 1) or `&&` (0).
    case combine
    /// Takes a condition off the stack: goes on at `a` if it is false; if it is no bool, pushes
    /// `.missing` and goes on at `b`.
    case branch
    case jump
  }
  var operation: Operation
  var function: CelFunction = .dyn
  var a: Int32 = 0
  var b: Int32 = 0
}
