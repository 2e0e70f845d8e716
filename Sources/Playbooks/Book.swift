import Cel
package import Yaml

/// What runs: one policy and any number of playbooks, known by its hash.
///
/// The syntax tree, checked as a whole: every name that is mentioned exists, every duration is
/// sane. CEL texts are still texts; `core` types and compiles them.
package struct Book: Sendable {
  package var policy: Policy
  /// In the order of their file names' bytes.
  package var playbooks: [Playbook]
  /// SHA-256 of the files' content: the same whatever the files are called and however they are
  /// laid out, different when any value, or the order of anything that has an order, differs.
  package var hash: [UInt8]
  /// The files that it was read from, under their last names.
  package var files: [File] = []

  package struct File: Equatable, Sendable {
    package var name: String
    package var text: [UInt8]
  }

  package init(policy: Policy, playbooks: [Playbook], hash: [UInt8]) {
    self.policy = policy
    self.playbooks = playbooks
    self.hash = hash
  }
}

/// One file of the language. All lists are in declared order.
package struct Playbook: Sendable {
  package var name: String
  package var position: SourcePosition
  /// An IANA zone name; the default is UTC. Whether the zone exists is for whoever has the tables.
  package var timezone: String
  package var timezonePosition: SourcePosition
  package var facts: [Fact] = []
  package var features: [Feature] = []
  package var moments: [Moment] = []
  package var windows: [Window] = []
  package var scores: [Score] = []
  package var decisions: [Decision] = []
  /// What this playbook adds to the book's policy: it may only tighten. Empty for a lone playbook
  /// whose policy is the book's.
  package var tightening = Tightening()
  /// SHA-256 of the content, without comments and layout.
  package var version: [UInt8] = []

  package init(
    name: String, position: SourcePosition, timezone: String, timezonePosition: SourcePosition
  ) {
    self.name = name
    self.position = position
    self.timezone = timezone
    self.timezonePosition = timezonePosition
  }
}

/// A CEL expression as written, and where.
package struct CelText: Sendable {
  package var text: String
  package var position: SourcePosition
  private let scalar: YamlScalar

  /// The names that stand free in it, each once. Empty if it cannot be read.
  let names: [String]
  /// Why it cannot be read.
  let mistake: CelError?

  package init(_ scalar: YamlScalar) {
    text = scalar.text
    position = scalar.position
    self.scalar = scalar
    do throws(CelError) {
      names = try CelExpression(parsing: scalar.text).identifiers
      mistake = nil
    } catch {
      names = []
      mistake = error
    }
  }

  /// The place of a byte (UTF-8) of `text` in the file: for the offset of a `CelError`.
  package func position(ofByte offset: Int) -> SourcePosition { scalar.position(ofByte: offset) }
}

/// A name as a playbook mentions it.
package struct Mention: Sendable {
  package var name: String
  package var position: SourcePosition
  package init(name: String, position: SourcePosition) {
    self.name = name
    self.position = position
  }
}

/// Which types of events something looks at.
package struct EventTypes: Sendable {
  /// `any`: every event of the customer. `names` is empty then.
  package var isAny: Bool
  package var names: [String]
  package var position: SourcePosition
  package init(isAny: Bool, names: [String], position: SourcePosition) {
    self.isAny = isAny
    self.names = names
    self.position = position
  }
}

/// An event of one of these types whose `where` is true.
package struct EventPattern: Sendable {
  package var on: EventTypes
  package var `where`: CelText?
  package var position: SourcePosition
  package init(on: EventTypes, where: CelText?, position: SourcePosition) {
    self.on = on
    self.where = `where`
    self.position = position
  }
}

/// A field of an event: `data.address.city` is ["data", "address", "city"].
package struct FieldPath: Sendable {
  package var text: String
  package var segments: [String]
  package var position: SourcePosition
  package init(text: String, segments: [String], position: SourcePosition) {
    self.text = text
    self.segments = segments
    self.position = position
  }
}

package enum ValueType: String, CaseIterable, Sendable { case string, int, double, bool }

package enum Literal: Equatable, Sendable {
  case string(String)
  case int(Int64)
  case double(Double)
  case bool(Bool)
}

/// What a person is told when this is among a decision's reasons.
package struct ReasonText: Sendable {
  package var code: String?
  package var text: String?
  /// The key of a talking point that the reader of the decision looks up.
  package var talkingPoint: String?
  package var position: SourcePosition
  package init(code: String?, text: String?, talkingPoint: String?, position: SourcePosition) {
    self.code = code
    self.text = text
    self.talkingPoint = talkingPoint
    self.position = position
  }
}
