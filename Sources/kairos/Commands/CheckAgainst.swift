import Cel
import Engine
import Log
import Playbooks
import Replay
import Yaml

// `kairos check --against`: the migration plan from the running book.

extension CheckCommand {
  func compare(with running: Running) throws(CommandFailure) -> ExitCode {
    let zones = try BookReading.zones()
    let (_, new) = try BookReading.read(playbooks[0], zones)
    let old: Engine.Program
    switch running {
    case .path(let path): old = try BookReading.read(path, zones).program
    case .log:
      let configuration = try log.config.map { path throws(CommandFailure) in
        try Configuration.load(path)
      }
      let opened = try log.merged(with: configuration).open(.readOnly)
      let found = try calling {
        let shelf = BookShelf(log: opened, zones: zones)
        let found = try shelf.latest().map { try shelf.program($0) }
        try (opened as? EmbeddedLog)?.close()
        return found
      }
      guard let found else {
        throw CommandFailure(
          .noInput,
          "no book is in force in the log: there is nothing to compare with; kairos run BOOK or "
            + "kairos playbook publish BOOK puts one there")
      }
      old = found
    }
    let plan = MigrationPlan(from: old, to: new, backfill: backfill?.text)
    return try printOut(json ? plan.json : plan.text)
  }
}
