internal import Cel
internal import Decisions
package import Engine
internal import Features
internal import Moments
internal import Scores
package import Yaml

/// What a book compiled to, in words and numbers for a person who wants to know what will run, what
/// it will cost, and what in it can never happen.
package struct BookReport: Sendable {
  package struct Fact: Sendable {
    package var name: String
    package var type: String
    /// `data.plan of account.created`.
    package var text: String
    package var fallback: String
  }
  package struct Feature: Sendable {
    package var name: String
    package var text: String
    /// `(t-14d, t-7d]`; empty: it has none.
    package var window: String
    /// Number of the stream that it looks at, from 1; nil: it is computed.
    package var stream: Int?
    /// Features that look at the same stream.
    package var sharedWith: [String]
    /// Of a computed one: the features that it stands on.
    package var standsOn: [String]
  }
  package struct Score: Sendable {
    package var name: String
    package var text: String
    /// The least and the greatest probability that its features allow.
    package var least: Double
    package var greatest: Double
  }
  package struct Moment: Sendable {
    package var name: String
    package var text: String
    /// A sequence's states, or the indicators to choose from, a line each.
    package var states: [String]
    /// At most so many of one customer; nil: it keeps none.
    package var partialsMax: Int?
    package var bytesMax: Int?
  }
  package struct Window: Sendable {
    package var name: String
    package var text: String
    package var cancelledBy: String?
  }
  package struct Decision: Sendable {
    package var name: String
    package var trigger: String
    package var condition: String?
    package var action: String
    package var topic: String
    /// In the order in which they are made.
    package var checks: [(name: String, text: String)]
  }
  package struct Part: Sendable {
    package var name: String
    package var file: String
    package var version: String
    package var timezone: String
    package var facts: [Fact] = []
    package var features: [Feature] = []
    package var scores: [Score] = []
    package var moments: [Moment] = []
    package var windows: [Window] = []
    package var decisions: [Decision] = []
  }
  /// What is read of the events of one type.
  package struct Reads: Sendable {
    /// Empty: of all types that the book does not mention.
    package var type: String
    package var fields: [String]
  }
  /// Memory of one customer.
  package struct Memory: Sendable {
    package var what: String
    package var text: String
    package var bytesMax: Int
    package var bytesTypical: Int
  }

  package var hash: String
  package var parts: [Part] = []
  package var reads: [Reads] = []
  package var memory: [Memory] = []
  package var warnings: [Diagnostic] = []

  /// `program` is what `book` compiled to.
  package init(_ book: Book, _ program: Program) {
    hash = program.hash
    var reading = ReportReading(book, program)
    for index in book.playbooks.indices { parts.append(reading.part(index)) }
    reads = reading.reads()
    memory = reading.memory()
    warnings = reading.warnings()
  }
}

/// Walks book and program side by side: facts, features, scores, moments, windows, decisions have
/// numbers in the order of the playbooks, and within one in the order of its file.
struct ReportReading {
  let book: Book
  let program: Program
  /// What has been numbered in the playbooks before the one at hand.
  private var before = Counts()

  struct Counts {
    var facts = 0
    var features = 0
    var scores = 0
    var moments = 0
    var windows = 0
    var decisions = 0
  }

  init(_ book: Book, _ program: Program) {
    self.book = book
    self.program = program
  }

  mutating func part(_ index: Int) -> BookReport.Part {
    let playbook = book.playbooks[index]
    var part = BookReport.Part(
      name: playbook.name, file: playbook.position.file, version: hex(playbook.version),
      timezone: playbook.timezone)
    part.facts = playbook.facts.map(fact)
    for (place, feature) in playbook.features.enumerated() {
      part.features.append(self.feature(feature, before.features + place))
    }
    for (place, score) in playbook.scores.enumerated() {
      part.scores.append(self.score(score, before.scores + place))
    }
    for (place, moment) in playbook.moments.enumerated() {
      part.moments.append(self.moment(moment, before.moments + place))
    }
    part.windows = playbook.windows.map(window)
    for (place, decision) in playbook.decisions.enumerated() {
      part.decisions.append(self.decision(decision, before.decisions + place))
    }
    before.facts += playbook.facts.count
    before.features += playbook.features.count
    before.scores += playbook.scores.count
    before.moments += playbook.moments.count
    before.windows += playbook.windows.count
    before.decisions += playbook.decisions.count
    return part
  }

  // MARK: Knowledge

  private func fact(_ fact: Playbook.Fact) -> BookReport.Fact {
    BookReport.Fact(
      name: fact.name, type: fact.type.rawValue,
      text: "\(fact.field.text) of \(text(fact.from))\(clause(fact.where))",
      fallback: text(fact.default))
  }

  private func feature(_ feature: Playbook.Feature, _ number: Int) -> BookReport.Feature {
    let plan = program.features.features[number]
    var names: [String] = []
    if plan.source >= 0 {
      names = program.features.listeners[program.features.sources[plan.source].listeners]
        .filter { $0 != number }.map { program.features.names[$0] }
    }
    return BookReport.Feature(
      name: feature.name, text: measure(feature), window: span(feature),
      stream: plan.source >= 0 ? plan.source + 1 : nil, sharedWith: names,
      standsOn: program.features.leaves[number].map { program.features.names[$0] })
  }

