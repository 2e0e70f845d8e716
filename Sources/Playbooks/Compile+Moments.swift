internal import Cel
internal import Engine
internal import Features
internal import Moments
internal import Scores
internal import Yaml

extension ProgramCompiler {
  mutating func compileMoments(_ index: Int) {
    for moment in book.playbooks[index].moments {
      let number = moments.count
      scopes[index].moments[moment.name] = number
      let words = ReasonWords(moment.reason, code: moment.name)
      switch moment.kind {
      case .sequence(let sequence):
        moments.append(
          MomentPlan(name: moment.name, kind: .sequence(sequences.count), words: words))
        compile(sequence, moment, number, index)
      case .atLeast(let atLeast):
        moments.append(
          MomentPlan(name: moment.name, kind: .gathering(gatherings.count), words: words))
        compile(atLeast, moment, number, index)
      case .becomes(let text):
        let watch = condition(text, index, eventsOnly: false)
        moments.append(
          MomentPlan(name: moment.name, kind: .becomes(watch: watch ?? 0), words: words))
      }
    }
  }

  /// The watch on a condition that `becomes` true.
  mutating func condition(_ text: CelText, _ index: Int, eventsOnly: Bool) -> Int? {
    expression(text, playbook: index, types: [], .init(noEvent: true))
      .map {
        watch(
          .condition($0), eventsOnly: eventsOnly,
          as: definitions[index].watch(condition: text, eventsOnly: eventsOnly))
      }
  }

  // MARK: Sequences

  private mutating func compile(
    _ sequence: Playbook.Sequence, _ moment: Playbook.Moment, _ number: Int, _ index: Int
  ) {
    var steps: [SequenceUse.Step] = []
    let parts = sequence.steps.compactMap { part($0, moment, index, &steps) }
    guard parts.count == sequence.steps.count else { return }
    guard steps.count <= 64 else {
      diagnostics.report(
        moment.position, "the sequence has \(steps.count) conditions; 64 are the most",
        hint: "split it into two moments")
      return
    }
    do {
      let plan = try SequencePlan(
        parts, mode: sequence.matches == .all ? .all : .latest, within: sequence.within,
        maxOpen: sequence.maxOpen, maxPartials: sequence.maxPartial ?? 1000)
      for type in types.indices where steps.contains(where: { $0.types?[type] ?? true }) {
        types[type].sequences.append(sequences.count)
      }
      sequences.append(SequenceUse(plan: plan, steps: steps, moment: number))
    } catch {
      diagnostics.report(sequence.steps[error.part].position, error.reason)
    }
  }

  /// One step as the matcher wants it; its conditions are added to `steps`.
  private mutating func part(
    _ step: Playbook.Step, _ moment: Playbook.Moment, _ index: Int,
    _ steps: inout [SequenceUse.Step]
  ) -> SequencePart? {
    if let earlier = step.looksBackAt.first {
      diagnostics.report(
        step.position, "a step cannot look back at \"\(earlier)\" in this version",
        hint: "compare with a fact or a feature instead")
      return nil
    }
    switch step.kind {
    case .absent(let pattern, let duration):
      let condition = add(pattern, step, moment, index, &steps)
      if step.contiguity == .next { return SequencePart(.notNext(condition: condition)) }
      return SequencePart(.absent(condition: condition, lasting: duration))
    case .event(let pattern):
      let condition = add(pattern, step, moment, index, &steps)
      return finish(.on(condition: condition), step, index, &steps)
    case .group(let inner):
      let parts = inner.compactMap { part($0, moment, index, &steps) }
      guard parts.count == inner.count else { return nil }
      return finish(.group(parts), step, index, &steps)
    }
  }

  private mutating func finish(
    _ kind: SequencePart.Kind, _ step: Playbook.Step, _ index: Int,
    _ steps: inout [SequenceUse.Step]
  ) -> SequencePart {
    var until: Int?
    if let text = step.until {
      let condition = expression(text, playbook: index, types: numbers(nil))
      steps.append(
        .init(types: nil, condition: condition, until: nil, words: .init(code: step.name)))
      until = steps.count - 1
    }
    let contiguity: SequencePart.Contiguity =
      switch step.contiguity {
      case .next: .next
      case .followedBy: .followedBy
      case .any: .any
      }
    let inner: SequencePart.Contiguity =
      switch step.inner {
      case .relaxed: .followedBy
      case .consecutive: .next
      case .combinations: .any
      }
    return SequencePart(
      kind, contiguity, within: step.within, atLeast: step.times?.least ?? 1,
      atMost: step.times.map(\.most) ?? 1, inner: inner, isOptional: step.optional,
      isGreedy: step.greedy, until: until)
  }

