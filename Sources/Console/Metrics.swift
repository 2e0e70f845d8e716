import Synchronization

/// All numbers that this process shows to Prometheus.
///
/// A family has a name, a help line and label names; a series is one set of label values; a cell is
/// one writer's share of a series. Asking a family for a cell takes a lock and is for start-up and
/// for label values never seen before; writing to a cell is one relaxed atomic operation.
///
/// Reading (`samples`) sums the cells and disturbs no writer.
package final class Metrics: Sendable {
  private let families = Mutex<[any MetricFamily]>([])

  package init() {}

  /// Sums over its cells; the name ends in `_total`.
  package func counter(
    _ name: StaticString, _ help: String, labels: [String] = []
  ) -> CounterFamily {
    precondition(name.description.hasSuffix("_total"), "a counter's name ends in _total")
    return add(CounterFamily(description: describe(name, help, labels)))
  }

  /// Sums over its cells, so a part of the engine can publish its own share.
  package func gauge(_ name: StaticString, _ help: String, labels: [String] = []) -> GaugeFamily {
    add(GaugeFamily(description: describe(name, help, labels)))
  }

  /// Durations; the name ends in `_seconds`. `bounds` ascend, in nanoseconds.
  package func histogram(
    _ name: StaticString, _ help: String, labels: [String] = [],
    bounds: [UInt64] = Metrics.latencyBounds
  ) -> HistogramFamily {
    precondition(name.description.hasSuffix("_seconds"), "a histogram's name ends in _seconds")
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
    return add(HistogramFamily(description: describe(name, help, labels), bounds: bounds))
  }

  /// A number without labels that is asked for at each scrape. Nil: nothing to show this time.
  package func computed(
    _ name: StaticString, _ help: String, read: @escaping @Sendable () -> Double?
  ) {
    let kind: FamilyKind = name.description.hasSuffix("_total") ? .counter : .gauge
    _ = add(ComputedFamily(kind: kind, description: describe(name, help, []), read: read))
  }

  /// 0.5 ms to 60 s, in nanoseconds.
  package static let latencyBounds: [UInt64] = [
    500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    30_000_000_000, 60_000_000_000,
  ]

  /// Every family in the order of its making, each with its series in the order of label values.
  package func samples() -> [FamilySamples] {
    // Read outside the lock: a computed family may take its time.
    let families = families.withLock { $0 }
    return families.map { $0.samples() }
  }

  private func add<Family: MetricFamily>(_ family: Family) -> Family {
    families.withLock { families in
      precondition(
        !families.contains { $0.description.name == family.description.name },
        "a metric has one family")
      families.append(family)
    }
    return family
  }

  private func describe(
    _ name: StaticString, _ help: String, _ labels: [String]
  ) -> FamilyDescription {
    precondition(!help.isEmpty, "a metric has a help line")
    precondition(Metrics.isName(name.description), "a metric's name is [a-z_:][a-z0-9_:]*")
    precondition(labels.allSatisfy(Metrics.isName), "a label's name is [a-z_][a-z0-9_]*")
    return FamilyDescription(name: name.description, help: help, labels: labels)
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
    else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}

package enum FamilyKind: String, Sendable { case counter, gauge, histogram }

package struct FamilyDescription: Equatable, Sendable {
  package var name: String
  package var help: String
  /// The names of the labels, in the order in which their values are given.
  package var labels: [String]
}

/// What one family showed at one moment.
package struct FamilySamples: Equatable, Sendable {
  package enum Value: Equatable, Sendable {
    case count(UInt64)
    case number(Double)
    /// With the cumulative counts at `bounds` (nanoseconds).
    case durations(LatencyHistogram, bounds: [UInt64])
  }
  package struct Series: Equatable, Sendable {
    package var labels: [String]
    package var value: Value
    package init(labels: [String], value: Value) {
      self.labels = labels
      self.value = value
    }
  }
  package var kind: FamilyKind
  package var description: FamilyDescription
  package var series: [Series]
}

/// Used on scrapes only, where a call through a witness table costs nothing that matters.
protocol MetricFamily: Sendable {
  var description: FamilyDescription { get }
  func samples() -> FamilySamples
}

/// The series of one family: per set of label values the cells in use and what retired cells left.
struct SeriesTable<Cell: Sendable, Rest: Sendable>: Sendable {
  struct Series: Sendable {
    var labels: [String]
    var cells: [Cell]
    var rest: Rest
  }
  /// Beyond this many, new label values share one series whose every label says `other`: a label
  /// that somebody feeds with free text must not fill the memory.
  static var seriesLimit: Int { 4_096 }
  private(set) var series: [Series] = []
  private var places: [[String]: Int] = [:]

  mutating func add(_ cell: Cell, labels: [String], rest: Rest) {
    if let place = places[labels] { return series[place].cells.append(cell) }
    if series.count >= Self.seriesLimit, labels.contains(where: { $0 != "other" }) {
      return add(cell, labels: labels.map { _ in "other" }, rest: rest)
    }
    places[labels] = series.count
    series.append(Series(labels: labels, cells: [cell], rest: rest))
  }

  /// Takes out the cell that `matches`, folding it into the rest of its series; `keep` false also
  /// takes out a series that has no cell left.
  mutating func retire(
    keep: Bool, where matches: (Cell) -> Bool, fold: (Cell, inout Rest) -> Void
  ) {
    for place in series.indices {
      guard let index = series[place].cells.firstIndex(where: matches) else { continue }
      fold(series[place].cells.remove(at: index), &series[place].rest)
      if !keep, series[place].cells.isEmpty {
        series.remove(at: place)
        places = [:]
        for (place, series) in series.enumerated() { places[series.labels] = place }
      }
      return
    }
  }

  var sorted: [Series] { series.sorted { $0.labels.lexicographicallyPrecedes($1.labels) } }
}

package final class CounterFamily: MetricFamily {
  package let description: FamilyDescription
  private let table = Mutex(SeriesTable<Counter, UInt64>())

  init(description: FamilyDescription) { self.description = description }

  /// A new cell of the series with these label values, which shows 0 from now on.
  package func cell(_ labels: String...) -> Counter { cell(labels: labels) }

  package func cell(labels: [String]) -> Counter {
    precondition(labels.count == description.labels.count, "one value for each label")
    let cell = Counter()
    table.withLock { $0.add(cell, labels: labels, rest: 0) }
    return cell
  }

  /// The cell's writer has gone; what it counted stays.
  package func retire(_ cell: Counter) {
    table.withLock {
      $0.retire(keep: true) {
        $0 === cell
      } fold: {
        $1 &+= $0.current
      }
    }
  }

  package func samples() -> FamilySamples {
    let series = table.withLock { $0.sorted }
    return FamilySamples(
      kind: .counter, description: description,
      series: series.map { series in
        .init(
          labels: series.labels,
          value: .count(series.cells.reduce(series.rest) { $0 &+ $1.current }))
      })
  }
}

package final class GaugeFamily: MetricFamily {
  package let description: FamilyDescription
  private let table = Mutex(SeriesTable<Gauge, Void>())

  init(description: FamilyDescription) { self.description = description }

  package func cell(_ labels: String...) -> Gauge { cell(labels: labels) }

  package func cell(labels: [String]) -> Gauge {
    precondition(labels.count == description.labels.count, "one value for each label")
    let cell = Gauge()
    table.withLock { $0.add(cell, labels: labels, rest: ()) }
    return cell
  }

  /// The cell's writer has gone, and its share with it: a partition that moved to another process
  /// is no longer shown here.
  package func retire(_ cell: Gauge) {
    table.withLock {
      $0.retire(keep: false) {
        $0 === cell
      } fold: { _, _ in
      }
    }
  }

  package func samples() -> FamilySamples {
    let series = table.withLock { $0.sorted }
    return FamilySamples(
      kind: .gauge, description: description,
      series: series.map { series in
        .init(labels: series.labels, value: .number(series.cells.reduce(0) { $0 + $1.current }))
      })
  }
}

package final class HistogramFamily: MetricFamily {
  package let description: FamilyDescription
  private let bounds: [UInt64]
  private let table = Mutex(SeriesTable<Durations, LatencyHistogram>())

  init(description: FamilyDescription, bounds: [UInt64]) {
    self.description = description
    self.bounds = bounds
  }

  package func cell(_ labels: String...) -> Durations {
    precondition(labels.count == description.labels.count, "one value for each label")
    let cell = Durations()
    table.withLock { $0.add(cell, labels: labels, rest: LatencyHistogram()) }
    return cell
  }

  package func retire(_ cell: Durations) {
    table.withLock {
      $0.retire(keep: true) {
        $0 === cell
      } fold: {
        $1.merge($0.current)
      }
    }
  }

  package func samples() -> FamilySamples {
    let series = table.withLock { $0.sorted }
    return FamilySamples(
      kind: .histogram, description: description,
      series: series.map { series in
        var sum = series.rest
        for cell in series.cells { sum.merge(cell.current) }
        return .init(labels: series.labels, value: .durations(sum, bounds: bounds))
      })
  }
}

final class ComputedFamily: MetricFamily {
  let kind: FamilyKind
  let description: FamilyDescription
  private let read: @Sendable () -> Double?

  init(
    kind: FamilyKind, description: FamilyDescription, read: @escaping @Sendable () -> Double?
  ) {
    self.kind = kind
    self.description = description
    self.read = read
  }

  func samples() -> FamilySamples {
    FamilySamples(
      kind: kind, description: description,
      series: read().map { [.init(labels: [], value: .number($0))] } ?? [])
  }
}
