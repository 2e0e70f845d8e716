package import Yaml

extension Playbook {
  /// The last value of a field by event time.
  package struct Fact: Sendable {
    package var name: String
    package var position: SourcePosition
    package var field: FieldPath
    package var from: EventTypes
    package var `where`: CelText?
    package var type: ValueType
    /// Of `type`. Without one in the file: "", 0, 0.0, false.
    package var `default`: Literal
  }

  /// Something counted or measured over a customer's events, or computed from other features.
  package struct Feature: Sendable {
    package enum Function: String, CaseIterable, Sendable {
      case count, sum, mean, min, max, distinct, first, last, since, rate, ewm, stddev, slope
      case streak, value
    }
    package enum Unit: String, CaseIterable, Sendable {
      case minutes, hours, days
      package var milliseconds: Int64 {
        switch self {
        case .minutes: 60_000
        case .hours: 3_600_000
        case .days: 86_400_000
        }
      }
    }
    package var name: String
    package var position: SourcePosition
    package var function: Function
    /// Of sum, mean, min, max, distinct, first, last, ewm, stddev, slope.
    package var field: FieldPath?
    /// Of all but value.
    package var from: EventTypes?
    package var `where`: CelText?
    /// Milliseconds. Nil: since ever.
    package var over: Int64?
    package var ending: Int64 = 0
    /// Of `type`; nil where the function cannot be without a value (count, rate, distinct, streak,
    /// value). Without one in the file: 0, "" or false, and for since its `at_most`.
    package var `default`: Literal?
    /// Values become integers at 10^scaleExponent before they are added up.
    package var scaleExponent = -6
    /// Of rate and slope, milliseconds.
    package var per: Int64?
    /// Of since.
    package var unit: Unit?
    /// Of since, in units.
    package var atMost: Int64?
    /// Of since: with its fraction.
    package var exact = false
    /// Of ewm, milliseconds.
    package var halfLife: Int64?
    /// Of value.
    package var expression: CelText?
    /// What CEL sees. Nil: a value whose type CEL's checker finds out.
    package var type: ValueType?
  }

  /// How likely something is.
  package struct Score: Sendable {
    package struct Weight: Sendable {
      package var feature: Mention
      package var weight: Double
    }
    package enum Model: Sendable {
      /// z = bias + Σ weight · value, in declared order.
      case logistic(bias: Double, weights: [Weight])
    }
    package struct Reason: Sendable {
      package var feature: Mention
      package var text: ReasonText
    }
    package var name: String
    package var position: SourcePosition
    package var model: Model
    package var reasons: [Reason] = []
  }
}
