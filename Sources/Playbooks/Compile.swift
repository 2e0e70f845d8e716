package import Cel
internal import Decisions
package import Engine
internal import Events
internal import Features
internal import Scores
package import Yaml

extension Book {
  /// Types every expression and lays all tables out. Without diagnostics there is a program, with
  /// any there is none.
  package func compile(
    zones: ZoneTable
  ) -> (program: Program?, diagnostics: [Diagnostic]) {
    var compiler = ProgramCompiler(book: self, zones: zones)
    let program = compiler.compile()
    let found = compiler.diagnostics.sorted
    return found.isEmpty ? (program, []) : (nil, found)
  }
}

/// Compiles a book: names to numbers first, then expressions over the row of slots, then what uses
/// them, then places in the customer's block.
struct ProgramCompiler {
  let book: Book
  let zones: ZoneTable
  let diagnostics = Diagnostics()

  var texts = TextPool()
  var typeNumbers: [String: Int] = [:]
  var types: [TypePlan] = [TypePlan()]
  var typeOfText: [UInt16] = []
  var fields: [FieldRead] = []
  var slots: [SlotSource] = []
  var variables: [CelVariable] = []
  /// By slot: the playbook that may name it; nil: all.
  var owners: [Int?] = []
  var predicates: [Predicate] = []
  var predicateOf: [String: Int] = [:]
  var facts: [FactPlan] = []
  var sources: [SourcePlan] = []
  var sourceOf: [String: Int] = [:]
  var features: [FeaturePlan] = []
  var featureNames: [String] = []
  var featureLeaves: [[Int]] = []
  var watches: [WatchPlan] = []
  var watchOf: [String: Int] = [:]
  var sequences: [SequenceUse] = []
  var gatherings: [GatheringUse] = []
  var windows: [WindowUse] = []
  var moments: [MomentPlan] = []
  var scores: [ScorePlan] = []
  var triggers: [DecisionTrigger] = []
  var decisions: [DecisionPlan] = []
  var playbookOf: [Int] = []
  /// Names of one playbook to their numbers.
  var scopes: [Scope] = []
  var policyFields = PolicyFields()
  /// By playbook.
  let definitions: [Definitions]
  var items = ProgramItems()

  struct Scope {
    var facts: [String: Int] = [:]
    var features: [String: Int] = [:]
    var moments: [String: Int] = [:]
    var windows: [String: Int] = [:]
    var scores: [String: Int] = [:]
    var zone = ZoneId.utc
    var zoneName = TextId.unknown
  }

  init(book: Book, zones: ZoneTable) {
    self.book = book
    self.zones = zones
    definitions = book.playbooks.map { Definitions($0) }
    scopes = Array(repeating: Scope(), count: book.playbooks.count)
  }

  mutating func compile() -> Program? {
    nameTypes()
    nameFields()
    for index in book.playbooks.indices { nameKnowledge(index) }
    nameContext()
    for index in book.playbooks.indices { compileFacts(index) }
    for index in book.playbooks.indices { compileFeatures(index) }
    for index in book.playbooks.indices { compileScores(index) }
    for index in book.playbooks.indices { compileMoments(index) }
    for index in book.playbooks.indices { compileWindows(index) }
    for index in book.playbooks.indices { compileDecisions(index) }
    guard diagnostics.isEmpty else { return nil }
    return layOut()
  }

  // MARK: Types and fields

  private mutating func nameTypes() {
    let special: [(String, TypePlan.Special)] = [
      ("consent.granted", .consentGranted), ("consent.withdrawn", .consentWithdrawn),
      ("suppression.added", .suppressionAdded), ("suppression.removed", .suppressionRemoved),
      ("decision.approved", .decisionApproved), ("decision.rejected", .decisionRejected),
      ("receipt.failed", .receiptFailed),
    ]
    for (name, meaning) in special { types[type(name)].special = meaning }
    for playbook in book.playbooks {
      for names in playbook.eventTypes where !names.isAny {
        for name in names.names { _ = type(name) }
      }
    }
  }

  /// The number of an event type, new if need be.
  mutating func type(_ name: String) -> Int {
    if let number = typeNumbers[name] { return number }
    let number = types.count
    typeNumbers[name] = number
    var plan = TypePlan()
    plan.name = name
    types.append(plan)
    let text = Int(texts.internForever(name).raw)
    while typeOfText.count <= text { typeOfText.append(0) }
    typeOfText[text] = UInt16(number)
    return number
  }

  /// Flags by type number; nil: every type.
  func flags(_ types: EventTypes) -> [Bool]? {
    if types.isAny { return nil }
    var flags = Array(repeating: false, count: self.types.count)
    for name in types.names { if let number = typeNumbers[name] { flags[number] = true } }
    return flags
  }

  /// The numbers of the types that the flags name; of all types, those that nobody mentions too.
  func numbers(_ flags: [Bool]?) -> [Int] {
    types.indices.filter { flags?[$0] ?? true }
  }

