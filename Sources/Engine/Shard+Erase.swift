internal import Cel
internal import Decisions
internal import Events
internal import Features

// Erasure: a record of kind `erase` removes a customer at once, whatever waits. What is pending is
// revoked, events that come later but happened no later than the order are dropped, and a proof says
// what kinds of things are gone. What happens after the order begins a new customer.

extension Shard {
  /// Names a customer where the id itself must not be kept.
  package static func customerHash(_ id: Span<UInt8>) -> UInt64 { bulkHash(id, seed: 1) }

  /// The hash of the customer whom a journal record erases; nil for all other records. Looks at the
  /// record without reading it into any shard.
  package static func erased(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
    guard range.count >= JournalRecord.headerSize,
      bytes[range.lowerBound + 1] == JournalRecord.Kind.erase.rawValue
    else { return nil }
    do {
      return customerHash(bytes.extracting(try JournalView(bytes, range).customer))
    } catch {
      return nil
    }
  }

  /// Publishes nothing of a customer before a journal offset: a replay must not tell again what
  /// was done for somebody who was erased there.
  package mutating func mute(_ customer: UInt64, before offset: Int64) {
    muted[customer] = max(muted[customer] ?? 0, offset)
  }

  func isMuted(_ customer: CustomerIndex) -> Bool {
    if muted.isEmpty { return false }
    let until = muted[Self.customerHash(customers.id(customer).span)]
    return until.map { position < $0 } ?? false
  }

  /// Whether an event of that time happened before its customer asked to be forgotten.
  func isErased(_ id: Span<UInt8>, at time: Int64) -> Bool {
    if erased.isEmpty { return false }
    return erased[Self.customerHash(id)].map { time <= $0 } ?? false
  }

  /// The erasures since they were last taken. Their tombstones stand before slices that are taken
  /// later.
  package mutating func takeErasures() -> [Erasure] {
    defer { erasures.removeAll() }
    return erasures
  }

  mutating func readErase(_ bytes: Span<UInt8>, _ view: JournalView, _ appendTime: Int64) {
    guard let origin = origin(bytes, view) else { return }
    let (id, time) = (bytes.extracting(view.customer), view.time.milliseconds)
    let hash = Self.customerHash(id)
    erased[hash] = max(erased[hash] ?? .min, time)
    var removed = Removed()
    if let customer = customers.find(id), !sleepers.contains(customer) {
      removed = remove(customer, at: time)
    }
    erasures.append(
      Erasure(
        key: StateRecord.key(customer: view.customer.map { bytes[$0] }),
        proof: proof(removed, at: policyTime == .min ? time : policyTime)))
    raise(origin, to: Self.implied(view, appendTime))
  }

  /// How much of each kind a customer's state held.
  private struct Removed {
    var counts: [(kind: String, count: Int)] = []
  }

  private mutating func remove(_ customer: CustomerIndex, at time: Int64) -> Removed {
    let block = blocks[customer.int]
    let removed = inventory(customer, block)
    withdraw(customer, at: policyNow(time))
    let waiting = slab.waiting(block)
    if !waiting.isEmpty {
      let slots = Set(waiting)
      for index in origins.origins.indices { origins[index].held.remove(slots) }
      slab.unparkAll(customer, block)
      for slot in waiting { discard(slot) }
    }
    due.remove(customer, customers)
    wakes.remove(customer, customers)
    partialMatches -= partialMatches(block)
    for item in items { remove(item, of: block) }
    files[customer.int].release(&memory.texts)
    files[customer.int] = CustomerFile()
    seen.erase(&block.seen)
    blocks.clear(customer.int)
    block[Header.scheduled] = .max
    changes.forget(customer)
    customers.remove(customer)
    return removed
  }

  /// Revokes what is pending, without saying again what it said of the person.
  private mutating func withdraw(_ customer: CustomerIndex, at time: Int64) {
    for index in files[customer.int].pending.indices {
      files[customer.int].pending[index].fields = []
      files[customer.int].pending[index].reasons = []
      files[customer.int].pending[index].score = nil
      files[customer.int].pending[index].owner = nil
      files[customer.int].pending[index].account = nil
    }
    revoke(customer, at: time, because: "erased", check: .consent) { _ in true }
  }

  private mutating func inventory(_ customer: CustomerIndex, _ block: Words) -> Removed {
    let file = files[customer.int]
    let facts = program.facts.count {
      block[$0.offset + 1] != Int64(Scalar.Kind.missing.rawValue)
    }
    return Removed(counts: [
      ("facts", facts), ("samples", program.features.sampleCount(block)),
      ("partial_matches", partialMatches(block)),
      ("windows", program.windows.count { block[$0.offset] != 0 }),
      ("consents", file.consents.count), ("suppressions", file.suppressions.count),
      ("releases", file.releases.count), ("pending", file.pending.count),
      ("ids", seen.count(block[Header.seen])),
      ("waiting_events", slab.waiting(block).count),
    ])
  }

  private func proof(_ removed: Removed, at time: Int64) -> [UInt8] {
    var json = JsonWriter()
    json.beginObject()
    json.int("partition", Int64(partition))
    json.int("offset", position)
    json.time("time", time)
    json.beginObject("removed")
    for (kind, count) in removed.counts where count > 0 { json.int(kind, Int64(count)) }
    json.endObject()
    json.endObject()
    return json.bytes
  }
}
