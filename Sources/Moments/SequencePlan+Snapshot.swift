extension SequencePlan {
  /// Whether the words, from outside, can be a state of this sequence: records one after another,
  /// each at a node that there is, with steps below `steps`.
  package func isState(_ words: [Int64], steps: Int) -> Bool {
    if words.isEmpty { return true }
    guard words.count > 2 else { return false }
    var index = 2
    while index < words.count {
      let head = words[index]
      guard head >= 1 << 16, SequenceRecord.node(head) < nodes.count,
        SequenceRecord.count(head) <= (words.count - index) / 2
      else { return false }
      let end = index + SequenceRecord.size(head)
      guard end <= words.count else { return false }
      for event in 0..<SequenceRecord.count(head) {
        guard SequenceRecord.taken(words, index + 1 + 2 * event).step < steps else {
          return false
        }
      }
      index = end
    }
    return true
  }
}