  private mutating func nameFields() {
    for playbook in book.playbooks {
      for path in playbook.fieldPaths { _ = field(path.segments) }
      for text in playbook.expressions {
        guard let expression = parse(text) else { continue }
        for path in expression.paths(root: "data") { _ = field(["data"] + path) }
        for path in expression.paths(root: "event") { _ = field(["event"] + path) }
      }
    }
    policyFields.purpose = field(["data", "purpose"])
    policyFields.channel = field(["data", "channel"])
    policyFields.decision = field(["data", "decision"])
    for index in types.indices where types[index].special != .none {
      for slot in [policyFields.purpose, policyFields.channel, policyFields.decision] {
        fields[slot].needsText = true
        read(slot, by: [index])
      }
    }
  }

  /// The slot of a field, `data.…` or `event.…`.
  mutating func field(_ path: [String]) -> Int {
    if let slot = variables.firstIndex(where: { $0.path == path }) { return slot }
    let slot = variables.count
    fields.append(FieldRead(inData: path.first == "data", path: Array(path.dropFirst())))
    add(path: path, type: .dyn, owner: nil, source: .field(fields.count - 1))
    return slot
  }

  /// Makes events of these types bring the field along.
  mutating func read(_ slot: Int, by types: [Int]) {
    for type in types {
      if fields[slot].inData {
        if !self.types[type].dataFields.contains(slot) { self.types[type].dataFields.append(slot) }
      } else if !self.types[type].eventFields.contains(slot) {
        self.types[type].eventFields.append(slot)
      }
    }
  }

  mutating func add(path: [String], type: CelType, owner: Int?, source: SlotSource) {
    variables.append(CelVariable(path: path, type: type))
    owners.append(owner)
    slots.append(source)
  }

  // MARK: Names

  /// Facts and features get their slots before any expression is typed.
  private mutating func nameKnowledge(_ index: Int) {
    let playbook = book.playbooks[index]
    guard let zone = zones.zone(named: playbook.timezone) else {
      diagnostics.report(
        playbook.timezonePosition, "there is no time zone \"\(playbook.timezone)\"",
        hint: nearestName(to: playbook.timezone, among: zones.sortedNames))
      return
    }
    scopes[index].zone = zone
    scopes[index].zoneName = texts.internForever(playbook.timezone)
    for fact in playbook.facts {
      scopes[index].facts[fact.name] = facts.count
      let type: CelType =
        switch fact.type {
        case .string: .string
        case .int: .int
        case .double: .double
        case .bool: .bool
        }
      let slot = slots.count
      add(path: [fact.name], type: type, owner: index, source: .fact(facts.count))
      facts.append(
        FactPlan(
          name: fact.name, type: FactPlan.ValueType(fact.type), fieldSlot: 0, condition: nil,
          fallback: scalar(fact.default), slot: slot))
    }
    for score in playbook.scores {
      scopes[index].scores[score.name] = scores.count
      add(path: [score.name], type: .double, owner: index, source: .score(scores.count))
      scores.append(ScorePlan(name: score.name, bias: 0, weights: []))
    }
    for feature in playbook.features {
      scopes[index].features[feature.name] = features.count
      let slot = slots.count
      add(
        path: [feature.name], type: feature.celType, owner: index,
        source: .feature(features.count))
      features.append(
        FeaturePlan(
          kind: .count, source: -1, over: nil, ending: 0, fallback: .missing, scale: 1e6, slot: slot
        ))
      featureNames.append(feature.name)
      featureLeaves.append([])
    }
  }

  private mutating func nameContext() {
    for index in book.playbooks.indices {
      // A fact of that name is the customer's own zone; the slot falls back on the playbook's.
      if let own = scopes[index].facts["timezone"] {
        variables[facts[own].slot].path = ["\u{0}timezone"]
      }
      add(path: ["timezone"], type: .string, owner: index, source: .zone(playbook: index))
    }
    add(path: ["time"], type: .timestamp, owner: nil, source: .time)
    add(path: ["type"], type: .string, owner: nil, source: .type)
    add(path: ["source"], type: .string, owner: nil, source: .source)
    add(path: ["id"], type: .string, owner: nil, source: .id)
    add(path: ["customer"], type: .string, owner: nil, source: .customer)
  }

  mutating func scalar(_ literal: Literal) -> Scalar {
    switch literal {
    case .string(let text): Scalar(text: texts.internForever(text))
    case .int(let value): Scalar(value)
    case .double(let value): Scalar(value)
    case .bool(let value): Scalar(value)
    }
  }
}

extension FactPlan.ValueType {
  init(_ type: ValueType) {
    switch type {
    case .string: self = .string
    case .int: self = .int
    case .double: self = .double
    case .bool: self = .bool
    }
  }
}

extension Playbook.Feature {
  /// What CEL's checker is told; a first or last value may be of any kind.
  var celType: CelType {
    switch function {
    case .count, .distinct, .streak: .int
    case .since: exact ? .double : .int
    case .first, .last, .value: .dyn
    default: .double
    }
  }
}
