import Events
import Ingest
import Log

private let sources: [SourceSettings] = {
  let path = FieldPath(["at"])
  func mapped(_ format: TimeFormat) -> SourceSettings.Format {
    .json(
      JsonMapping(
        id: .hash([FieldPath(["a"]), FieldPath(["b", "c"])]), type: .field(FieldPath(["what"])),
        time: path, timeFormat: format, customer: .field(FieldPath(["user", "id"])),
        skip: [.init(path: FieldPath(["user", "id"]), test: .blank)]))
  }
  guard let pattern = try? TimePattern("d/MMM/yyyy h:mm:ss.SSS a X") else {
    fatalError("the pattern is good")
  }
  return [
    .standard,
    SourceSettings(name: "cloud", topic: "cloud", format: .cloudEvents(customer: .key)),
    SourceSettings(
      name: "cloud2", topic: "cloud2",
      format: .cloudEvents(customer: .field(FieldPath(["data", "customer", "id"])))),
    SourceSettings(name: "segment", topic: "segment", format: .segment(wholeAsData: false)),
    SourceSettings(name: "whole", topic: "whole", format: .segment(wholeAsData: true)),
    SourceSettings(name: "plain", topic: "plain", format: mapped(.plain)),
    SourceSettings(name: "seconds", topic: "seconds", format: mapped(.epochS)),
    SourceSettings(name: "text", topic: "text", format: mapped(.pattern(pattern))),
  ]
}()

/// One source's converter, kept from input to input as a running ingest keeps it.
private final class Lane {
  var converter: SourceConverter
  var reader: JsonReader
  let document: FieldPlan
  init(_ source: SourceSettings) {
    converter = SourceConverter(source)
    var reader = JsonReader()
    document = reader.plan([[]])
    self.reader = reader
  }
}

// libFuzzer calls from one thread.
nonisolated(unsafe) private let lanes = sources.map { Lane($0) }

/// Both strict readers agree; what is accepted is read again without a fault, the same; and every
/// source either says why not, or writes a journal record that can be read.
func feedJson(_ bytes: [UInt8]) {
  // Among other bytes, as in a batch.
  let all = Array("\"{[".utf8) + bytes + Array("]}\"".utf8) + [UInt8](repeating: 0, count: 64)
  let range = 3..<(3 + bytes.count)
  var reader = JsonReader()
  let plan = reader.plan([["data", "a"], ["id"], ["time"], ["at"], ["user", "id"], []])
  let fault = reader.check(plan, all.span, range)
  let strict = (0..<plan.count).map { shown(reader.field($0), reader, all) }
  if fault == nil {
    precondition(reader.read(plan, all.span, range) == nil, "lax refuses what strict accepts")
    precondition(strict == (0..<plan.count).map { shown(reader.field($0), reader, all) })
  }
  switch reader.list(all.span, range) {
  case .success: precondition(fault == nil, "the list accepts what the check refuses")
  case .failure(let other): precondition(fault == other, "two strict readers, two opinions")
  }
  for lane in unsafe lanes { feed(lane, all, range) }
}

private func shown(
  _ field: JsonField, _ reader: borrowing JsonReader, _ bytes: [UInt8]
) -> String {
  let text = "\(field.kind) \(reader.string(field, in: bytes.span))"
  // A container's number of elements is known only where all of it was walked.
  if field.kind == .list || field.kind == .map { return text }
  return text + " \(field.int) \(field.double.bitPattern)"
}

private func feed(_ lane: Lane, _ bytes: [UInt8], _ range: Range<Int>) {
  // The first bytes as key too, and as headers.
  let head = range.lowerBound..<min(range.upperBound, range.lowerBound + 9)
  let record = SourceRecord(
    key: head, value: range, headers: [.init(name: head, value: head)])
  guard case .event = lane.converter.convert(bytes.span, record, appended: 1_800_000_000_000) else {
    return
  }
  var out: [UInt8] = [1, 2, 3]
  lane.converter.append(bytes.span, record, partition: 7, offset: 42, to: &out)
  let end = out.count
  out.append(contentsOf: repeatElement(0, count: RecordBatch.padding))
  do {
    let view = try JournalView(out.span, 3..<end)
    precondition(view.kind == .event && view.time == lane.converter.draft.time)
    precondition(out[view.customer].elementsEqual(lane.converter.draft.customer))
    if !view.data.isEmpty {
      let fault = lane.reader.check(lane.document, out.span, view.data)
      precondition(fault == nil && lane.reader.field(0).kind == .map, "its data is no object")
    }
  } catch {
    fatalError("our own journal record cannot be read: \(error)")
  }
}
