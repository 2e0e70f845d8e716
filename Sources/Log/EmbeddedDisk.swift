import CPosix
import Glibc

/// The one door from the embedded log to the file system. What changes something there asks
/// `fault` first, so that a test can let any single operation fail or be the last one.
package final class EmbeddedDisk: @unchecked Sendable {
  package enum Operation: Equatable, Sendable {
    case create(String)
    case write(String, bytes: Int)
    case sync(String)
    case truncate(String)
    case rename(String)
    case remove(String)
  }

  package enum Fault: Equatable, Sendable {
    /// Nothing happens but this error number.
    case fails(Int32)
    /// Only so many bytes of a write arrive, then this error number.
    case cut(bytes: Int, Int32)
  }

  /// What was changed on the disk, in this order; lasting only once it is synced.
  package enum Change: Equatable, Sendable {
    case create(String)
    case write(String, at: Int, bytes: [UInt8])
    case truncate(String, to: Int)
    /// A file's content, or a directory's names.
    case sync(String)
    case rename(String, to: String)
    case remove(String)
  }

  /// Called by whatever thread uses the log.
  private let fault: (@Sendable (Operation) -> Fault?)?
  private let observe: (@Sendable (Change) -> Void)?

  package init(
    fault: (@Sendable (Operation) -> Fault?)? = nil,
    observe: (@Sendable (Change) -> Void)? = nil
  ) {
    self.fault = fault
    self.observe = observe
  }

  fileprivate func changed(_ change: @autoclosure () -> Change) { observe?(change()) }

  /// What the world does to an operation before it starts.
  fileprivate func errorNumber(before operation: Operation) -> Int32? {
    switch fault?(operation) {
    case nil: nil
    case .fails(let number), .cut(_, let number): number
    }
  }

  fileprivate func cut(_ operation: Operation) -> (bytes: Int, number: Int32)? {
    switch fault?(operation) {
    case nil: nil
    case .fails(let number): (0, number)
    case .cut(let bytes, let number): (bytes, number)
    }
  }

  enum Access { case read, readWrite, create }

  func open(_ path: String, _ access: Access) throws(LogError) -> EmbeddedFile {
    guard let file = try openIfPresent(path, access) else {
      throw LogError(.stop, "\(path) is missing; restore it from a copy of the log")
    }
    return file
  }

  /// Nil: there is no such file.
  func openIfPresent(_ path: String, _ access: Access) throws(LogError) -> EmbeddedFile? {
    let flags =
      switch access {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .create: O_RDWR | O_CREAT
      }
    if access == .create, let number = errorNumber(before: .create(path)) {
      throw diskError("create", path, number)
    }
    while true {
      let descriptor = unsafe kairos_open(path, flags, 0o644)
      if descriptor >= 0 {
        if access == .create { changed(.create(path)) }
        return EmbeddedFile(self, path, descriptor)
      }
      let number = errno
      if number == ENOENT, access != .create { return nil }
      if number != EINTR { throw diskError("open", path, number) }
    }
  }

  func readAll(_ path: String) throws(LogError) -> [UInt8]? {
    guard let file = try openIfPresent(path, .read) else { return nil }
    return try file.read(at: 0, count: try file.size())
  }

  /// Puts a whole file in the place of another: after a crash either the old or the new is there. If
  /// it fails, nobody knows which.
  func replace(_ path: String, with bytes: [UInt8]) throws(LogError) {
    let draft = path + ".new"
    try remove(draft)  // an attempt whose sync failed is never written on
    let file = try open(draft, .create)
    try file.write(bytes, at: 0)
    try file.sync()
    if let number = errorNumber(before: .rename(path)) { throw diskError("replace", path, number) }
    guard unsafe rename(draft, path) == 0 else { throw diskError("replace", path, errno) }
    changed(.rename(draft, to: path))
    try syncDirectory(of: path)
  }

  /// Makes what was created, renamed or removed beside `path` last.
  func syncDirectory(of path: String) throws(LogError) {
    let end = path.lastIndex(of: "/") ?? path.startIndex
    let directory = end == path.startIndex ? "." : String(path[..<end])
    let file = try open(directory, .read)
    try file.sync()
  }

  /// Nothing happens if it is not there.
  func remove(_ path: String) throws(LogError) {
    guard unsafe access(path, F_OK) == 0 else { return }
    if let number = errorNumber(before: .remove(path)) { throw diskError("remove", path, number) }
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw diskError("remove", path, errno)
    }
    changed(.remove(path))
  }

  /// Makes the directory and those above it. True: it was not there before.
  @discardableResult
  func makeDirectory(_ path: String) throws(LogError) -> Bool {
    if let number = errorNumber(before: .create(path)) { throw diskError("create", path, number) }
    if unsafe mkdir(path, 0o755) == 0 {
      changed(.create(path))
      return true
    }
    if errno == EEXIST { return false }
    guard errno == ENOENT, let end = path.lastIndex(of: "/"), end != path.startIndex else {
      throw diskError("create", path, errno)
    }
    try makeDirectory(String(path[..<end]))
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw diskError("create", path, errno)
    }
    changed(.create(path))
    return true
  }

  /// Fails if nothing is there.
  func isDirectory(_ path: String) throws(LogError) -> Bool {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      if errno == ENOENT { throw LogError(.stop, "\(path) is missing; name what is there") }
      throw diskError("examine", path, errno)
    }
    return status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, sorted; nil: there is no such directory.
  func names(in directory: String) throws(LogError) -> [String]? {
    guard let stream = unsafe opendir(directory) else {
      if errno == ENOENT { return nil }
      throw diskError("read", directory, errno)
    }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
        unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { text in
          unsafe String(cString: text)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

/// An open file; closed with its last reference.
final class EmbeddedFile: @unchecked Sendable {
  let path: String
  private let disk: EmbeddedDisk
  private let descriptor: Int32
  private var isLocked = false

  fileprivate init(_ disk: EmbeddedDisk, _ path: String, _ descriptor: Int32) {
    self.disk = disk
    self.path = path
    self.descriptor = descriptor
  }

  /// Unlocks by name: a child process that is just being started has a copy of the descriptor until
  /// it runs its program, and closing ours would leave the lock to that copy.
  deinit {
    if isLocked { _ = kairos_unlock(descriptor) }
    _ = close(descriptor)
  }

  /// False: another process, or another place in this one, holds it.
  func lock() throws(LogError) -> Bool {
    if kairos_lock_exclusively(descriptor) == 0 {
      isLocked = true
      return true
    }
    if errno == EWOULDBLOCK { return false }
    throw diskError("lock", path, errno)
  }

  func size() throws(LogError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw diskError("examine", path, errno) }
    return Int(status.st_size)
  }

  /// Up to `count` bytes: fewer only at the file's end.
  func read(at place: Int, count: Int) throws(LogError) -> [UInt8] {
    var bytes: [UInt8] = []
    try read(at: place, count: count, into: &bytes)
    return bytes
  }

  /// Replaces `bytes` by up to `count` bytes from `place` on: fewer only at the file's end.
  func read(at place: Int, count: Int, into bytes: inout [UInt8]) throws(LogError) {
    if bytes.count > count {
      bytes.removeSubrange(count...)
    } else {
      bytes.append(zeros: count - bytes.count)
    }
    var got = 0
    while got < count {
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe pread(descriptor, buffer.baseAddress! + got, count - got, place + got)
      }
      if result == 0 { break }
      if result > 0 {
        got += result
      } else if errno != EINTR {
        throw diskError("read", path, errno)
      }
    }
    if got < count { bytes.removeSubrange(got...) }
  }

  /// Replaces `bytes` by up to `count` bytes from where the last such call ended; empty: that was
  /// all. Pipes can be read like this.
  func readOn(count: Int, into bytes: inout [UInt8]) throws(LogError) {
    if bytes.count < count {
      bytes.append(zeros: count - bytes.count)
    }
    let read = try readOn(count: count, into: &bytes, at: 0)
    bytes.removeSubrange(read...)
  }

  /// Puts the next bytes, `count` at most, at `place` of `bytes`, where there is room for them.
  /// Returns how many; 0: that was all.
  func readOn(count: Int, into bytes: inout [UInt8], at place: Int) throws(LogError) -> Int {
    precondition(place >= 0 && place + count <= bytes.count)
    while true {
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(descriptor, buffer.baseAddress! + place, count)
      }
      if result >= 0 { return result }
      if errno != EINTR { throw diskError("read", path, errno) }
    }
  }

  /// `needed`: the room that the whole undertaking takes, for the error; nil: these bytes.
  func write(_ bytes: [UInt8], at place: Int, needed: Int? = nil) throws(LogError) {
    let needed = needed ?? bytes.count
    let cut = disk.cut(.write(path, bytes: bytes.count))
    let count = min(bytes.count, cut?.bytes ?? bytes.count)
    var done = 0
    while done < count {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe pwrite(descriptor, buffer.baseAddress! + done, count - done, place + done)
      }
      if result >= 0 {
        done += result
      } else if errno != EINTR {
        let number = errno
        disk.changed(.write(path, at: place, bytes: Array(bytes[..<done])))
        throw diskError("write", path, number, needed: needed)
      }
    }
    disk.changed(.write(path, at: place, bytes: Array(bytes[..<done])))
    if let cut { throw diskError("write", path, cut.number, needed: needed) }
  }

  /// Returns when what was written will outlive a power failure.
  func sync() throws(LogError) {
    if let number = disk.errorNumber(before: .sync(path)) {
      throw diskError("sync", path, number)
    }
    guard fdatasync(descriptor) == 0 else { throw diskError("sync", path, errno) }
    disk.changed(.sync(path))
  }

  func truncate(to count: Int) throws(LogError) {
    if let number = disk.errorNumber(before: .truncate(path)) {
      throw diskError("truncate", path, number)
    }
    guard ftruncate(descriptor, count) == 0 else { throw diskError("truncate", path, errno) }
    disk.changed(.truncate(path, to: count))
  }
}

