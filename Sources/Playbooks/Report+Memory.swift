internal import Engine
internal import Features
internal import Moments
internal import Yaml

extension ReportReading {
  private static let wordBytes = 8
  private static let day: Int64 = 86_400_000

  /// Pieces of a customer's state are powers of two long.
  func pieceBytes(words: Int) -> Int { powerOfTwo(atLeast: words) * Self.wordBytes }

  private func powerOfTwo(atLeast number: Int) -> Int {
    number <= 1 ? number : 1 << (Int.bitWidth - (number - 1).leadingZeroBitCount)
  }

  /// Bytes of a ring of so many elements of `width` words.
  private func ringBytes(_ elements: Int, width: Int) -> Int {
    elements == 0 ? 0 : pieceBytes(words: powerOfTwo(atLeast: elements) * width)
  }

  /// The most that one customer's state can take, part by part, and what it takes with one event a
  /// day in each stream.
  func memory() -> [BookReport.Memory] {
    let block = program.blockWords * Self.wordBytes
    var parts = [
      BookReport.Memory(
        what: "fixed block", text: "\(program.blockWords) words, for every customer",
        bytesMax: block, bytesTypical: block)
    ]
    for index in program.features.sources.indices where program.features.sources[index].keepsRing {
      parts.append(stream(index))
    }
    for (index, feature) in program.features.features.enumerated() {
      guard case .streak = feature.kind else { continue }
      parts.append(
        BookReport.Memory(
          what: "streak \(program.features.names[index])", text: "at most 16 runs of days",
          bytesMax: ringBytes(16, width: 2), bytesTypical: ringBytes(2, width: 2)))
    }
    for use in program.sequences {
      let name = program.moments[use.moment].name
      let most = use.plan.stateWordsMax.map(pieceBytes)
      // One match under way with two events, or with all that it can have.
      let one = pieceBytes(words: 2 + 1 + 2 * min(use.plan.longest ?? 2, 2))
      parts.append(
        BookReport.Memory(
          what: "moment \(name)",
          text: "at most \(use.plan.partialsMax) partial matches"
            + (most == nil ? ", each as long as its repetitions" : ""),
          bytesMax: most ?? use.plan.partialsMax * pieceBytes(words: 1 + 2 * 64),
          bytesTypical: one))
    }
    parts.append(ids())
    return parts
  }

  private func stream(_ index: Int) -> BookReport.Memory {
    let source = program.features.sources[index]
    let width = source.carries.width
    let types = program.types.filter { $0.sources.contains(index) }.map(\.name)
    let names = types.contains("") ? "any event" : types.joined(separator: ", ")
    let days = source.retention.map { max(1, Int(($0 + Self.day - 1) / Self.day)) } ?? 365
    let kept = source.retention.map { "for \(durationText($0))" } ?? "for ever"
    return BookReport.Memory(
      what: "stream \(index + 1)",
      text: "\(names), kept \(kept), at most \(source.limit) of \(width * Self.wordBytes) bytes",
      bytesMax: ringBytes(source.limit, width: width),
      bytesTypical: ringBytes(min(days, source.limit), width: width))
  }

  private func ids() -> BookReport.Memory {
    let entry = 16
    let streams = max(1, program.features.sources.count)
    let days = max(1, Int((program.dedup + Self.day - 1) / Self.day))
    return BookReport.Memory(
      what: "ids seen", text: "of \(durationText(program.dedup)), at most 4096",
      bytesMax: 4096 * entry, bytesTypical: min(4096, streams * days) * entry)
  }
}
