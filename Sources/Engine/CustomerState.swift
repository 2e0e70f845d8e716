internal import Cel
internal import Decisions
internal import Events
internal import Features

// All of one customer that determines what the shard will do next, as bytes:
//
//     clock, latest event's time, flags; the book's items in their order; the file;
//     the events that wait, each as its journal record with position and append time
//
// The same records give the same bytes, however often the shard was restored on the way: nothing
// here depends on where memory lies, on the numbers of customers, texts and places, or on queues'
// layout. What follows from the rest (deadlines, due times, wakings, whether an event is held or
// parked) is not written.

extension Shard {
  func write(_ customer: CustomerIndex, to out: inout SnapshotWriter) {
    let block = blocks[customer.int]
    out.int(block[Header.clock])
    out.int(block[Header.latest])
    out.word(UInt64(bitPattern: block.flags))
    for item in items { write(item, of: block, to: &out) }
    files[customer.int].write(memory.texts, seen: seen.ids(block[Header.seen]), to: &out)
    let waiting = slab.waiting(block)
    out.count(waiting.count)
    for slot in waiting {
      let (record, appendTime) = slab.record(slot)
      out.int(slab[slot].position)
      out.int(appendTime)
      out.text(record)
    }
  }

  /// Of a customer who has nothing yet. It does not wait for anything before `join`.
  mutating func read(
    _ customer: CustomerIndex, from input: inout SnapshotReader
  ) throws(SnapshotError) {
    let block = blocks[customer.int]
    block[Header.clock] = try input.int()
    block[Header.latest] = try input.int()
    block[Header.flags] = Int64(bitPattern: try input.word()) & 0xffff_ffff
    for item in items { try read(item, of: block, from: &input) }
    var ids: [(hash: UInt64, time: Int64)] = []
    files[customer.int] = try CustomerFile(
      &input, decisions: program.checks.decisions.count, &memory.texts, seen: &ids)
    for id in ids { seen.restore(&block.seen, id: id.hash, time: id.time) }
    for _ in 0..<(try input.count()) {
      let position = try input.int()
      let appendTime = try input.int()
      try wait(customer, record: try input.text(), position: position, appendTime: appendTime)
    }
  }

  /// Reads the record of a waiting event again. It is held while its source's watermark has not
  /// reached it, and parked afterwards.
  mutating func wait(
    _ customer: CustomerIndex, record: [UInt8], position: Int64, appendTime: Int64
  ) throws(SnapshotError) {
    let bytes = record + [UInt8](repeating: 0, count: 64)
    let view: JournalView
    do {
      view = try JournalView(bytes.span, 0..<record.count)
    } catch {
      throw .damaged("a waiting event is no journal record")
    }
    guard view.kind == .event, Array(bytes[view.customer]) == customers.id(customer) else {
      throw .damaged("an event waits for another customer")
    }
    // Its source's topic may have been made anew since.
    let incarnation = origins.incarnation(
      bytes.span, name: view.originName, atLeast: view.originIncarnation)
    let origin = origins.number(
      bytes.span, name: view.originName, incarnation: incarnation,
      partition: view.originPartition)
    let slot = hold(
      bytes.span, view, customer, Self.hash(bytes.span, view), at: position)
    slab.keep(slot, record: record.span, appendTime: appendTime, blocks[customer.int])
    let time = view.time.milliseconds
    if time > origins[origin].watermark {
      origins[origin].held.push(.init(time: time, position: position, slot: slot))
    } else {
      slab.park(slot, blocks[customer.int])
    }
  }

  /// Lets a customer whose state has just been read take part: what follows from it is worked out.
  mutating func join(_ customer: CustomerIndex) {
    let block = blocks[customer.int]
    refresh(block)
    forgetLooks(block)
    block[Header.scheduled] = .max
    reschedule(customer, block)
    partialMatches += partialMatches(block)
    guard !program.checks.goesByEventTime else { return }
    for candidate in files[customer.int].pending {
      wakes.push(.init(time: candidate.wake, customer: customer), customers)
    }
  }
}
