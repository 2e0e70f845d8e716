import Foundation
import TestSupport
import Testing

@Suite struct `A replay` {
  private func story() throws -> Story {
    try #require(try Story.all.first { $0.name == "api-docs-48h" })
  }

  @Test func `counts a line that is too long and goes on after it`() throws {
    let story = try story()
    try withTemporaryFolder { folder in
      let events = try String(contentsOfFile: story.eventsPath, encoding: .utf8)
      let long = #"{"id":"long","x":""# + String(repeating: "a", count: 10_000_000) + "\"}\n"
      try (long + events).write(toFile: folder + "/events", atomically: true, encoding: .utf8)
      let result = try kairosDoes(["replay", story.playbookPath, folder + "/events", "--summary"])
      #expect(result.complaintsText.contains("too_large"))
      #expect(result.complaintsText.contains("events      32"))
    }
  }

  @Test func `never empties what it is to read`() throws {
    let story = try story()
    try withTemporaryFolder { folder in
      let path = folder + "/events.ndjson"
      try FileManager.default.copyItem(atPath: story.eventsPath, toPath: path)
      let result = try kairos(["replay", story.playbookPath, path, "--out", path])
      #expect(result.exitCode == 64)
      #expect(
        try fileText(story.folder + "/events.ndjson")
          == String(contentsOfFile: path, encoding: .utf8))
    }
  }

  @Test func `says when the disk is full, and leaves a device a device`() throws {
    let story = try story()
    let result = try kairos([
      "replay", story.playbookPath, story.eventsPath, "--quiet", "--out", "/dev/full",
    ])
    #expect(result.exitCode == 74)
    #expect(result.complaintsText.contains("No space left on device"))
    let type = try FileManager.default.attributesOfItem(atPath: "/dev/full")[.type]
    #expect(type as? FileAttributeType == .typeCharacterSpecial)
  }

  @Test func `of nothing but rubbish is an error`() throws {
    let story = try story()
    try withTemporaryFolder { folder in
      try "rubbish\nmore\n".write(toFile: folder + "/x", atomically: true, encoding: .utf8)
      let result = try kairos(["replay", story.playbookPath, folder + "/x", "--quiet"])
      #expect(result.exitCode == 65)
      #expect(result.complaintsText.contains("not one line is an event"))
    }
  }
}
