import Foundation
import TestSupport
import Testing

@Suite struct `The pages' examples` {
  /// A block that only starts the engine is ended by SIGTERM once both decisions can be read.
  private func script(of block: Page.Block) -> String {
    guard block.text.hasPrefix("kairos run"), block.lines.count == 1 else { return block.text }
    return """
      \(block.text) 2> run.log &
      engine=$!
      until test "$(kairos read decisions 2> /dev/null | wc -l)" = 2
      do kill -0 $engine || { cat run.log; exit 1; }; sleep 0.1; done
      kill $engine
      wait $engine
      """
  }

  @Test(arguments: [("README.md", 8), ("docs/sources.md", 3), ("docs/publishing.md", 3)])
  func `print what the page says`(path: String, blocks: Int) throws {
    let page = try Page(path)
    let program = URL(fileURLWithPath: try kairosPath()).deletingLastPathComponent().path
    let search = program + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    try withTemporaryFolder { folder in
      var ran = 0
      for (index, block) in page.blocks.enumerated() where block.language == "sh" {
        let result = try run(
          ["bash", "-eu", "-o", "pipefail", "-c", "exec 2>&1\n" + script(of: block)],
          folder: folder, environment: ["PATH": search, "KAIROS_LISTEN": "127.0.0.1:0"])
        #expect(result.exitCode == 0, "\(path):\(block.line):\n\(result.outputText)")
        ran += 1
        let next = index + 1
        guard next < page.blocks.count, page.blocks[next].language == "text" else { continue }
        expect(result.outputText, is: page.blocks[next], of: path)
      }
      #expect(ran >= blocks)
    }
  }

  private func expect(_ output: String, is promised: Page.Block, of path: String) {
    func kept(_ lines: [Substring]) -> [Substring] { lines.filter { !$0.isEmpty } }
    let said = kept(output.split(separator: "\n"))
    let wanted = kept(promised.lines)
    #expect(said.count == wanted.count, "\(path):\(promised.line): printed is\n\(output)")
    for (line, promise) in zip(said, wanted) {
      #expect(Page.agrees(line, with: promise), "\(path):\(promised.line): printed is\n\(output)")
    }
  }

  @Test(arguments: ["README.md", "ARCHITECTURE.md", "HACKING.md", "replay/README.md"])
  func `links lead somewhere`(page: String) throws {
    let folder = URL(fileURLWithPath: packageRoot + "/" + page).deletingLastPathComponent().path
    for link in try fileText(page).split(separator: "](").dropFirst() {
      let target = link.prefix { $0 != ")" && $0 != "#" }
      if target.isEmpty || target.contains("://") { continue }
      #expect(FileManager.default.fileExists(atPath: folder + "/" + target), "\(page): \(target)")
    }
  }
}
