import Events
import Foundation
import Glibc
package import Log

/// How lines reach the embedded log while another process holds it: as files in a folder of the log,
/// which that process takes in.
///
///     DIR/inbox/TOPIC/NAME.ndjson            lines of a source, taken in the order of the names
///     DIR/inbox/TOPIC/NAME.key=FIELD.ndjson  the same, keyed by a field of their JSON
///     DIR/inbox/TOPIC/NAME.part              not finished; nobody looks at it
///
/// A file is made under the last kind of name, synced, and renamed: it is there whole or not at all.
/// Its records become durable in one commit, and then it is removed. A crash between the two makes
/// its lines come twice, as any redelivery does: the ids of their events tell.
package struct Inbox: Sendable {
  /// A drop begins a new file beyond this, and so much is taken in at once.
  static let fileBytes = 16 << 20
  /// No record is longer; the strict rule's own bound is lower.
  package static let lineBytes = 2 << 20

  private let folder: String

  /// `log`: the embedded log's directory.
  package init(log: String) { folder = log + "/inbox" }

  // MARK: Taking in

  package struct Taken: Equatable, Sendable {
    package var records = 0
    /// What a person should see to, a line each.
    package var complaints: [String] = []
    /// There is more; call again.
    package var isMore = false
  }

  /// Appends what lies there to the topics, and removes it: at most `fileBytes` or one file. A topic
  /// that is missing is made with one partition.
  package func take(into log: any Log, now: Int64) throws(LogError) -> Taken {
    var taken = Taken()
    var bytes = 0
    for topic in try names(in: folder) {
      guard Self.isTopic(topic) else {
        taken.complaints.append("\(folder)/\(topic): no topic can have this name; remove it")
        continue
      }
      guard TopicContract.of(topic) == nil || InboxOrder.isTopic(topic) else {
        taken.complaints.append(
          "\(folder)/\(topic): Kairos itself writes this topic; move the files to a source's topic")
        continue
      }
      for name in try names(in: "\(folder)/\(topic)") where name.hasSuffix(".ndjson") {
        guard bytes < Self.fileBytes else {
          taken.isMore = true
          return taken
        }
        bytes += try take("\(folder)/\(topic)/\(name)", topic, into: log, now: now, &taken)
      }
    }
    return taken
  }

  /// Returns how many bytes it took.
  private func take(
    _ path: String, _ topic: String, into log: any Log, now: Int64, _ taken: inout Taken
  ) throws(LogError) -> Int {
    if try log.partitionCount(of: topic) == nil {
      try log.createTopic(
        TopicContract.of(topic)?.settings() ?? TopicSettings(name: topic, partitions: 1))
    }
    let partitions = try log.partitionCount(of: topic) ?? 1
    let (archive, keys): (LineArchive, LineKey)
    do throws(LogError) {
      archive = try LineArchive(path: path, longest: Self.lineBytes)
      keys = try LineKey(path: Self.keyField(ofFile: path))
    } catch {
      taken.complaints.append(error.message)
      return 0
    }
    let writer = try log.plainWriter()
    defer { writer.close() }
    var chunk = LineChunk()
    var (bytes, waiting) = (0, 0)
    while try archive.next(into: &chunk) {
      for long in chunk.overLong {
        taken.complaints.append(
          "\(path):\(chunk.firstLine + long.index): a line of \(long.byteCount) bytes is left out")
      }
      for line in chunk.lines where !line.isEmpty {
        if InboxOrder.isTopic(topic), let why = InboxOrder.refusal(topic, chunk.bytes[line]) {
          taken.complaints.append("\(path): \(why); it is left out")
          continue
        }
        let key = keys.key(chunk.bytes, line)
        try writer.append(
          OutRecord(
            topic: topic, partition: Self.partition(of: key, among: partitions), key: key,
            value: Array(chunk.bytes[line]), timestamp: now))
        taken.records += 1
        bytes += line.count
        waiting += line.count
      }
      // Only a file that no drop has made can be so long.
      if waiting > 4 * Self.fileBytes {
        try writer.commit(offsets: [:], group: "", reader: nil)
        waiting = 0
      }
    }
    try writer.commit(offsets: [:], group: "", reader: nil)
    guard unsafe unlink(path) == 0 || errno == ENOENT else { throw Self.failure("remove", path) }
    return bytes
  }

  /// The partition that Kafka's clients would choose; without a key the first, which keeps order.
  package static func partition(of key: [UInt8]?, among count: Int) -> Int32 {
    key.map { Int32(Events.partition(ofKey: $0.span, count: count)) } ?? 0
  }

  private static func keyField(ofFile path: String) -> String? {
    guard let start = path.range(of: ".key=", options: .backwards) else { return nil }
    return String(path[start.upperBound...].dropLast(".ndjson".count)).removingPercentEncoding
  }

  /// Sorted; none if there is no such folder.
  private func names(in folder: String) throws(LogError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      // Not there, or a file where a folder should be: nothing to take in.
      if unsafe access(folder, F_OK) != 0 || !isFolder(folder) { return [] }
      throw LogError(.stop, "\(folder) cannot be listed; give this user the right to it")
    }
  }

  private func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    let isThere = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return isThere && isFolder.boolValue
  }

  static func failure(_ verb: String, _ path: String) -> LogError {
    let reason = unsafe String(cString: strerror(errno))
    return LogError(.stop, "cannot \(verb) \(path): \(reason); see to the disk and to the rights")
  }

  // MARK: Putting in

  /// A drop of lines for one topic. `keyField`: the field that is their records' key.
  package func drop(topic: String, keyField: String?, now: Int64) throws(LogError) -> InboxDrop {
    guard Self.isTopic(topic) else {
      throw LogError(
        .stop,
        "\"\(topic)\" is no name for a topic: write 1 to 249 of letters, digits, '.', '_', '-'")
    }
    let place = "\(folder)/\(topic)"
    do {
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    } catch { throw LogError(.stop, "\(place) cannot be made; see to the disk and to the rights") }
    try Self.sync(folder: folder)
    let key = keyField.map { field in
      ".key=" + (field.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
    }
    return InboxDrop(folder: place, key: key ?? "", now: now)
  }

  private static func isTopic(_ name: String) -> Bool {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "-"):
        true
      default: false
      }
    }
    return isPlain && !name.isEmpty && name.utf8.count <= 249 && name != "." && name != ".."
  }

  /// Makes names in a folder last.
  static func sync(folder: String) throws(LogError) {
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open", folder) }
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("sync", folder) }
  }
}

