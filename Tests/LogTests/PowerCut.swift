import Foundation
import Synchronization
import TestSupport

@testable import Log

/// What a power failure leaves of a log: what was synced, and of the rest whatever the disk happened
/// to have written, sector by sector and in no order. Names are made to last by a sync of their
/// directory, contents by a sync of the file.
///
/// It looks on at a real log (`EmbeddedDisk(observe:)`) and keeps both.
final class PowerCut: Sendable {
  private struct Inode {
    var lasting: [UInt8] = []
    /// Not synced yet, in order.
    var pending: [Write] = []
  }
  private enum Write {
    case write(at: Int, [UInt8])
    case truncate(Int)
  }
  private enum Naming {
    case name(String, inode: Int)
    case rename(String, to: String, inode: Int)
    case remove(String)
  }
  private struct Model {
    var inodes: [Inode] = []
    /// As the process sees it.
    var names: [String: Int] = [:]
    var lastingNames: [String: Int] = [:]
    var pendingNames: [Naming] = []
    var directories: Set<String> = []
    var changes = 0
  }
  private let root: String
  private let model = Mutex(Model())
  static let sectorBytes = 512

  /// `root`: the directory that holds the log's.
  init(root: String) { self.root = root }

  var changes: Int { model.withLock { $0.changes } }

  func observe(_ change: EmbeddedDisk.Change) {
    model.withLock { model in
      model.changes += 1
      switch change {
      case .create(let path):
        if model.names[path] == nil, !model.directories.contains(path) {
          var isDirectory = ObjCBool(false)
          _ = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
          if isDirectory.boolValue {
            model.directories.insert(path)
          } else {
            model.inodes.append(Inode())
            model.names[path] = model.inodes.count - 1
            model.pendingNames.append(.name(path, inode: model.inodes.count - 1))
          }
        }
      case .write(let path, let place, let bytes):
        if let inode = model.names[path] {
          model.inodes[inode].pending.append(.write(at: place, bytes))
        }
      case .truncate(let path, let count):
        if let inode = model.names[path] { model.inodes[inode].pending.append(.truncate(count)) }
      case .sync(let path):
        if let inode = model.names[path] {
          for write in model.inodes[inode].pending {
            Self.apply(write, to: &model.inodes[inode].lasting)
          }
          model.inodes[inode].pending = []
        } else {
          let mine = model.pendingNames.filter { Self.directory(of: $0) == path }
          model.pendingNames.removeAll { Self.directory(of: $0) == path }
          for naming in mine { Self.apply(naming, to: &model.lastingNames) }
        }
      case .rename(let path, let target):
        if let inode = model.names[path] {
          model.names[path] = nil
          model.names[target] = inode
          model.pendingNames.append(.rename(path, to: target, inode: inode))
        }
      case .remove(let path):
        model.names[path] = nil
        model.pendingNames.append(.remove(path))
      }
    }
  }

  private static func directory(of naming: Naming) -> String {
    let path =
      switch naming {
      case .name(let path, _), .rename(_, let path, _), .remove(let path): path
      }
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }

  private static func apply(_ write: Write, to bytes: inout [UInt8]) {
    switch write {
    case .truncate(let count):
      bytes.removeLast(max(0, bytes.count - count))
      bytes += [UInt8](repeating: 0, count: max(0, count - bytes.count))
    case .write(let place, let new):
      let end = place + new.count
      if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
      bytes.replaceSubrange(place..<end, with: new)
    }
  }

  private static func apply(_ naming: Naming, to names: inout [String: Int]) {
    switch naming {
    case .name(let path, let inode): names[path] = inode
    case .rename(let path, let target, let inode):
      if names[path] == inode { names[path] = nil }
      names[target] = inode
    case .remove(let path): names[path] = nil
    }
  }

  /// Writes what is left after a failure now, by these dice, to the directory `target` instead of the
  /// root. `luck` of 8 unsynced pieces arrive: 0 drops everything since the last sync.
  func leave(_ target: String, luck: Int, _ dice: inout Seeded) throws {
    let (inodes, names, directories) = model.withLock { model in
      var names = model.lastingNames
      for naming in model.pendingNames where dice.below(8) < luck {
        Self.apply(naming, to: &names)
      }
      var inodes: [[UInt8]] = []
      for inode in model.inodes {
        var bytes = inode.lasting
        for write in inode.pending {
          for piece in Self.sectors(of: write) where dice.below(8) < luck {
            Self.apply(piece, to: &bytes)
          }
        }
        inodes.append(bytes)
      }
      return (inodes, names, model.directories)
    }
    let files = FileManager.default
    for directory in directories {
      try files.createDirectory(
        atPath: target + directory.dropFirst(root.count), withIntermediateDirectories: true)
    }
    for (path, inode) in names { try put(inodes[inode], target + path.dropFirst(root.count)) }
  }

  private static func sectors(of write: Write) -> [Write] {
    guard case .write(let place, let bytes) = write else { return [write] }
    var pieces: [Write] = []
    var from = 0
    while from < bytes.count {
      let next = ((place + from) / sectorBytes + 1) * sectorBytes - place
      let to = min(next, bytes.count)
      pieces.append(.write(at: place + from, Array(bytes[from..<to])))
      from = to
    }
    return pieces
  }
}
