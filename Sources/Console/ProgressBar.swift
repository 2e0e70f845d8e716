import Glibc

/// How far some long work is.
package struct Progress: Equatable, Sendable {
  /// What is done: "replay", "restore partition 3".
  package var title: String
  package var unit: String
  package var count: UInt64
  /// From 0 to 1; nil: nobody knows how much there is.
  package var share: Double?
  package var seconds: Double

  package init(title: String, unit: String, count: UInt64, share: Double?, seconds: Double) {
    self.title = title
    self.unit = unit
    self.count = count
    self.share = share
    self.seconds = seconds
  }

  package var rate: Double { seconds > 0 ? Double(count) / seconds : 0 }

  /// Seconds to go, if the rest goes as what was.
  package var remaining: Double? {
    guard let share, share > 0 else { return nil }
    return seconds * (1 - min(share, 1)) / share
  }

  /// `replay [#####     ]  50 %  1.2M events  310k/s  0:04 left`, at most `width` columns.
  package func bar(width: Int) -> String {
    let facts = facts
    guard let share else { return TerminalText.clipped("\(title)  \(facts)", width: width) }
    let bounded = min(max(share, 0), 1)
    let percent = "\(Int((bounded * 100).rounded(.down)))"
    let head = "\(title) ["
    let tail = "] \(String(repeating: " ", count: 3 - percent.count))\(percent) %  \(facts)"
    let room = min(width - TerminalText.columns(of: head + tail), 40)
    guard room >= 5 else {
      return TerminalText.clipped("\(title) \(percent) %  \(facts)", width: width)
    }
    let filled = Int((Double(room) * bounded).rounded(.down))
    let rest = String(repeating: " ", count: room - filled)
    return head + String(repeating: "#", count: filled) + rest + tail
  }

  /// The same for a file: no bar.
  package var line: String {
    let percent = share.map { " \(Int((min(max($0, 0), 1) * 100).rounded(.down))) %" } ?? ""
    return "\(title):\(percent) \(facts)"
  }

  private var facts: String {
    let left = remaining.map { "  \(PeopleNumber.clock(seconds: $0)) left" } ?? ""
    let done = PeopleNumber.short(Double(count))
    return "\(done) \(unit)  \(PeopleNumber.short(rate))/s\(left)"
  }
}

/// Shows a `Progress` on standard error: a bar that moves on a terminal, else a line now and then.
/// Used by one thread.
package final class ProgressBar {
  private let title: String
  private let unit: String
  private let file: Int32
  private let terminal: Terminal?
  private let lineInterval: UInt64
  private let start = MonotonicClock.nanoseconds()
  private var next: UInt64

  /// `lineSeconds`: how often a line is written where there is no terminal.
  package init(title: String, unit: String, file: Int32 = STDERR_FILENO, lineSeconds: Double = 10) {
    self.title = title
    self.unit = unit
    self.file = file
    terminal = Terminal.behind(file).flatMap { $0.movable ? $0 : nil }
    lineInterval = UInt64(lineSeconds * 1e9)
    next = start + (terminal == nil ? lineInterval : 200_000_000)
  }

  /// Cheap enough to be called after each batch.
  package func update(count: UInt64, share: Double?) {
    let now = MonotonicClock.nanoseconds()
    guard now >= next else { return }
    let progress = progress(count, share, now)
    if let terminal {
      next = now + 100_000_000
      let width = (Terminal.behind(file) ?? terminal).width
      put("\r\(progress.bar(width: width - 1))\u{1B}[K")
    } else {
      next = now + lineInterval
      put(progress.line + "\n")
    }
  }

  /// Takes the bar away and returns what was reached.
  package func finish(count: UInt64) -> Progress {
    if terminal != nil { put("\r\u{1B}[K") }
    return progress(count, 1, MonotonicClock.nanoseconds())
  }

  private func progress(_ count: UInt64, _ share: Double?, _ now: UInt64) -> Progress {
    Progress(
      title: title, unit: unit, count: count, share: share, seconds: Double(now - start) / 1e9)
  }

  /// A bar that cannot be shown is no reason to stop the work.
  private func put(_ text: String) { _ = FileOutput.write(text, to: file) }
}