/// Lines on their way into an inbox. Used by one thread.
package final class InboxDrop {
  private let folder: String
  private let key: String
  private let stem: String
  private var files = 0
  private var bytes: [UInt8] = []

  fileprivate init(folder: String, key: String, now: Int64) {
    self.folder = folder
    self.key = key
    let time = String(now)
    stem =
      String(repeating: "0", count: max(0, 15 - time.count)) + time + "-\(getpid())-"
      + String(UInt32.random(in: 0...UInt32.max), radix: 36)
  }

  package func append(_ line: ArraySlice<UInt8>) throws(LogError) {
    bytes += line
    bytes.append(0x0A)
    if bytes.count > Inbox.fileBytes { try commit() }
  }

  /// Makes what was appended last, and visible to whoever holds the log.
  package func commit() throws(LogError) {
    guard !bytes.isEmpty else { return }
    let number = String(files)
    let name = stem + "-" + String(repeating: "0", count: max(0, 6 - number.count)) + number
    files += 1
    let draft = "\(folder)/\(name).part"
    try write(draft)
    let path = "\(folder)/\(name)\(key).ndjson"
    guard unsafe rename(draft, path) == 0 else { throw Inbox.failure("rename", draft) }
    try Inbox.sync(folder: folder)
    bytes.removeAll(keepingCapacity: true)
  }

  private func write(_ path: String) throws(LogError) {
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let file = FileHandle(forWritingAtPath: path)
    else { throw Inbox.failure("create", path) }
    do {
      try file.write(contentsOf: Data(bytes))
      try file.synchronize()
      try file.close()
    } catch {
      throw LogError(.retry, "\(path) cannot be written: \(error); free some space there")
    }
  }
}
