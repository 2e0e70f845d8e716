import Cel
import Engine
import Playbooks
import Yaml

/// A book from its files, compiled, or a failure with every mistake in it.
enum BookReading {
  static func zones() throws(CommandFailure) -> ZoneTable {
    do { return try ZoneTable.system() } catch {
      throw CommandFailure(.unavailable, error.description)
    }
  }

  static func read(
    _ path: String, _ zones: ZoneTable
  ) throws(CommandFailure) -> (book: Book, program: Engine.Program) {
    do throws(BookError) {
      let book = try Book.load(path: path)
      return (book, try book.program(zones: zones))
    } catch {
      switch error {
      case .unreadable(let why): throw CommandFailure(.noInput, why)
      case .wrong(let diagnostics):
        throw CommandFailure(
          .data, "the book is wrong\n" + diagnostics.map(\.description).joined(separator: "\n"))
      }
    }
  }
}
