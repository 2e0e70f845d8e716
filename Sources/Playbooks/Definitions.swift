internal import Engine

/// What one playbook defines, as parts in words, and what each reads: the ground of identities.
///
/// A name stands for its meaning: the definitions of all that can be reached from it, each with its
/// name, in the names' order. So two facts whose filters look at each other have a meaning too.
struct Definitions {
  typealias Part = ProgramItem.Part

  let playbook: Playbook
  /// By name: parts but for what is read, and the names that are read.
  private var known: [String: (parts: [Part], reads: [String])] = [:]
  private var meanings: [String: ItemIdentity] = [:]
  private let own: Set<String>

  init(_ playbook: Playbook) {
    self.playbook = playbook
    own = Set(
      ["timezone"] + playbook.facts.map(\.name) + playbook.features.map(\.name)
        + playbook.scores.map(\.name))
    for fact in playbook.facts { known[fact.name] = (Self.parts(fact), names([fact.where])) }
    for feature in playbook.features {
      known[feature.name] = (parts(feature), names([feature.where, feature.expression]))
    }
    for score in playbook.scores {
      guard case .logistic(let bias, let weights) = score.model else { continue }
      known[score.name] = (Self.parts(bias, weights), weights.map(\.feature.name))
    }
    // A fact of that name is the customer's own zone, and the playbook's is what it falls back on.
    let fact = known["timezone"]
    known["timezone"] = (
      [Part("the playbook's timezone", playbook.timezone)] + (fact?.parts ?? []),
      fact?.reads ?? []
    )
    var found: [String: ItemIdentity] = [:]
    for name in known.keys { found[name] = closure(of: name) }
    meanings = found
  }

  // MARK: Items

  func fact(_ fact: Playbook.Fact) -> ProgramItem {
    item(fact.name, "fact", Self.parts(fact), reads: [fact.where])
  }

  func feature(_ feature: Playbook.Feature) -> ProgramItem {
    item(feature.name, "feature", parts(feature), reads: [feature.where, feature.expression])
  }

  func score(_ score: Playbook.Score) -> ProgramItem {
    guard case .logistic(let bias, let weights) = score.model else {
      preconditionFailure("a score without a model")
    }
    return item(
      score.name, "score", Self.parts(bias, weights) + read(weights.map(\.feature.name)), reads: [])
  }

  /// A stream of events, whatever looks at it. How long it is kept and how much of it hangs on the
  /// rest of the book, and is no part of what it is.
  func source(_ what: String, from: EventTypes, field: FieldPath?, condition: CelText?)
    -> ProgramItem
  {
    let parts = [
      Part("its events", text(from)), Part("its field", field?.text ?? ""),
      Part("its filter", condition?.text ?? ""), Part("what it carries", what),
    ]
    var item = item("", "stream", parts, reads: [condition])
    item.playbook = ""
    return item
  }

  func watch(score name: String, eventsOnly: Bool) -> ProgramItem {
    item(name, "watch", [Part("at", at(eventsOnly))] + read([name]), reads: [])
  }

  func watch(condition text: CelText, eventsOnly: Bool) -> ProgramItem {
    item(
      text.text, "watch", [Part("its condition", text.text), Part("at", at(eventsOnly))],
      reads: [text])
  }

  func sequence(_ sequence: Playbook.Sequence, of moment: Playbook.Moment) -> ProgramItem {
    item(
      moment.name, "sequence", Self.parts(sequence), reads: Self.conditions(sequence.steps))
  }

  func gathering(_ atLeast: Playbook.AtLeast, of moment: Playbook.Moment) -> ProgramItem {
    item(moment.name, "gathering", Self.parts(atLeast), reads: Self.conditions(atLeast))
  }

  func moment(_ moment: Playbook.Moment) -> ProgramItem {
    switch moment.kind {
    case .sequence(let sequence): return self.sequence(sequence, of: moment)
    case .atLeast(let atLeast): return gathering(atLeast, of: moment)
    case .becomes(let text):
      return item(moment.name, "becomes", [Part("its condition", text.text)], reads: [text])
    }
  }

  func window(_ window: Playbook.Window) -> ProgramItem {
    var parts = [
      Part("when it opens", durationText(window.opens)),
      Part("when it closes", durationText(window.closes)),
      Part(
        "what cancels it", window.cancelledBy.map { Self.text($0) }.joined(separator: "; ")),
    ]
    var conditions = window.cancelledBy.map(\.where)
    switch window.anchor {
    case .event(let pattern, let nth, let within):
      parts.append(Part("its anchor", Self.text(pattern)))
      parts.append(Part("which of them", "\(nth) within \(within.map(durationText) ?? "ever")"))
      conditions.append(pattern.where)
    case .moment(let mention):
      let meaning = playbook.moments.first { $0.name == mention.name }.map { moment($0).identity }
      parts.append(Part("`\(mention.name)`", meaning?.text ?? "", isRead: true))
    }
    return item(window.name, "window", parts, reads: conditions)
  }

