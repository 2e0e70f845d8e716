internal import Decisions
internal import Events
internal import Features
internal import Moments
internal import Scores

/// A book that is not in force yet, folded over the journal so far, so that its new items have a state
/// to begin with. Nothing of what it decides is published.
///
/// It applies the events appended from `since` on; of those before it takes the watermarks alone, so
/// that its time is the journal's. Live, after a crash and in a replay it is fed the same records, up
/// to the one that puts its book in force. One thread, with the shard that it is for.
package final class Shadow {
  package let program: Program
  /// Milliseconds since 1970; 0: the whole journal.
  package let since: Int64
  var shard: Shard

  package init(_ program: Program, partition: Int32, since: Int64) {
    self.program = program
    self.since = since
    shard = Shard(program: program, partition: partition)
    shard.keepsHashChain = false
    shard.appliesSince = since <= 0 ? .min : since
  }

  /// The offset after the last record that it was fed.
  package var next: Int64 { shard.next }

  /// Reads one journal record, as `Shard.read`.
  package func read(
    _ bytes: Span<UInt8>, _ range: Range<Int>, position: Int64, appendTime: Int64
  ) {
    shard.read(bytes, range, position: position, appendTime: appendTime)
    _ = shard.takeOutput()
    _ = shard.takeErasures()
  }
}

// What a shard takes from a shadow when the shadow's book comes into force.

extension Shard {
  /// Applies events that wait for a deadline of their customer that is still ahead of the watermark, so
  /// that shard and shadow, which wait for different ones, have applied the same.
  mutating func letGoParked(_ customers: [CustomerIndex]) {
    for customer in customers where slab.firstParked(customer, blocks[customer.int]) != nil {
      let block = blocks[customer.int]
      while let slot = slab.firstParked(customer, block) {
        let instant = min(nextInstant(customer, block), allowedHard(block))
        if instant <= slab[slot].time {
          process(customer, block, at: instant)
        } else {
          slab.unparkFirst(customer, block)
          apply(slot)
        }
      }
      reschedule(customer, block)
    }
  }

  /// Gives new items what the shadow has of them. The shard has the shadow's layout by now.
  mutating func adopt(_ shadow: Shadow, _ migration: Migration, _ customers: [CustomerIndex]) {
    let isNew = (migration.sources.map { $0 == nil }, migration.features.map { $0 == nil })
    for customer in customers {
      let id = self.customers.id(customer)
      guard let other = shadow.shard.customers.find(id.span) else { continue }
      let (block, from) = (blocks[customer.int], shadow.shard.blocks[other.int])
      guard block[Header.latest] != .min, from[Header.latest] != .min else { continue }
      let now = max(clock(block, at: .min), shadow.shard.clock(from, at: .min))
      let limits = [Int?](repeating: nil, count: program.features.sources.count)
      _ = program.features.settle(block, at: now, limits: limits, &memory)
      _ = program.features.settle(from, at: now, limits: limits, &shadow.shard.memory)
      let gaveUp = program.features.adopt(
        isNew, block, &memory, from: from, shadow.shard.memory, at: now)
      block[Header.flags] |= gaveUp ? 1 : from[Header.flags] & 1
      adoptWatches(block, from, shadow, migration)
      adoptMoments(block, from, shadow, migration)
      adoptEvidence(customer, shadow.shard.files[other.int].evidence)
    }
  }

  private mutating func adoptWatches(
    _ block: Words, _ from: Words, _ shadow: Shadow, _ migration: Migration
  ) {
    for case (let index, nil) in migration.facts.enumerated() {
      copyFact(
        program.facts[index].offset, block, from, program.facts[index].offset, shadow.shard.memory)
    }
    for (index, known) in migration.watches.enumerated() {
      let plan = program.watches[index]
      if known == nil {
        for word in 0..<WatchPlan.words { block[plan.offset + word] = from[plan.offset + word] }
      }
      for (rise, knownRise) in migration.rises[index].enumerated() where knownRise == nil {
        copySpans(
          plan.rises[rise].offset, block, from, plan.rises[rise].offset, shadow.shard.memory)
      }
    }
  }

  private mutating func adoptMoments(
    _ block: Words, _ from: Words, _ shadow: Shadow, _ migration: Migration
  ) {
    for case (let index, nil) in migration.sequences.enumerated() {
      let offset = program.sequences[index].offset
      copySequence(offset, block, from, offset, shadow.shard.memory)
    }
    for case (let index, nil) in migration.gatherings.enumerated() {
      let use = program.gatherings[index]
      for word in 0..<use.plan.stateWords { block[use.offset + word] = from[use.offset + word] }
    }
    for case (let index, nil) in migration.windows.enumerated() {
      let offset = program.windows[index].offset
      for word in 0..<InterventionWindow.stateWords { block[offset + word] = from[offset + word] }
    }
  }

  private mutating func adoptEvidence(
    _ customer: CustomerIndex, _ theirs: [(position: Int64, id: [UInt8])]
  ) {
    let known = Set(files[customer.int].evidence.map(\.position))
    files[customer.int].evidence += theirs.filter { !known.contains($0.position) }
    files[customer.int].evidence.sort { $0.position < $1.position }
  }

  /// Whether what a watch reads has been folded by the shadow alone: then the watch's value is the
  /// shadow's, and not what can be seen at this moment.
  func isAdopted(_ watch: Int, _ migration: Migration) -> Bool {
    switch program.watches[watch].subject {
    case .score(let score):
      return program.scores[score].weights.allSatisfy { isAdopted(slot: $0.slot, migration) }
    case .condition(let predicate):
      return program.predicates[predicate].fills.allSatisfy { isAdopted(slot: $0, migration) }
    }
  }

  private func isAdopted(slot: Int, _ migration: Migration) -> Bool {
    switch program.slots[slot] {
    case .feature(let index):
      if case .value(let expression) = program.features.features[index].kind {
        return program.predicates[expression].fills.allSatisfy { isAdopted(slot: $0, migration) }
      }
      return migration.features[index] == nil
    case .fact(let index): return migration.facts[index] == nil
    case .score(let index):
      return program.scores[index].weights.allSatisfy { isAdopted(slot: $0.slot, migration) }
    case .zone(let playbook):
      return program.playbookZones[playbook].fact.map { isAdopted(slot: $0, migration) } ?? true
    case .field, .time, .type, .source, .id, .customer: return true
    }
  }
}
