import Console
import Events
import Log

extension ExplainCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let id = try Self.id(decision)
    let found = try calling {
      try file.map { try search(file: $0, for: id) } ?? searchLog(for: id)
    }
    guard !found.isEmpty else {
      throw CommandFailure(
        .different, "there is no decision \(id) in \(file ?? TopicContract.decisions.name)")
    }
    return try printOut(Explanation(id: id, revisions: found).text)
  }

  /// The id alone, also out of a `ce_id`, which carries the revision behind a dot.
  static func id(_ text: String) throws(CommandFailure) -> String {
    let id = text.split(separator: ".", omittingEmptySubsequences: false).first.map(String.init)
    let parts = id?.split(separator: "-", omittingEmptySubsequences: false) ?? []
    guard let id, parts.count == 2, parts[0].count == 8, parts[1].count == 24,
      (parts[0] + parts[1]).allSatisfy({ $0.isASCII && $0.isHexDigit && !$0.isUppercase })
    else {
      throw CommandFailure(
        .usage,
        "\"\(text)\" is no decision's id: eight hexadecimal digits, a dash, twenty-four more")
    }
    return id
  }

  // MARK: Where revisions are looked for

  private func search(file: String, for id: String) throws -> [JsonTree] {
    let archive: LineArchive
    do throws(LogError) {
      archive = try LineArchive(path: file == "-" ? "/dev/stdin" : file, longest: 16 << 20)
    } catch { throw CommandFailure(.noInput, error.message) }
    var search = RevisionSearch(id: id)
    var chunk = LineChunk()
    while try archive.next(into: &chunk) {
      for line in chunk.lines { search.look(chunk.bytes, line) }
    }
    return search.revisions
  }

  private func searchLog(for id: String) throws -> [JsonTree] {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let opened = try log.merged(with: configuration).open(.readOnly)
    let topic = TopicContract.decisions.name
    guard let count = try opened.partitionCount(of: topic) else {
      throw CommandFailure(
        .unavailable, "this log has no topic \(topic); name another log, or a file with --in")
    }
    // The first eight digits are the customer's murmur2.
    let hash = UInt32(id.prefix(8), radix: 16) ?? 0
    let partition = TopicPartition(topic, Int32(Int(hash & 0x7fff_ffff) % count))
    let bounds = try opened.bounds(of: partition)
    guard !bounds.isEmpty else { return [] }
    let reader = try opened.reader(from: [partition: bounds.lowerBound])
    defer { reader.close() }
    var search = RevisionSearch(id: id)
    var batch = RecordBatch(source: partition)
    var next = bounds.lowerBound
    // Where a partition ends with marks of transactions there is nothing more to deliver.
    var silence = 0
    while next < bounds.upperBound, silence < 10 {
      guard try reader.poll(into: &batch, timeoutMs: 500) else {
        silence += 1
        continue
      }
      silence = 0
      next = batch.nextOffset
      for entry in batch.entries {
        if let value = entry.value { search.look(batch.bytes, value) }
      }
    }
    return search.revisions
  }
}

/// Picks one decision's revisions out of many documents.
private struct RevisionSearch: ~Copyable {
  private let id: [UInt8]
  private var reader = JsonReader(maxBytes: 16 << 20)
  private let plan: FieldPlan
  private var found: [Int64: JsonTree] = [:]

  init(id: String) {
    self.id = Array(id.utf8)
    plan = reader.plan([["id"], ["revision"]])
  }

  /// In their order, each once however often it was read.
  var revisions: [JsonTree] { found.sorted { $0.key < $1.key }.map(\.value) }

  mutating func look(_ bytes: [UInt8], _ range: Range<Int>) {
    guard range.count > id.count, reader.check(plan, bytes.span, range) == nil,
      reader.field(0).kind == .string, reader.field(1).kind == .int,
      reader.text(reader.field(0), in: bytes.span) == id
    else { return }
    let revision = reader.field(1).int
    do {
      found[revision] = try JsonTree.parse(bytes.span, range, reader: &reader)
    } catch {
      fatalError("JSON that was checked cannot be parsed: \(error)")
    }
  }
}
