internal import Events
internal import Log

/// The only topics of Kairos' own whose records an inbox takes: books, and the orders that name them,
/// from a command that finds the log in another process's hands. Each record is held against its form.
enum InboxOrder {
  static func isTopic(_ topic: String) -> Bool {
    topic == TopicContract.control.name || topic == TopicContract.artifacts.name
  }

  /// Why the line is no record of that topic; nil: it is one.
  static func refusal(_ topic: String, _ line: ArraySlice<UInt8>) -> String? {
    let tree: JsonTree
    do { tree = try JsonTree.parse(String(decoding: line, as: UTF8.self)) } catch {
      return "a record of \(topic) is JSON, and this is none"
    }
    if topic == TopicContract.artifacts.name {
      let isBook = tree["kairos"]?.string == "book" && isHash(tree["hash"])
      return isBook ? nil : "this is no book with its hash"
    }
    switch tree["control"]?.string {
    case "book": return isHash(tree["book"]) ? nil : "the book to put in force is not named"
    case "semantics": return isWhole(tree["number"]) ? nil : "the semantics number is missing"
    case "incarnation":
      let isWhole = isWhole(tree["incarnation"]) && tree["source"]?.string?.isEmpty == false
      return isWhole ? nil : "source or incarnation is missing"
    default: return "this is no order that a command gives"
    }
  }

  private static func isHash(_ value: JsonTree?) -> Bool {
    guard let text = value?.string, text.utf8.count == 64 else { return false }
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  private static func isWhole(_ value: JsonTree?) -> Bool {
    if case .int(let number)? = value { return number >= 0 }
    return false
  }
}
