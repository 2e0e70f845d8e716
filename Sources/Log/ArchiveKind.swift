internal import CPosix

/// What lies at a path that somebody wants to replay.
package enum ArchiveKind: Equatable, Sendable {
  /// For `LineArchive`.
  case lines
  /// One partition's segments, or one segment: for `SegmentArchive`.
  case segments
  /// A whole log: for `EmbeddedLog.open(directory:mode: .readOnly)`.
  case log

  package static func of(_ path: String) throws(LogError) -> ArchiveKind {
    let disk = EmbeddedDisk()
    guard try disk.isDirectory(path) else {
      let name = path.split(separator: "/").last.map(String.init) ?? path
      return EmbeddedSegment.parse(fileName: name) == nil ? .lines : .segments
    }
    let names = try disk.names(in: path) ?? []
    if names.contains("checkpoint") { return .log }
    if names.contains(where: { EmbeddedSegment.parse(fileName: $0) != nil }) { return .segments }
    throw LogError(
      .stop,
      "\(path) is neither a log nor a partition's segments; name a file of lines, a "
        + "directory TOPIC-PARTITION, or the directory of a log")
  }
}

/// How archives are best read on this machine.
package enum ArchiveReading {
  /// Whether a thread may read ahead without taking the core of the one that folds.
  package static var hasCores: Bool { kairos_cores() > 1 }
}
