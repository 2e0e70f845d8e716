import Console
import Foundation
import Log

extension Service {
  /// Compacts and retires the embedded log's segments beside the loops, on a thread of its own. It
  /// takes half of one core and of the disk's time at most, and its failures end nothing: what it
  /// could not do it tries again.
  func startUpkeep(of log: EmbeddedLog, _ done: DispatchGroup) {
    done.enter()
    let thread = Thread { [self] in
      while !drain.isRequested { _ = drain.wait(milliseconds: upkeepStep(of: log)) }
      done.leave()
    }
    thread.name = "upkeep"
    thread.start()
  }

  /// How long to pause then, ms.
  private func upkeepStep(of log: EmbeddedLog) -> Int32 {
    let start = MonotonicClock.nanoseconds()
    do throws(LogError) {
      let done = try log.upkeep(now: WallClock.milliseconds())
      for note in done.notes { lines.info("upkeep of the log", ["did": .text(note)]) }
      guard done.isBusy else { return 1000 }
    } catch {
      lines.repeated(.warning, "upkeep of the log failed", ["cause": .text(error.message)])
      return 1000
    }
    return Int32(min(max((MonotonicClock.nanoseconds() - start) / 1_000_000, 1), 500))
  }
}
