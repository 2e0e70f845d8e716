package import Engine
package import Log

/// Finds the books that a journal's control records name. Used by one thread.
package protocol ProgramSource: AnyObject {
  /// In force from the journal's beginning.
  var initial: Program { get }
  /// All that are at hand, by hash.
  var known: [String: Program] { get }
  /// The book of that hash. Throws `.stop` with a line for a person where its artifact is not there
  /// or is not understood: the partition that needs it waits, and asks again now and then.
  func find(_ hash: String) throws(LogError) -> Program
}

/// One book for a journal's whole life.
package final class SingleProgram: ProgramSource {
  package let initial: Program
  package var known: [String: Program] { [initial.hash: initial] }

  package init(_ program: Program) { initial = program }

  package func find(_ hash: String) throws(LogError) -> Program {
    if hash == initial.hash { return initial }
    throw LogError(
      .stop,
      "the book \(hash) is in force from here on, and no artifact holds it: publish it again, "
        + "kairos playbook publish BOOK")
  }
}
