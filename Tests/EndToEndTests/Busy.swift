import Foundation
import TestSupport

/// A playbook that decides on each event, and many events: so that whatever moment a process is
/// killed at, something is under way.
struct Busy {
  let playbook: String
  let events: [String]
  let eventsPath: String
  /// What must come out, sorted.
  let expected: [String]

  init(_ folder: String, events count: Int) throws {
    playbook = folder + "/busy.yaml"
    let text = """
      kairos: 1
      name: busy
      features:
        clicks: { count: click, over: 1h }
      moments:
        clicked: { sequence: [{ on: click }] }
      decisions:
        greet:
          when: { moment: clicked }
          action:
            { topic: actions.web, channel: web, template: hello, fields: { clicks: clicks } }
          purpose: service
          expires: 1h
      policy: { policy_time: event, consent: { unknown: allow } }

      """
    try Data(text.utf8).write(to: URL(fileURLWithPath: playbook))
    let start = 1_767_225_600_000
    events = (0..<count).map { index in
      #"{"id":"e\#(index)","type":"click","time":\#(start + index * 50),"#
        + #""customer":"c\#(index * 7919 % 503)","data":{}}"#
    }
    eventsPath = folder + "/busy.ndjson"
    try Data((events.joined(separator: "\n") + "\n").utf8)
      .write(to: URL(fileURLWithPath: eventsPath))
    expected = try replayed(playbook, eventsPath).sorted()
  }
}
