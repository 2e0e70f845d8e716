import Cel
import Playbooks
import TestSupport
import Testing
import Yaml

@Suite struct `The page's examples` {
  @Test func `compile to a program`() throws {
    let zones = try ZoneTable.system()
    for example in try documentedPlaybooks() {
      let (program, diagnostics) = try book(example).compile(zones: zones)
      #expect(program != nil, "\(diagnostics.map { $0.description })\n\(example)")
    }
  }
}
