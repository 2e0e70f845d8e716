import Cel
import Engine
import Events
import Features
import Playbooks
import TestSupport
import Testing
import Yaml

/// What the reference knows of sources: how far each may be trusted, and what waits for it.
private struct NaiveSources {
  struct Source {
    var mark = Int64.min
    var waiting: [(customer: String, event: NaiveEvent)] = []
  }
  private var sources: [String: Source] = [:]
  /// The promise of all; it never falls.
  private(set) var watermark = Int64.min

  /// What may be applied now, in order of time.
  mutating func raise(_ marks: [(name: String, time: Int64)]) -> [(
    customer: String, event: NaiveEvent
  )] {
    for (name, time) in marks {
      sources[name, default: Source()].mark = max(sources[name]?.mark ?? .min, time)
    }
    watermark = max(watermark, sources.values.map(\.mark).min() ?? .min)
    var free: [(customer: String, event: NaiveEvent)] = []
    for name in sources.keys {
      let mark = sources[name]!.mark
      free += sources[name]!.waiting.filter { $0.event.time <= mark }
      sources[name]!.waiting.removeAll { $0.event.time <= mark }
    }
    return free.sorted {
      ($0.event.time, $0.event.position) < ($1.event.time, $1.event.position)
    }
  }

  mutating func wait(_ source: String, _ customer: String, _ event: NaiveEvent) {
    sources[source, default: Source()].waiting.append((customer, event))
  }
}

@Suite struct `Features against the reference` {
  /// Three customers, two sources out of order by different delays, ticks, late events and
  /// redeliveries; after each record every feature of its customer is compared.
  @Test(arguments: 0..<8)
  func `hold the same values after every record`(block: Int) throws {
    for seed in UInt64(block * 40)..<UInt64(block * 40 + 40) {
      if let difference = try difference(seed: 500_000 + seed) {
        Issue.record("\(difference)")
        return
      }
    }
  }

  private func difference(seed: UInt64) throws -> String? {
    var generator = Generator(seed: seed)
    var text = "kairos: 1\nname: random\n"
    text += "timezone: \(generator.random.pick(["UTC", "Europe/Berlin", "Asia/Kathmandu"]))\n"
    text += "features:\n"
    text += generator.features(generator.random.number(in: 3..<7), wide: true).map(\.line).joined()
    let (book, diagnostics) = Book.parse(files: [("random.yaml", Array(text.utf8))])
    guard let book else {
      throw BadPlaybook(description: "\(seed): \(diagnostics.map(\.description))")
    }
    let playbook = book.playbooks[0]
    let expressions = NaiveExpressions(playbook, zones: try systemZones.get())
    var fold = try Fold(text)
    var sources = NaiveSources()
    var histories: [String: NaiveHistory] = [:]
    for name in ["c0", "c1", "c2"] { histories[name] = try NaiveHistory(playbook, expressions) }
    var log: [String] = []
    var time = Generator.start
    for position in 0..<50 {
      if generator.random.chance(60) {
        time += Int64(generator.random.number(in: 1..<4)) * Generator.step
      }
      let customer = "c\(generator.random.number(in: 0..<3))"
      var free: [(customer: String, event: NaiveEvent)] = []
      if generator.random.chance(20) {
        let names = generator.random.chance(50) ? ["app", "web"] : [generator.random.pick(["app"])]
        log.append("tick \(short(time)) \(names)")
        fold.tick(time, names)
        free = sources.raise(names.map { ($0, time) })
      } else {
        let (name, delay) = generator.random.pick([("app", Int64(0)), ("web", 2 * Generator.step)])
        let back = Int64(generator.random.number(in: 0..<4)) * Generator.step
        var event = generator.event(
          at: generator.random.chance(70) ? time : time - back, strict: false)
        event.id = "e\(position)"
        event.position = position
        log.append(
          "\(customer) \(name) \(event.id) \(event.type) @\(short(event.time)) "
            + spelled(event.data))
        for _ in 0...(generator.random.chance(10) ? 1 : 0) {
          fold.event(
            event.type, at: event.time, spelled(event.data), customer: customer, source: name,
            id: event.id, delay: delay)
        }
        sources.wait(name, customer, event)
        free = sources.raise([(name, event.time - delay)])
      }
      for entry in free { histories[entry.customer]?.insert(entry.event) }
      let problem = compare(&fold, customer, histories[customer]!, sources.watermark)
      if let problem {
        return "seed \(seed)\n\(text)\(log.joined(separator: "\n"))\n\(customer): \(problem)"
      }
    }
    return nil
  }

  private func compare(
    _ fold: inout Fold, _ customer: String, _ history: NaiveHistory, _ watermark: Int64
  ) -> String? {
    for (index, feature) in history.playbook.features.enumerated() {
      let actual = fold.shard.value(ofFeature: index, customer: Array(customer.utf8))
      guard let latest = history.events.last?.time else {
        if actual != nil { return "nothing was applied, but there is a value" }
        continue
      }
      let now = max(latest, watermark)
      guard let actual else { return "events were applied, but there is no value" }
      if actual.at != now { return "the clock stands at \(short(actual.at)), not \(short(now))" }
      let wanted = history.value(of: feature, at: now)
      if !agrees(actual.1, wanted, fold.shard) {
        let reference = wanted.map { "\($0)" } ?? "nothing"
        return "\(feature.name) is \(actual.1), not \(reference), at \(short(now))"
      }
    }
    return nil
  }

  private func agrees(_ value: Scalar, _ wanted: NaiveValue?, _ shard: borrowing Shard) -> Bool {
    switch (value.kind, wanted) {
    case (.string, .text(let text)?): return shard.text(value.text) == text
    case (.bool, .flag(let flag)?): return value.bool == flag
    case (.int, .number(let number)?): return Double(value.int) == number
    case (.double, .number(let number)?):
      return abs(value.double - number) <= 1e-9 * max(abs(number), abs(value.double), 1e-6)
    case (.missing, nil): return true
    default: return false
    }
  }
}