  private func measure(_ feature: Playbook.Feature) -> String {
    let of = feature.from.map(text) ?? ""
    let field = feature.field?.text ?? ""
    let tail = clause(feature.where)
    switch feature.function {
    case .count: return "count of \(of)\(tail)"
    case .sum, .mean, .min, .max, .distinct, .first, .last:
      return "\(feature.function.rawValue) of \(field) of \(of)\(tail)"
    case .stddev: return "standard deviation of \(field) of \(of)\(tail)"
    case .rate: return "\(of)\(tail) per \(durationText(feature.per ?? 1))"
    case .slope: return "slope of \(field) of \(of)\(tail) per \(durationText(feature.per ?? 1))"
    case .ewm:
      return "weighted mean of \(field) of \(of)\(tail), half-life "
        + durationText(feature.halfLife ?? 1)
    case .since:
      let most = feature.atMost.map { ", at most \($0)" } ?? ""
      return "\(feature.unit?.rawValue ?? "days") since \(of)\(tail)\(most)"
    case .streak: return "days in a row with \(of)\(tail)"
    case .value: return feature.expression.map { oneLine($0.text) } ?? ""
    }
  }

  private func span(_ feature: Playbook.Feature) -> String {
    switch feature.function {
    case .since, .streak, .value: return ""
    default: break
    }
    let end = feature.ending == 0 ? "t" : "t-\(durationText(feature.ending))"
    guard let over = feature.over else { return "(ever, \(end)]" }
    return "(t-\(durationText(over + feature.ending)), \(end)]"
  }

  private func score(_ score: Playbook.Score, _ number: Int) -> BookReport.Score {
    guard case .logistic(let bias, let weights) = score.model else {
      preconditionFailure("a score without a model")
    }
    let terms = weights.map {
      " \($0.weight < 0 ? "-" : "+") \($0.weight.magnitude) \($0.feature.name)"
    }
    let bounds = self.bounds(ofScore: number)
    return BookReport.Score(
      name: score.name, text: "logistic of \(bias)\(terms.joined())",
      least: logistic(bounds.lowerBound), greatest: logistic(bounds.upperBound))
  }

  // MARK: Moments

  private func moment(_ moment: Playbook.Moment, _ number: Int) -> BookReport.Moment {
    switch (moment.kind, program.moments[number].kind) {
    case (.sequence(let sequence), .sequence(let index)):
      let use = program.sequences[index]
      var text = "a sequence of \(sequence.steps.count) steps"
      if let within = sequence.within { text += " within \(durationText(within))" }
      if sequence.matches == .all { text += ", every match" }
      let states = use.plan.outline { condition in
        let step = use.steps[condition]
        let event = step.words.text ?? "the end of \(step.words.code)"
        guard let predicate = step.condition else { return event }
        return "\(event) [\(shortened(program.predicates[predicate].text))]"
      }
      return BookReport.Moment(
        name: moment.name, text: text, states: states.map(withDurations),
        partialsMax: use.plan.partialsMax, bytesMax: use.plan.stateWordsMax.map(pieceBytes))
    case (.atLeast(let atLeast), .gathering(let index)):
      let indicators = atLeast.indicators.map { indicator in
        switch indicator.condition {
        case .event(let pattern): text(pattern)
        case .becomes(let condition): "becomes " + oneLine(condition.text)
        }
      }
      return BookReport.Moment(
        name: moment.name,
        text: "at least \(atLeast.count) of these, each counted once, within "
          + durationText(atLeast.within),
        states: indicators, partialsMax: nil,
        bytesMax: program.gatherings[index].plan.stateWords * 8)
    case (.becomes(let condition), _):
      return BookReport.Moment(
        name: moment.name, text: "when it becomes true that \(oneLine(condition.text))", states: [],
        partialsMax: nil, bytesMax: nil)
    default: preconditionFailure("moment \(moment.name) is not what the program has at its number")
    }
  }

  private func window(_ window: Playbook.Window) -> BookReport.Window {
    let anchor: String
    switch window.anchor {
    case .moment(let mention): anchor = "moment \(mention.name)"
    case .event(let pattern, let nth, let within):
      let which = nth == 1 ? "" : "the \(ordinal(nth)) "
      anchor = which + text(pattern) + (within.map { " within \(durationText($0))" } ?? "")
    }
    return BookReport.Window(
      name: window.name,
      text:
        "open in [+\(durationText(window.opens)), +\(durationText(window.closes))) after \(anchor)",
      cancelledBy: window.cancelledBy.isEmpty
        ? nil : window.cancelledBy.map(text).joined(separator: "; "))
  }

  // MARK: What is read

  func reads() -> [BookReport.Reads] {
    var reads: [BookReport.Reads] = []
    for type in program.types.sorted(by: { $0.name < $1.name }) {
      let fields =
        type.dataFields.map { "data." + program.fields[$0].path.joined(separator: ".") }
        + type.eventFields.map { "event." + program.fields[$0].path.joined(separator: ".") }
      let concerns = [
        type.facts, type.sources, type.watches, type.sequences, type.gatherings, type.windows,
      ]
      guard !fields.isEmpty || concerns.contains(where: { !$0.isEmpty }) else { continue }
      reads.append(BookReport.Reads(type: type.name, fields: fields.sorted()))
    }
    return reads
  }
}