/// `needed`: bytes that found no room.
func diskError(
  _ verb: String, _ path: String, _ number: Int32, needed: Int? = nil
) -> LogError {
  let reason = unsafe String(cString: strerror(number))
  switch number {
  case ENOSPC, EDQUOT:
    let amount = needed.map { "; \(byteText($0)) are needed" } ?? ""
    let free = freeBytes(beside: path).map { " and \(byteText($0)) are free" } ?? ""
    return LogError(
      .retry,
      "cannot \(verb) \(path): \(reason)\(amount)\(amount.isEmpty ? "" : free); free some space "
        + "there, then it goes on by itself")
  case EIO:
    return LogError(
      .retry,
      "cannot \(verb) \(path): \(reason); what is not safe is written again, into new files; if "
        + "this repeats, see to the disk")
  case EMFILE, ENFILE:
    return LogError(
      .retry, "cannot \(verb) \(path): \(reason); raise the limit of open files (ulimit -n)")
  case EACCES, EPERM, EROFS:
    return LogError(
      .stop,
      "cannot \(verb) \(path): \(reason); give this user the right to it, or choose another "
        + "directory")
  default:
    return LogError(.stop, "cannot \(verb) \(path): \(reason); see to the disk, then start again")
  }
}

/// What the file system of `path` has left for this user, bytes; nil: it does not say.
private func freeBytes(beside path: String) -> Int? {
  let end = path.lastIndex(of: "/") ?? path.startIndex
  var status = statvfs()
  let directory = end == path.startIndex ? "." : String(path[..<end])
  guard unsafe statvfs(directory, &status) == 0 else { return nil }
  return Int(status.f_bavail) * Int(status.f_frsize)
}

/// A number of bytes as a person reads it.
func byteText(_ count: Int) -> String {
  if count < 10_000 { return "\(count) bytes" }
  if count < 10_000_000 { return "\(count / 1000) kB" }
  return "\(count / 1_000_000) MB"
}
