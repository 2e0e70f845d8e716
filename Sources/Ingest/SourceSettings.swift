/// Where a value lies in a document: names from the outside in. Empty: the document itself.
package struct FieldPath: Hashable, Sendable, CustomStringConvertible {
  package var names: [String]
  package init(_ names: [String]) { self.names = names }
  package static let document = FieldPath([])

  /// `a.b` is b in a; `a\.b` is the one name "a.b"; `$` is the document. Nil: a name is empty.
  package init?(parsing text: String) {
    if text == "$" {
      self = .document
      return
    }
    var names = [""]
    var escaped = false
    for character in text {
      if escaped {
        names[names.count - 1].append(character)
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else if character == "." {
        names.append("")
      } else {
        names[names.count - 1].append(character)
      }
    }
    guard !escaped, !names.contains("") else { return nil }
    self.names = names
  }

  package var description: String { names.isEmpty ? "$" : names.joined(separator: ".") }
}

/// How a source spells its times.
package enum TimeFormat: Equatable, Sendable {
  /// A text is RFC 3339, a number milliseconds since 1970.
  case plain
  case rfc3339
  /// Milliseconds, seconds since 1970: a number, or a text that holds one.
  case epochMs, epochS
  case pattern(TimePattern)
}

/// What makes an event of a JSON document.
package struct JsonMapping: Equatable, Sendable {
  package enum Id: Equatable, Sendable {
    case field(FieldPath)
    /// For sources that have none: the hash of these fields. Two events in which all of them are
    /// equal are one event, delivered twice.
    case hash([FieldPath])
  }
  package enum Text: Equatable, Sendable {
    case field(FieldPath)
    case constant(String)
  }
  package enum Customer: Equatable, Sendable {
    case field(FieldPath)
    /// The record's key.
    case key
  }
  /// Which documents are nobody's events: passed over and counted, no dead letters.
  package struct Skip: Equatable, Sendable {
    package enum Test: Equatable, Sendable {
      /// Missing, null, or a text of nothing but blanks.
      case blank
      /// A text that equals this, or a number or word that is written so.
      case equals(String)
    }
    package var path: FieldPath
    package var test: Test
    package init(path: FieldPath, test: Test) {
      self.path = path
      self.test = test
    }
  }

  package var id: Id
  /// What issued the ids. Nil, or a field that is not there: the source's name.
  package var source: FieldPath?
  package var type: Text
  package var time: FieldPath
  package var timeFormat: TimeFormat
  /// The zone of times that do not tell their own.
  package var zone: ZoneClock
  package var customer: Customer
  package var data: FieldPath
  package var skip: [Skip]

  package init(
    id: Id, source: FieldPath? = nil, type: Text, time: FieldPath,
    timeFormat: TimeFormat = .plain, zone: ZoneClock = .utc, customer: Customer,
    data: FieldPath = .document, skip: [Skip] = []
  ) {
    self.id = id
    self.source = source
    self.type = type
    self.time = time
    self.timeFormat = timeFormat
    self.zone = zone
    self.customer = customer
    self.data = data
    self.skip = skip
  }

  /// Kairos' own plain form: `{"id", "source"?, "type", "time", "customer", "data"?}`.
  package static let plain = JsonMapping(
    id: .field(FieldPath(["id"])), source: FieldPath(["source"]),
    type: .field(FieldPath(["type"])), time: FieldPath(["time"]),
    customer: .field(FieldPath(["customer"])), data: FieldPath(["data"]))
}

/// One source: a topic, and how its records become events.
package struct SourceSettings: Equatable, Sendable {
  package enum Format: Equatable, Sendable {
    /// CloudEvents 1.0, structured or binary, as each record says; the customer is an attribute, or
    /// lies in the structured form (`data.customer.id`).
    case cloudEvents(customer: JsonMapping.Customer)
    /// Segment's calls. `wholeAsData`: playbooks see the message as `data`, not its properties or
    /// traits.
    case segment(wholeAsData: Bool)
    case json(JsonMapping)
  }
  package var name: String
  package var topic: String
  package var format: Format
  /// How much older than the source partition's latest an event may be and still be in time.
  package var outOfOrderMs: Int64
  /// After how long at its log's end a source partition counts as silent.
  package var idleMs: Int64

  package init(
    name: String, topic: String, format: Format, outOfOrderMs: Int64 = 0, idleMs: Int64 = 30_000
  ) {
    self.name = name
    self.topic = topic
    self.format = format
    self.outOfOrderMs = outOfOrderMs
    self.idleMs = idleMs
  }

  /// What `kairos run` reads without any configuration: topic `events` in the plain form.
  package static let standard = SourceSettings(
    name: "events", topic: "events", format: .json(.plain))
}
