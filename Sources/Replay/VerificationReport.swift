/// What came out when a journal was recomputed and held against what is recorded.
package struct VerificationReport: Equatable, Sendable {
  /// One thing that is not as the journal says it should be.
  package struct Difference: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
      /// It is recorded, but not with these bytes.
      case changed
      /// The journal makes it, and it is not recorded.
      case missing
      /// It is recorded again.
      case twice
      /// The journal does not make it.
      case extra
      /// It stands before or behind its place.
      case order
      /// Its headers do not say which journal record made it, or name one of another partition.
      case stranger
      /// A hash point of the journal.
      case hash
      /// A record of the state topic.
      case slice
      /// The proof of an erasure.
      case proof
    }
    package var kind: Kind
    package var journalPartition: Int32
    /// Of the journal record that leads to it; nil: it names none that can be read.
    package var journalOffset: Int64?
    package var topic: String
    package var partition: Int32
    /// Where it is recorded; nil: it is not.
    package var offset: Int64?
    /// The decision's id and revision, or what else names the record.
    package var name: String
    /// What of it differs: `key`, a header's name, `value: action.channel`.
    package var field: String?
    /// Both values' short form.
    package var recorded: String?
    package var computed: String?

    package init(
      _ kind: Kind, journal: (partition: Int32, offset: Int64?), topic: String, partition: Int32,
      offset: Int64?, name: String, field: String? = nil, recorded: String? = nil,
      computed: String? = nil
    ) {
      self.kind = kind
      journalPartition = journal.partition
      journalOffset = journal.offset
      self.topic = topic
      self.partition = partition
      self.offset = offset
      self.name = name
      self.field = field
      self.recorded = recorded
      self.computed = computed
    }
  }

  /// One journal partition.
  package struct Partition: Equatable, Sendable {
    package var number: Int32
    /// The journal offsets whose results were compared.
    package var range: Range<Int64> = 0..<0
    /// Journal records that were folded.
    package var records: Int64 = 0
    /// Of topic `decisions`, and of the action topics: recorded and equal.
    package var decisions: Int64 = 0
    package var actions: Int64 = 0
    package var hashes: Int64 = 0
    package var slices: Int64 = 0
    package var proofs: Int64 = 0
    /// By kind, those that are not listed among them.
    package var differences: [Difference.Kind: Int64] = [:]
    /// The first one in the order of the journal.
    package var first: Difference?
    /// What could not be compared, and why: a line each.
    package var notCompared: [String] = []
    /// Nothing of it could be recomputed.
    package var isOpaque = false

    package init(number: Int32) { self.number = number }

    mutating func add(_ difference: Difference) {
      differences[difference.kind, default: 0] += 1
      guard let known = first?.journalOffset, known <= difference.journalOffset ?? .max else {
        first = difference
        return
      }
    }
  }

  package var partitions: [Partition] = []

  package init() {}

  package var isEqual: Bool { partitions.allSatisfy { $0.first == nil } }
  package var isOpaque: Bool { partitions.contains(where: \.isOpaque) }
  package var differences: Int64 {
    partitions.reduce(0) { $0 + $1.differences.values.reduce(0, +) }
  }
}

extension VerificationReport.Difference: CustomStringConvertible {
  /// One line for a person.
  package var description: String {
    let place = offset.map { "\(topic)-\(partition) offset \($0)" } ?? "\(topic)-\(partition)"
    let origin = journalOffset.map { "kairos.journal-\(journalPartition) offset \($0)" }
    let made = origin ?? "kairos.journal-\(journalPartition)"
    switch kind {
    case .changed, .hash, .slice, .proof:
      let what = field.map { ": \($0)" } ?? ""
      return "\(place): \(name), made by \(made), differs\(what): "
        + "recorded \(recorded ?? "nothing"), recomputed \(computed ?? "nothing")"
    case .missing: return "\(place): \(name), made by \(made), is missing"
    case .twice: return "\(place): \(name), made by \(made), stands there twice"
    case .extra: return "\(place): \(name) is recorded, and \(made) does not make it"
    case .order: return "\(place): \(name), made by \(made), stands out of order"
    case .stranger: return "\(place): \(name) is no decision of \(made): \(recorded ?? "")"
    }
  }
}
