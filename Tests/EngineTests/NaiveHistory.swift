import Cel
import Foundation
import Playbooks
import TestSupport

// The reference: everything is computed anew from the whole history of one customer, from the page
// of the design and nothing of the engine but its expression language.

/// One event of one customer.
struct NaiveEvent {
  var id: String
  var type: String
  var time: Int64
  /// Its place in the journal.
  var position: Int
  var data: Json
}

/// The value of an expression over an event's data or a customer's features, as plain as can be.
enum NaiveValue: Equatable {
  case number(Double)
  case text(String)
  case flag(Bool)

  var number: Double? { if case .number(let value) = self { value } else { nil } }
}

/// Expressions, each parsed once.
final class NaiveExpressions {
  private var programs: [String: CelProgram] = [:]
  private let zones: ZoneTable
  /// Names that stand for features: int or double.
  private let names: [(name: String, isInt: Bool)]

  init(_ playbook: Playbook, zones: ZoneTable) {
    self.zones = zones
    names = playbook.features.map { feature in
      let ints: [Playbook.Feature.Function] = [.count, .distinct, .streak]
      let isInt = ints.contains(feature.function) || (feature.function == .since && !feature.exact)
      return (feature.name, isInt)
    }
  }

  /// False if it fails or a field is missing.
  func isTrue(
    _ text: String, data: Json? = nil, feature: (String) -> NaiveValue? = { _ in nil }
  ) -> Bool {
    if case .bool(true)? = value(text, data: data, feature: feature) { return true }
    return false
  }

  func value(
    _ text: String, data: Json? = nil, feature: (String) -> NaiveValue? = { _ in nil }
  ) -> CelValue? {
    guard let program = program(text) else { return nil }
    let result = program.evaluate(
      { index in
        if index == 0 { return data.map(cel) }
        let (name, isInt) = names[index - 1]
        switch feature(name) {
        case .number(let value)?: return isInt ? .int(Int64(value)) : .double(value)
        case .text(let value)?: return .string(value)
        case .flag(let value)?: return .bool(value)
        case nil: return nil
        }
      }, zones: zones)
    if case .success(let value) = result { return value }
    return nil
  }

  private func program(_ text: String) -> CelProgram? {
    if let known = programs[text] { return known }
    let variables =
      [CelVariable(path: ["data"], type: .dyn)]
      + names.map { CelVariable(path: [$0.name], type: .dyn) }
    guard let parsed = try? CelExpression(parsing: text),
      let program = try? CelProgram(
        parsed, variables: variables, container: "", functions: [], checked: false)
    else { return nil }
    programs[text] = program
    return program
  }

  private func cel(_ json: Json) -> CelValue {
    switch json {
    case .null: .null
    case .bool(let flag): .bool(flag)
    case .number: .double(json.double ?? .nan)
    case .string(let text): .string(text)
    case .array(let items): .list(items.map(cel))
    case .object(let members):
      .map(CelMap(members.map { (.string($0.name), cel($0.value)) }) ?? CelMap())
    }
  }
}

/// What has been applied of one customer's events, in order of time; equal times as they were
/// applied, which is the journal's order unless one waited for its source.
struct NaiveHistory {
  let playbook: Playbook
  let expressions: NaiveExpressions
  let zone: TimeZone
  private(set) var events: [NaiveEvent] = []
  /// By feature: those that it takes, at whatever time.
  private var fitting: [String: [NaiveEvent]] = [:]

  init(_ playbook: Playbook, _ expressions: NaiveExpressions) throws {
    self.playbook = playbook
    self.expressions = expressions
    guard let zone = TimeZone(identifier: playbook.timezone) else {
      throw BadPlaybook(description: "no zone \(playbook.timezone)")
    }
    self.zone = zone
  }

  mutating func insert(_ event: NaiveEvent) {
    events.insert(event, at: events.firstIndex { $0.time > event.time } ?? events.endIndex)
    for feature in playbook.features where feature.function != .value {
      fitting[feature.name] = events.filter { fits($0, feature.from!, feature.where) }
    }
  }

  func fits(_ event: NaiveEvent, _ types: EventTypes, _ condition: CelText?) -> Bool {
    guard types.isAny || types.names.contains(event.type) else { return false }
    return condition.map { expressions.isTrue($0.text, data: event.data) } ?? true
  }

  func fits(_ event: NaiveEvent, _ pattern: EventPattern) -> Bool {
    fits(event, pattern.on, pattern.where)
  }

  // MARK: Features

  /// The value at an instant; nil only for what has neither a value nor a default.
  func value(of name: String, at now: Int64) -> NaiveValue? {
    guard let feature = playbook.features.first(where: { $0.name == name }) else { return nil }
    return value(of: feature, at: now)
  }

  func value(of feature: Playbook.Feature, at now: Int64) -> NaiveValue? {
    if feature.function == .value {
      return feature.expression.flatMap {
        expressions.value($0.text) { value(of: $0, at: now) }
      }.flatMap(plain)
    }
    let taken = taken(feature, at: now)
    switch feature.function {
    case .count: return .number(Double(taken.count))
    case .rate: return .number(Double(taken.count) * Double(feature.per!) / Double(feature.over!))
    case .distinct: return .number(Double(distinct(taken.compactMap { field(feature, $0) })))
    case .first:
      return taken.lazy.compactMap { plain(field(feature, $0)) }.first ?? fallback(feature)
    case .last: return latest(feature, taken) ?? fallback(feature)
    case .since: return since(feature, taken, now) ?? fallback(feature)
    case .streak: return .number(Double(streak(taken, now)))
    default: return measure(feature, taken, now).map { .number($0) } ?? fallback(feature)
    }
  }

