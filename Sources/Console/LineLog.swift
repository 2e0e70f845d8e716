import Glibc
import Synchronization

/// Where log lines go. Threads may share it; a line is written whole.
package final class LineLog: Sendable {
  private let format: LogFormat
  private let least: LogLevel
  private let write: @Sendable (String) -> Void
  private let repetition = Mutex(Repetition(intervalNanoseconds: 10_000_000_000))

  /// Lines below `least` are dropped. `write` gets whole lines.
  package init(
    format: LogFormat = .text, least: LogLevel = .info,
    write: @escaping @Sendable (String) -> Void = StandardError.write
  ) {
    self.format = format
    self.least = least
    self.write = write
  }

  package func debug(_ message: String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
    log(.debug, message, fields)
  }
  package func info(_ message: String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
    log(.info, message, fields)
  }
  package func warning(_ message: String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
    log(.warning, message, fields)
  }
  package func error(_ message: String, _ fields: KeyValuePairs<String, LogValue> = [:]) {
    log(.error, message, fields)
  }

  package func log(
    _ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, LogValue> = [:]
  ) {
    guard level >= least else { return }
    emit(level, message, fields.map { (name: $0.key, value: $0.value) })
  }

  /// For what may happen a thousand times a second: the same message is written at most once in
  /// 10 s, with the number of times that it was not written since.
  package func repeated(
    _ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, LogValue> = [:],
    now: UInt64 = MonotonicClock.nanoseconds()
  ) {
    guard level >= least else { return }
    let skipped = repetition.withLock { $0.admit(message, level: level, now: now) }
    flushRepeated(now: now)
    guard let skipped else { return }
    var all = fields.map { (name: $0.key, value: $0.value) }
    if skipped > 0 { all.append((name: "repeated", value: .integer(Int64(clamping: skipped)))) }
    emit(level, message, all)
  }

  /// Writes what was held back and whose time has come; all of it with `now` at `UInt64.max`. To be
  /// called now and then, and at the end.
  package func flushRepeated(now: UInt64 = MonotonicClock.nanoseconds()) {
    for held in repetition.withLock({ $0.take(now: now) }) {
      emit(
        held.level, held.cause, [(name: "repeated", value: .integer(Int64(clamping: held.times)))])
    }
  }

  private func emit(
    _ level: LogLevel, _ message: String, _ fields: [(name: String, value: LogValue)]
  ) {
    let line = LogLine(
      time: WallClock.milliseconds(), level: level, message: message, fields: fields)
    write(line.rendered(format))
  }
}

/// The same cause at most once in an interval, with a count of the times between.
package struct Repetition: Equatable, Sendable {
  package struct Held: Equatable, Sendable {
    package var cause: String
    package var level: LogLevel
    package var times: UInt64
  }
  private struct Cause: Equatable, Sendable {
    var level: LogLevel
    var last: UInt64
    var held: UInt64
  }
  private let interval: UInt64
  private var causes: [String: Cause] = [:]

  package init(intervalNanoseconds: UInt64) { interval = intervalNanoseconds }

  /// How often the cause was held back before this time, which may be told; nil: hold this one back
  /// as well.
  package mutating func admit(_ cause: String, level: LogLevel, now: UInt64) -> UInt64? {
    if let known = causes[cause], now < known.last &+ interval {
      causes[cause]?.held += 1
      return nil
    }
    let held = causes[cause]?.held ?? 0
    causes[cause] = Cause(level: level, last: now, held: 0)
    return held
  }

  /// Forgets causes whose interval is over and returns, in the order of their text, those that were
  /// held back since they were last told.
  package mutating func take(now: UInt64) -> [Held] {
    let over = causes.filter { now == .max || now >= $0.value.last &+ interval }
    for cause in over.keys { causes[cause] = nil }
    return over.filter { $0.value.held > 0 }
      .map { Held(cause: $0.key, level: $0.value.level, times: $0.value.held) }
      .sorted { $0.cause < $1.cause }
  }
}

package enum StandardError {
  /// All of it, in one call where the system lets it. A standard error that nobody reads loses the
  /// text: there is no better place to complain.
  package static func write(_ text: String) { _ = FileOutput.write(text, to: STDERR_FILENO) }
}

package enum FileOutput {
  /// Nil: all written. Otherwise the errno.
  package static func write(_ text: String, to file: Int32) -> Int32? {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(file, $0.baseAddress, $0.count)
      }
      if count > 0 { bytes = bytes.dropFirst(count) } else if errno != EINTR { return errno }
    }
    return nil
  }
}