  private mutating func add(
    _ pattern: EventPattern, _ step: Playbook.Step, _ moment: Playbook.Moment, _ index: Int,
    _ steps: inout [SequenceUse.Step]
  ) -> Int {
    let flags = flags(pattern.on)
    let condition = pattern.where.flatMap {
      expression($0, playbook: index, types: numbers(flags))
    }
    let what = pattern.on.isAny ? "any event" : pattern.on.names.joined(separator: " or ")
    steps.append(
      .init(
        types: flags, condition: condition, until: nil,
        words: ReasonWords(code: moment.name + "." + step.name, text: what)))
    return steps.count - 1
  }

  // MARK: At least N different

  private mutating func compile(
    _ atLeast: Playbook.AtLeast, _ moment: Playbook.Moment, _ number: Int, _ index: Int
  ) {
    guard atLeast.indicators.count <= 64 else {
      diagnostics.report(
        moment.position, "\(atLeast.indicators.count) indicators are too many; 64 are the most",
        hint: "put several types into one `on`")
      return
    }
    var indicators: [GatheringUse.Indicator] = []
    var words: [ReasonWords] = []
    for indicator in atLeast.indicators {
      switch indicator.condition {
      case .event(let pattern):
        let flags = flags(pattern.on)
        let condition = pattern.where.flatMap {
          expression($0, playbook: index, types: numbers(flags))
        }
        indicators.append(.event(types: flags, condition: condition))
        words.append(
          ReasonWords(
            code: indicator.reason?.code ?? pattern.on.names.first ?? "any",
            text: indicator.reason?.text ?? pattern.on.names.joined(separator: " or "),
            talkingPoint: indicator.reason?.talkingPoint))
      case .becomes(let text):
        guard let watch = condition(text, index, eventsOnly: false) else { continue }
        indicators.append(.watch(watch))
        words.append(
          ReasonWords(
            code: indicator.reason?.code ?? moment.name, text: indicator.reason?.text ?? text.text,
            talkingPoint: indicator.reason?.talkingPoint))
      }
    }
    guard indicators.count == atLeast.indicators.count else { return }
    for type in types.indices
    where indicators.contains(where: {
      if case .event(let flags, _) = $0 { flags?[type] ?? true } else { false }
    }) {
      types[type].gatherings.append(gatherings.count)
    }
    gatherings.append(
      GatheringUse(
        plan: AtLeast(needed: atLeast.count, of: indicators.count, within: atLeast.within),
        indicators: indicators, words: words, moment: number))
  }

  // MARK: Windows

  mutating func compileWindows(_ index: Int) {
    for window in book.playbooks[index].windows {
      scopes[index].windows[window.name] = windows.count
      var listening = Set<Int>()
      let anchor: WindowUse.Anchor
      switch window.anchor {
      case .moment(let mention):
        guard let moment = scopes[index].moments[mention.name] else { continue }
        moments[moment].windows.append(windows.count)
        anchor = .moment(moment)
      case .event(let pattern, let nth, let within):
        let flags = flags(pattern.on)
        // Twice the span, so that a late event finds what came before it too.
        var plan = SourcePlan(
          carries: .time, slot: nil, condition: nil, scale: 1e6, retention: within.map { 2 * $0 })
        if within == nil {
          plan.limit = nth + 1
          plan.isCounter = true
        }
        let source = source(plan, from: pattern.on, field: nil, condition: pattern.where, index)
        let condition = pattern.where.flatMap {
          expression($0, playbook: index, types: numbers(flags))
        }
        anchor = .event(
          source: source, types: flags, condition: condition, nth: nth, within: within)
        listening.formUnion(numbers(flags))
      }
      let cancels = window.cancelledBy.map { pattern in
        let flags = flags(pattern.on)
        listening.formUnion(numbers(flags))
        return WindowUse.Pattern(
          types: flags,
          condition: pattern.where.flatMap {
            expression($0, playbook: index, types: numbers(flags))
          })
      }
      for type in listening { types[type].windows.append(windows.count) }
      windows.append(
        WindowUse(
          name: window.name,
          plan: InterventionWindow(opens: window.opens, closes: window.closes), anchor: anchor,
          cancels: cancels, words: ReasonWords(window.reason, code: window.name)))
    }
  }
}
