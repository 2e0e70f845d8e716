package import Cel
internal import Decisions
package import Engine
internal import Events
internal import Yaml

// A book as one record of the topic of artifacts: its files as they were read, in one JSON object
// that says its own hash.
//
//     {"kairos":"book","version":1,"hash":"9c1d…","files":[{"name":"policy.yaml","text":"…"}, …]}

extension Book {
  /// The most bytes of an artifact: what librdkafka sends in one message by default, and some less.
  package static let artifactBytes = 900_000

  /// Hexadecimal, as artifacts and control records name it.
  package var name: String { hex(hash) }

  package func artifact() throws(BookError) -> [UInt8] {
    var json = JsonWriter()
    json.beginObject()
    json.string("kairos", "book")
    json.int("version", 1)
    json.string("hash", name)
    json.beginArray("files")
    for file in files {
      json.beginObject()
      json.string("name", file.name)
      json.string("text", utf8: file.text)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    guard json.bytes.count <= Self.artifactBytes else {
      throw .unreadable(
        "the book has \(json.bytes.count) bytes as an artifact, and \(Self.artifactBytes) are the "
          + "most; split it into books, or shorten its comments")
    }
    return json.bytes
  }

  /// Reads an artifact and holds its content against the hash that it was asked for by.
  package init(artifact bytes: [UInt8], hash: String) throws(BookError) {
    let files = try Self.files(artifact: bytes, hash: hash)
    let (book, diagnostics) = Book.parse(files: files)
    guard let book else { throw .wrong(diagnostics) }
    guard book.name == hash else {
      throw .unreadable(
        "the artifact \(hash) holds the book \(book.name): it is damaged; publish the book again")
    }
    self = book
  }

  private static func files(
    artifact bytes: [UInt8], hash: String
  ) throws(BookError) -> [(name: String, bytes: [UInt8])] {
    func damaged(_ what: String) -> BookError {
      .unreadable("the artifact \(hash) \(what); publish the book again from its files")
    }
    guard bytes.count <= artifactBytes else { throw damaged("is longer than any that is written") }
    let tree: JsonTree
    do { tree = try JsonTree.parse(String(decoding: bytes, as: UTF8.self)) } catch {
      throw damaged("is no JSON")
    }
    guard tree["kairos"]?.string == "book", tree["version"] == .int(1),
      case .array(let list)? = tree["files"]
    else { throw damaged("is no book of a version that this build reads") }
    var files: [(name: String, bytes: [UInt8])] = []
    for file in list {
      guard let name = file["name"]?.string, let text = file["text"]?.string else {
        throw damaged("has a file without name or text")
      }
      files.append((name, Array(text.utf8)))
    }
    return files
  }

  /// The program, or what is wrong with the book.
  package func program(zones: ZoneTable) throws(BookError) -> Program {
    let (program, diagnostics) = compile(zones: zones)
    guard let program else { throw .wrong(diagnostics) }
    return program
  }
}
