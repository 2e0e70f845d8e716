internal import Events
package import Log

/// Old events from files, through the same mapping and the same strict rule as live ones, straight
/// to the records that the journal would hold. An archive has no append times: its records'
/// timestamps are `Int64.min`, and of times only the absolute bounds are checked.
///
/// The origin is partition 0 of the source; its offset the number of the line, counted on from one
/// file to the next.
package struct ArchiveIngest: ~Copyable {
  /// A line that did not become an event.
  package struct Reject: Equatable, Sendable {
    package var line: Int64
    package var rejection: Rejection
  }

  package private(set) var events = 0
  package private(set) var skipped = 0
  package private(set) var rejected = 0
  private var converter: SourceConverter
  /// For the usual lines, if all go to one journal partition.
  private var usual: LineConverter?
  private var nextOffset: [Int64]

  /// `oneByOne`: each line is converted by itself, as a source's record is. The same comes of it.
  package init(source: SourceSettings, journalPartitions: Int, oneByOne: Bool = false) {
    converter = SourceConverter(source, judgesAll: true)
    let isUsual = journalPartitions == 1 && !oneByOne && LineConverter.takes(source)
    usual = isUsual ? LineConverter(source) : nil
    // The head of a journal partition is its first record.
    nextOffset = Array(repeating: 1, count: journalPartitions)
  }

  /// Empty batches, one per journal partition, for `convert`.
  package func batches(journal: String = TopicContract.journal.name) -> [RecordBatch] {
    nextOffset.indices.map { RecordBatch(source: TopicPartition(journal, Int32($0))) }
  }

  /// Appends the event of one line to the batch of its journal partition. Blank lines are nothing.
  /// Returns why not, if the line is refused.
  package mutating func convert(
    _ bytes: Span<UInt8>, _ line: Range<Int>, number: Int64, into batches: inout [RecordBatch]
  ) -> Rejection? {
    if isBlank(bytes, line) { return nil }
    let record = SourceRecord(value: line)
    switch converter.convert(bytes, record, appended: nil) {
    case .skipped:
      skipped += 1
      return nil
    case .rejected(let rejection):
      rejected += 1
      return rejection
    case .event: break
    }
    events += 1
    let place = partition(ofKey: converter.draft.customer.span, count: nextOffset.count)
    let start = batches[place].bytes.count
    converter.append(bytes, record, partition: 0, offset: number, to: &batches[place].bytes)
    let keyStart =
      start + JournalRecord.headerSize + converter.settings.name.utf8.count
      + converter.draft.source.count + converter.draft.type.count + converter.draft.id.count
    batches[place].entries.append(
      RecordBatch.Entry(
        offset: nextOffset[place], timestamp: .min,
        key: keyStart..<(keyStart + converter.draft.customer.count),
        value: start..<batches[place].bytes.count, headers: 0..<0))
    nextOffset[place] += 1
    batches[place].nextOffset = nextOffset[place]
    return nil
  }

  /// Replaces what is in `batches` by the events of some lines, the first of which has the number
  /// `firstLine`.
  package mutating func convert(
    _ bytes: Span<UInt8>, lines: [Range<Int>], firstLine: Int64,
    into batches: inout [RecordBatch], rejects: inout [Reject]
  ) {
    if usual != nil {
      convertUsual(bytes, lines, firstLine, into: &batches[0], rejects: &rejects)
      return
    }
    for place in batches.indices { batches[place].removeAll() }
    for index in lines.indices {
      let number = firstLine + Int64(index)
      if let rejection = convert(bytes, lines[index], number: number, into: &batches) {
        rejects.append(Reject(line: number, rejection: rejection))
      }
    }
    for place in batches.indices {
      batches[place].bytes.append(contentsOf: repeatElement(0, count: RecordBatch.padding))
    }
  }

  /// As above, for the next lines of a file. `offset` is how many lines the files before it had.
  package mutating func convert(
    _ chunk: borrowing LineChunk, offset: Int64 = 0, into batches: inout [RecordBatch],
    rejects: inout [Reject]
  ) {
    let firstLine = offset + Int64(chunk.firstLine)
    convert(
      chunk.bytes.span, lines: chunk.lines, firstLine: firstLine, into: &batches,
      rejects: &rejects)
    for line in chunk.overLong {
      rejected += 1
      rejects.append(
        Reject(
          line: firstLine + Int64(line.index),
          rejection: Rejection(
            .tooLarge,
            "the line has \(line.byteCount) bytes, more than \(StrictRule.payloadBytes)")))
    }
  }

  /// The same for one journal partition. Its bytes are kept from call to call, and are more than
  /// what the records take: nothing is cleared only to be written.
  private mutating func convertUsual(
    _ bytes: Span<UInt8>, _ lines: [Range<Int>], _ firstLine: Int64, into batch: inout RecordBatch,
    rejects: inout [Reject]
  ) {
    var single = [RecordBatch(source: batch.source)]
    batch.entries.removeAll(keepingCapacity: true)
    batch.headers.removeAll()
    usual!.begin()
    var end = 0
    var index = 0
    while true {
      index = usual!.convert(
        bytes, lines, from: index, number: firstLine, to: &batch, at: &end, next: &nextOffset[0])
      if index == lines.count { break }
      single[0].removeAll()
      let number = firstLine + Int64(index)
      if let rejection = convert(bytes, lines[index], number: number, into: &single) {
        rejects.append(Reject(line: number, rejection: rejection))
      }
      index += 1
      events -= single[0].entries.count
      guard var entry = single[0].entries.first, let key = entry.key else { continue }
      let start = end
      end += single[0].bytes.count
      batch.makeRoom(end)
      batch.bytes.replaceSubrange(start..<end, with: single[0].bytes)
      entry.key = (key.lowerBound + start)..<(key.upperBound + start)
      entry.value = start..<end
      batch.entries.append(entry)
    }
    batch.makeRoom(end)
    events += batch.entries.count
    if !batch.entries.isEmpty { batch.nextOffset = nextOffset[0] }
  }

  private func isBlank(_ bytes: Span<UInt8>, _ line: Range<Int>) -> Bool {
    for index in line {
      let byte = bytes[index]
      if byte != 0x20 && byte != 0x09 && byte != 0x0d { return false }
    }
    return true
  }
}