  private func taken(_ feature: Playbook.Feature, at now: Int64) -> [NaiveEvent] {
    let to = now - feature.ending
    let from = feature.over.map { to - $0 } ?? .min
    return (fitting[feature.name] ?? []).filter { $0.time > from && $0.time <= to }
  }

  private func field(_ feature: Playbook.Feature, _ event: NaiveEvent) -> Json? {
    // The path's first segment is `data`.
    feature.field?.segments.dropFirst().reduce(event.data as Json?) { $0?[$1] }
  }

  private func plain(_ json: Json?) -> NaiveValue? {
    switch json {
    case .number?: json?.double.map { .number($0) }
    case .string(let text)?: .text(text)
    case .bool(let flag)?: .flag(flag)
    default: nil
    }
  }

  private func plain(_ value: CelValue) -> NaiveValue? {
    switch value {
    case .int(let value): .number(Double(value))
    case .double(let value): .number(value)
    case .string(let text): .text(text)
    case .bool(let flag): .flag(flag)
    default: nil
    }
  }

  private func fallback(_ feature: Playbook.Feature) -> NaiveValue? {
    switch feature.default {
    case .int(let value)?: .number(Double(value))
    case .double(let value)?: .number(value)
    case .string(let text)?: .text(text)
    case .bool(let flag)?: .flag(flag)
    case nil: nil
    }
  }

  private func distinct(_ values: [Json]) -> Int {
    values.indices.filter { index in !values[..<index].contains { $0.means(values[index]) } }.count
  }

  /// Of equal times the last in the journal.
  private func latest(_ feature: Playbook.Feature, _ taken: [NaiveEvent]) -> NaiveValue? {
    taken.reversed().lazy.compactMap { plain(field(feature, $0)) }.first
  }

  private func since(
    _ feature: Playbook.Feature, _ taken: [NaiveEvent], _ now: Int64
  ) -> NaiveValue? {
    guard let last = taken.last, let unit = feature.unit?.milliseconds else { return nil }
    let most = feature.atMost.map(Double.init) ?? .infinity
    let passed = now - last.time
    return .number(
      min(most, feature.exact ? Double(passed) / Double(unit) : Double(passed / unit)))
  }

  /// Calendar days since 1970 in the playbook's zone.
  func day(_ time: Int64) -> Int64 {
    let date = Date(timeIntervalSince1970: Double(time) / 1000)
    return Int64(
      (Double(time) / 1000 + Double(zone.secondsFromGMT(for: date))) / 86_400)
  }

  private func streak(_ taken: [NaiveEvent], _ now: Int64) -> Int {
    let days = Set(taken.map { day($0.time) })
    var last = day(now)
    if !days.contains(last) { last -= 1 }
    var count = 0
    while days.contains(last - Int64(count)) { count += 1 }
    return count
  }

  private func measure(
    _ feature: Playbook.Feature, _ taken: [NaiveEvent], _ now: Int64
  ) -> Double? {
    let pairs: [(time: Int64, value: Double)] = taken.compactMap { event in
      guard case .number(let value)? = plain(field(feature, event)) else { return nil }
      return (event.time, (value * 1e6).rounded(.toNearestOrEven) / 1e6)
    }
    let values = pairs.map(\.value)
    let count = Double(values.count)
    let sum = values.reduce(0, +)
    if feature.function == .sum { return sum }
    guard !values.isEmpty else { return nil }
    switch feature.function {
    case .mean: return sum / count
    case .min: return values.min()
    case .max: return values.max()
    case .stddev:
      guard values.count > 1 else { return nil }
      let mean = sum / count
      return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)).squareRoot()
    case .ewm:
      let halfLife = Double(feature.halfLife!)
      var (above, below) = (0.0, 0.0)
      for pair in pairs {
        let weight = Foundation.exp2(-Double(now - pair.time) / halfLife)
        above += weight * pair.value
        below += weight
      }
      return above / below
    case .slope:
      let times = pairs.map { Double($0.time - pairs[0].time) }
      let middle = times.reduce(0, +) / count
      var (above, below) = (0.0, 0.0)
      for (time, value) in zip(times, values) {
        above += (time - middle) * (value - sum / count)
        below += (time - middle) * (time - middle)
      }
      return below > 0 ? above / below * Double(feature.per!) : nil
    default: return nil
    }
  }

  // MARK: Instants

  /// All instants after `time` at which time may move a feature.
  func instants(after time: Int64) -> [Int64] {
    var found: Set<Int64> = []
    for feature in playbook.features where feature.function != .value {
      for event in fitting[feature.name] ?? [] {
        found.insert(event.time + feature.ending)
        if let over = feature.over { found.insert(event.time + feature.ending + over) }
        if feature.function == .since, let unit = feature.unit?.milliseconds {
          for step in 1...(feature.atMost ?? 1) { found.insert(event.time + step * unit) }
        }
        if feature.function == .streak { found.formUnion(midnights(after: event.time)) }
      }
    }
    return found.filter { $0 > time }.sorted()
  }

  /// The beginnings of the next two days.
  private func midnights(after time: Int64) -> [Int64] {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    let start = calendar.startOfDay(for: Date(timeIntervalSince1970: Double(time) / 1000))
    return [1, 2].compactMap { calendar.date(byAdding: .day, value: $0, to: start) }
      .map { Int64($0.timeIntervalSince1970 * 1000) }
  }
}
