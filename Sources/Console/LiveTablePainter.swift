import Glibc

/// Keeps a `LiveTable` on the screen. On a terminal it repaints in place, at most ten times a
/// second; into a file or a pipe it appends each row as a line, and the figures now and then. Used by
/// one thread.
package final class LiveTablePainter {
  private var table: LiveTable
  private let file: Int32
  private let onTerminal: Bool
  private var painted = 0
  private var nextPaint: UInt64 = 0
  private var nextFigures: UInt64
  private var pending = false

  package init(header: LiveTable.Header, file: Int32 = STDOUT_FILENO) {
    table = LiveTable(header: header)
    self.file = file
    onTerminal = Terminal.behind(file)?.movable ?? false
    nextFigures = MonotonicClock.nanoseconds() + 10_000_000_000
    if !onTerminal { put(header.title + "\n") }
  }

  package func add(_ row: LiveTable.Row) {
    table.add(row)
    pending = true
    if onTerminal { paintIfDue() } else { put(LiveTable.plain(row) + "\n") }
  }

  package func update(_ header: LiveTable.Header) {
    table.header = header
    pending = true
    if onTerminal { return paintIfDue() }
    let now = MonotonicClock.nanoseconds()
    guard now >= nextFigures else { return }
    nextFigures = now + 10_000_000_000
    put("-- \(table.figures)\n")
  }

  /// Shows the last state, which stays on the screen; what is written next stands below it.
  package func finish() {
    if onTerminal { paint() } else { put("-- \(table.figures)\n") }
    painted = 0
  }

  private func paintIfDue() {
    let now = MonotonicClock.nanoseconds()
    guard pending, now >= nextPaint else { return }
    nextPaint = now + 100_000_000
    paint()
  }

  private func paint() {
    guard let terminal = Terminal.behind(file) else { return }
    // One line less than the screen has: the cursor stands below the table.
    let lines = table.lines(
      width: terminal.width, height: terminal.height - 1, color: terminal.color)
    var text = painted > 0 ? "\u{1B}[\(painted)A\r" : ""
    for line in lines { text += line + "\u{1B}[K\n" }
    put(text + "\u{1B}[J")
    painted = lines.count
    pending = false
  }

  /// A screen that is gone is no reason to stop the work.
  private func put(_ text: String) { _ = FileOutput.write(text, to: file) }
}
