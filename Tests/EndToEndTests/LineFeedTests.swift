import Foundation
import Ingest
import Log
import TestSupport
import Testing

@testable import Replay

/// Lines read ahead by a thread of their own against lines read as they are taken.
@Suite final class `Lines read ahead` {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "kairos-lines-\(UUID())")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(at: folder) } catch {
      print("left behind: \(folder.path): \(error)")
    }
  }

  private struct Part: Equatable {
    var path: String
    var offset: Int64
    var records: [[UInt8]]
    var rejects: [ArchiveIngest.Reject]
    var share: Double?
  }

  /// All parts, and the error at the end.
  private func parts(_ paths: [String], isAhead: Bool) -> ([Part], String, Int) {
    let feed = LineFeed(paths, source: .standard, isAhead: isAhead)
    defer { feed.stop() }
    var parts: [Part] = []
    var part = LinePart()
    do {
      while try feed.next(into: &part) {
        let batch = part.batches[0]
        parts.append(
          Part(
            path: part.path, offset: part.offset,
            records: batch.entries.map { Array(batch.bytes[$0.value ?? 0..<0]) },
            rejects: part.rejects, share: part.share))
      }
    } catch {
      return (parts, error.message, 0)
    }
    return (parts, "", feed.skipped)
  }

  private func file(_ name: String, lines: Int, _ random: inout SplitMix64) throws -> String {
    var text = ""
    for line in 0..<lines {
      text +=
        random.chance(2)
        ? "{\"id\":\n"
        : #"{"id":"\#(name)-\#(line)","type":"t","time":1767225600000,"customer":"c"}"# + "\n"
    }
    let place = folder.appending(path: name)
    try Data(text.utf8).write(to: place)
    return place.path
  }

  @Test func `are the same parts in the same order`() throws {
    var random = SplitMix64(seed: 31)
    let paths = [
      try file("a", lines: 9000, &random), try file("none", lines: 0, &random),
      try file("b", lines: 1, &random), try file("c", lines: 20_000, &random),
    ]
    let expected = parts(paths, isAhead: false)
    #expect(expected.0.count > 6 && expected.1.isEmpty)
    #expect(expected.0.contains { !$0.rejects.isEmpty })
    for _ in 0..<3 {
      let read = parts(paths, isAhead: true)
      #expect(read.0 == expected.0 && read.1 == expected.1 && read.2 == expected.2)
    }
  }

  @Test func `come before the error that ends them`() throws {
    var random = SplitMix64(seed: 32)
    let paths = [try file("a", lines: 9000, &random), folder.appending(path: "missing").path]
    let expected = parts(paths, isAhead: false)
    let read = parts(paths, isAhead: true)
    #expect(read.0 == expected.0 && !read.0.isEmpty)
    #expect(read.1 == expected.1 && read.1.contains("missing"))
  }

  @Test func `need not be taken to their end`() throws {
    var random = SplitMix64(seed: 33)
    let path = try file("a", lines: 20_000, &random)
    let feed = LineFeed([path], source: .standard, isAhead: true)
    var part = LinePart()
    #expect(try feed.next(into: &part))
    feed.stop()
  }
}