  /// A decision is known by its name, as its ids are: an edited one is still the same.
  func decision(_ decision: Playbook.Decision) -> ProgramItem {
    var parts = [Part("its playbook", playbook.name), Part("its name", decision.name)]
    parts += trigger(decision)
    let action = decision.action
    parts += [
      Part("its `if`", decision.condition?.text ?? ""), Part("its topic", action.topic),
      Part("its channel", action.channel), Part("its template", action.template ?? ""),
      Part(
        "its fields", action.fields.map { "\($0.name): \($0.value.text)" }.joined(separator: ", ")),
      Part("its purpose", decision.purpose), Part("its authority", Self.text(decision.authority)),
      Part("its owner", decision.owner?.text ?? ""),
      Part("its account", decision.account?.text ?? ""),
      Part("its expiry", decision.expires.map(durationText) ?? "standard"),
      Part("its cool-down", decision.coolDown.map(durationText) ?? "none"),
      Part("its priority", String(decision.priority)),
    ]
    let texts =
      [decision.condition, decision.owner, decision.account] + action.fields.map(\.value)
    return item(decision.name, "decision", parts, reads: texts)
  }

  private func trigger(_ decision: Playbook.Decision) -> [Part] {
    let at = Part("at", at(decision.at == .events))
    switch decision.trigger {
    case .score(let mention, let change):
      let text =
        switch change {
        case .risesAbove(let threshold): "rises above \(threshold)"
        case .fallsBelow(let threshold): "falls below \(threshold)"
        case .risesBy(let by, let within): "rises by \(by) within \(durationText(within))"
        }
      return [Part("its trigger", "score \(mention.name) \(text)"), at] + read([mention.name])
    case .moment(let mention):
      let meaning = playbook.moments.first { $0.name == mention.name }.map { moment($0).identity }
      return [
        Part("its trigger", "moment \(mention.name)"),
        Part("`\(mention.name)`", meaning?.text ?? "", isRead: true),
      ]
    case .window(let mention):
      let meaning = playbook.windows.first { $0.name == mention.name }.map { window($0).identity }
      return [
        Part("its trigger", "window \(mention.name)"),
        Part("`\(mention.name)`", meaning?.text ?? "", isRead: true),
      ]
    case .becomes(let text):
      return [Part("its trigger", "becomes \(text.text)"), at] + read(names([text]))
    }
  }

  // MARK: Meanings

  private func item(
    _ name: String, _ kind: String, _ parts: [Part], reads conditions: [CelText?]
  ) -> ProgramItem {
    let all = parts + read(names(conditions))
    let identity = ItemIdentity(
      of: [kind] + all.filter(\.isOfState).flatMap { [$0.what, $0.text] })
    return ProgramItem(playbook: playbook.name, name: name, identity: identity, parts: all)
  }

  private func read(_ names: [String]) -> [Part] {
    names.sorted().map { Part("`\($0)`", meanings[$0]?.text ?? "", isRead: true) }
  }

  /// What the texts name of the playbook's own, each once.
  private func names(_ texts: [CelText?]) -> [String] {
    var found: Set<String> = []
    for case let text? in texts { found.formUnion(own.intersection(text.names)) }
    return found.sorted()
  }

  private func closure(of name: String) -> ItemIdentity {
    var reached: Set<String> = [name]
    var next = [name]
    while let name = next.popLast() {
      for read in known[name]?.reads ?? [] where reached.insert(read).inserted { next.append(read) }
    }
    var texts: [String] = []
    for name in [name] + reached.subtracting([name]).sorted() {
      texts.append(name)
      for part in known[name]?.parts ?? [] { texts += [part.what, part.text] }
    }
    return ItemIdentity(of: texts)
  }

  private func at(_ eventsOnly: Bool) -> String { eventsOnly ? "events" : "changes" }
}

extension ItemIdentity {
  /// Of texts, each with its length, so that no two lists share their bytes.
  init(of texts: [String]) {
    var bytes = Array("kairos item 1\n".utf8)
    for text in texts { bytes += Array("\(text.utf8.count):\(text)".utf8) }
    let digest = ContentHash.sha256(bytes)
    func word(_ at: Int) -> UInt64 {
      digest[at..<(at + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(high: word(0), low: word(8))
  }

  var text: String { "\(high)-\(low)" }
}
