package import Events

/// An event that a sequence has taken.
package struct Taken: Hashable, Sendable {
  /// The condition of the part that took it.
  package var step: Int
  /// Where it stands in the journal.
  package var position: Int64
  package var time: EventTime

  package init(step: Int, position: Int64, time: EventTime) {
    self.step = step
    self.position = position
    self.time = time
  }
}

/// A sequence that has just become true.
package struct SequenceMatch: Hashable, Sendable {
  /// The events in the order in which they were taken.
  package var evidence: [Taken]
  /// The time of the completing event, or the deadline of the absence at the end.
  package var at: EventTime

  package init(evidence: [Taken], at: EventTime) {
    self.evidence = evidence
    self.at = at
  }
}

/// The events of a partial match so far, lent to a condition that looks at earlier steps.
package struct TakenSoFar: Sendable {
  let words: [Int64]
  let start: Int
  package let count: Int

  package subscript(index: Int) -> Taken {
    precondition(index >= 0 && index < count)
    return SequenceRecord.taken(words, start + 2 * index)
  }
}

/// Memory that calls share so that they need none of their own; one per thread is enough.
package struct SequenceScratch: Sendable {
  /// Partial matches (`max_partials`) and open absences (`max_open`) that found no room.
  package var dropped: Int64 = 0
  /// Records of new partial matches.
  var fresh: [Int64] = []
  /// Records of finished matches.
  var finished: [Int64] = []

  package init() {}
}

/// A partial match in flat memory: a head word (node in the low 16 bits, above them the number
/// of events), then two words for each event: position and step, time.
enum SequenceRecord {
  static let stepBits: Int64 = 6

  static func node(_ head: Int64) -> Int { Int(head & 0xffff) }
  static func count(_ head: Int64) -> Int { Int(head >> 16) }
  static func size(_ head: Int64) -> Int { 1 + 2 * count(head) }
  static func head(node: Int, count: Int) -> Int64 { Int64(count) << 16 | Int64(node) }
  static func key(position: Int64, step: Int) -> Int64 { position << stepBits | Int64(step) }
  static func position(_ key: Int64) -> Int64 { key >> stepBits }

  static func taken(_ words: [Int64], _ index: Int) -> Taken {
    Taken(
      step: Int(words[index] & (1 << stepBits - 1)), position: position(words[index]),
      time: EventTime(milliseconds: words[index + 1]))
  }

  static func evidence(_ words: [Int64], at index: Int) -> [Taken] {
    (0..<count(words[index])).map { taken(words, index + 1 + 2 * $0) }
  }

  /// Whether the record at `a` has the later events, compared from the last backwards by time, then
  /// position, then step; of two of which one ends as the other, the longer. (Without late events
  /// position alone would do: it rises with time.)
  static func isLater(_ left: [Int64], _ a: Int, than right: [Int64], _ b: Int) -> Bool {
    let m = count(left[a])
    let n = count(right[b])
    for i in stride(from: 1, through: min(m, n), by: 1) {
      let x = a + 1 + 2 * (m - i)
      let y = b + 1 + 2 * (n - i)
      if left[x + 1] != right[y + 1] { return left[x + 1] > right[y + 1] }
      if left[x] != right[y] { return left[x] > right[y] }
    }
    return m > n
  }
}
