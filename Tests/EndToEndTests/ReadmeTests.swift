import Foundation
import TestSupport
import Testing

@Suite struct `The README` {
  /// A block that only starts the engine is ended by SIGTERM once a replay of the journal decides
  /// something: until then nothing has come out.
  private func script(of block: Page.Block) -> String {
    guard block.text.hasPrefix("kairos run"), block.lines.count == 1 else { return block.text }
    return """
      \(block.text) 2> run.log &
      engine=$!
      until kairos replay first.yaml kairos-data --policy-time append -q 2> /dev/null | grep -q .
      do kill -0 $engine || { cat run.log; exit 1; }; sleep 0.1; done
      kill $engine
      wait $engine
      """
  }

  @Test func `has commands that print what it says`() throws {
    let page = try Page("README.md")
    let program = URL(fileURLWithPath: try kairosPath()).deletingLastPathComponent().path
    let path = program + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    try withTemporaryFolder { folder in
      var ran = 0
      for (index, block) in page.blocks.enumerated() where block.language == "sh" {
        let result = try run(
          ["bash", "-eu", "-o", "pipefail", "-c", "exec 2>&1\n" + script(of: block)],
          folder: folder, environment: ["PATH": path, "KAIROS_LISTEN": "127.0.0.1:0"])
        #expect(result.exitCode == 0, "README.md:\(block.line):\n\(result.outputText)")
        ran += 1
        guard index + 1 < page.blocks.count, page.blocks[index + 1].language == "text" else {
          continue
        }
        expect(result.outputText, is: page.blocks[index + 1])
      }
      #expect(ran >= 6)
    }
  }

  private func expect(_ output: String, is promised: Page.Block) {
    // Progress draws over itself and ends with an empty line.
    func kept(_ lines: [Substring]) -> [Substring] { lines.filter { !$0.isEmpty } }
    let said = kept(output.split(separator: "\n"))
    let wanted = kept(promised.lines)
    #expect(said.count == wanted.count, "README.md:\(promised.line): printed is\n\(output)")
    for (line, promise) in zip(said, wanted) {
      #expect(Page.agrees(line, with: promise), "README.md:\(promised.line): printed is\n\(output)")
    }
  }

  @Test func `links lead somewhere`() throws {
    for page in ["README.md", "ARCHITECTURE.md", "HACKING.md", "replay/README.md"] {
      let text = try fileText(page)
      let folder = URL(fileURLWithPath: packageRoot + "/" + page).deletingLastPathComponent().path
      for link in text.split(separator: "](").dropFirst() {
        let target = link.prefix { $0 != ")" && $0 != "#" }
        if target.isEmpty || target.contains("://") { continue }
        #expect(
          FileManager.default.fileExists(atPath: folder + "/" + target), "\(page): \(target)")
      }
    }
  }
}
