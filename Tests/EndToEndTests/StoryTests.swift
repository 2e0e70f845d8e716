import Foundation
import TestSupport
import Testing

@Suite struct `The stories` {
  @Test(arguments: try Story.all)
  func `come out as their READMEs say, row by row`(_ story: Story) throws {
    let decisions = try replayed(story.playbookPath, story.eventsPath)
    let rows = try decisions.compactMap { Story.Row(of: try Json($0)) }
    #expect(rows.count == decisions.count)
    #expect(try rows.sorted() == story.promised())
  }

  @Test(arguments: try Story.all)
  func `come out as expected, to the byte`(_ story: Story) throws {
    let decisions = try replayed(story.playbookPath, story.eventsPath)
    let expected = try fileText(story.folder + "/expected.ndjson").split(separator: "\n")
    #expect(decisions == expected.map(String.init))
  }
}
