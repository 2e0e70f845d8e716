internal import Cel
internal import Decisions
internal import Events
internal import Features
internal import Moments
internal import Scores

// Another book comes into force between two journal records. Every customer's state goes from the old
// layout into the new one item by item: what is the same goes on, all else begins empty. Then
//
//     what is pending of decisions that are gone is revoked, first of all, under the old book
//     waiting events are read again from their records, with the fields that the new book wants
//     what the book watches anew is looked at in silence: only what moves after it can fire
//     events that waited for a deadline that is gone are let go
//
// All of it follows from the records read so far, and customers are taken in the order of their ids:
// live, after a restore and in a replay it is the same.

/// That a book came into force, for a person.
package struct Activation: Equatable, Sendable {
  package var from: String
  package var to: String
  /// Of the record that ordered it.
  package var position: Int64
  /// Items of state: facts, features, watches, sequences, gatherings, windows.
  package var kept = 0
  package var begun = 0
  package var dropped = 0
  /// Decisions that were pending and are no more.
  package var revoked = 0
  package var isFilled = false
}

/// A customer's state as the old book laid it out.
private struct FormerState: ~Copyable {
  var program: Program
  var blocks: BlockStore
  var memory: StateMemory
  var files: FileStore
  var slab: EventSlab
}

extension Shard {
  mutating func activate(_ new: Program, filledBy shadow: Shadow? = nil) {
    dropPass()
    giveBackTexts()
    let migration = Migration(from: program, to: new)
    let customers = awake()
    var activation = Activation(from: program.hash, to: new.hash, position: position)
    activation.isFilled = shadow != nil
    migration.count(&activation, from: program)
    if let shadow {
      letGoParked(customers)
      shadow.shard.letGoParked(shadow.shard.awake())
    }
    activation.revoked = revokeGone(migration, customers)
    var former = replaceLayout(new)
    let limits = migration.limits(from: former.program, to: new)
    for customer in customers { take(customer, &former, migration, limits) }
    if let shadow { adopt(shadow, migration, customers) }
    for customer in customers { startWatches(customer, migration, isFilled: shadow != nil) }
    for customer in customers { resume(customer) }
    settle()
    activations.append(activation)
  }

  /// Those whose state is here, in the order of their ids.
  func awake() -> [CustomerIndex] {
    (0..<customers.places).map { CustomerIndex($0) }
      .filter { customers.isTaken($0) && !sleepers.contains($0) }
      .sorted { $0 != $1 && customers.precedes($0, $1) }
  }

  /// Takes back what is pending of decisions that the new book does not have, and says so.
  private mutating func revokeGone(_ migration: Migration, _ customers: [CustomerIndex]) -> Int {
    let stays = Set(migration.decisions.compactMap { $0 })
    let before = output.count
    for customer in customers where !files[customer.int].pending.isEmpty {
      let now = policyNow(clock(blocks[customer.int], at: .min))
      revoke(
        customer, at: now, because: "the book has this decision no more", check: .eligibility
      ) { !stays.contains($0.decision) }
    }
    return output.count - before
  }

  /// Lays everything out anew, empty, and returns what was there.
  private mutating func replaceLayout(_ new: Program) -> FormerState {
    var blocks = BlockStore(words: new.blockWords)
    var memory = StateMemory(texts: new.texts)
    var slab = EventSlab(fieldCount: new.fields.count)
    swap(&self.blocks, &blocks)
    swap(&self.memory, &memory)
    swap(&self.slab, &slab)
    let former = FormerState(
      program: program, blocks: blocks, memory: memory, files: files, slab: slab)
    program = new
    files = FileStore()
    for index in origins.origins.indices { origins[index].held = HeldQueue() }
    due.removeAll()
    wakes.removeAll()
    partialMatches = 0
    items = new.stateItems
    reader = JsonReader()
    plans = new.types.map { FieldReads($0, new, &reader) }
    routes = Routes(new)
    row = Array(repeating: .missing, count: new.slots.count)
    filled = Array(repeating: 0, count: new.slots.count)
    epoch = 0
    rowType = nil
    current = nil
    happening = Happening(new)
    wiring = Wiring(new)
    for number in 0..<customers.places { addCustomer(CustomerIndex(number)) }
    return former
  }

  // MARK: One customer

  private mutating func take(
    _ customer: CustomerIndex, _ former: inout FormerState, _ migration: Migration, _ limits: [Int?]
  ) {
    let (old, new) = (former.blocks[customer.int], blocks[customer.int])
    for word in [Header.clock, Header.latest, Header.seen] { new[word] = old[word] }
    new[Header.flags] = old.flags
    if old[Header.latest] != .min {
      let now = clock(old, at: .min)
      if former.program.features.settle(old, at: now, limits: limits, &former.memory) {
        new[Header.flags] |= 1
      }
    }
    takeFeatures(new, old, former, migration)
    takeWatches(new, old, former, migration)
    takeMoments(new, old, former, migration)
    files[customer.int] = file(former.files[customer.int], former, migration)
    for slot in former.slab.waiting(old) {
      let (record, appendTime) = former.slab.record(slot)
      do {
        try wait(
          customer, record: record, position: former.slab[slot].position, appendTime: appendTime)
      } catch {
        preconditionFailure("a waiting event was read before, and cannot be read again")
      }
    }
  }

  private mutating func takeFeatures(
    _ new: Words, _ old: Words, _ former: borrowing FormerState, _ migration: Migration
  ) {
    for case (let index, let known?) in migration.facts.enumerated() {
      copyFact(
        program.facts[index].offset, new, old, former.program.facts[known].offset, former.memory)
    }
    for case (let index, let known?) in migration.sources.enumerated() {
      program.features.take(
        source: index, new, &memory, from: former.program.features, source: known, old,
        former.memory)
    }
    for (index, known) in migration.features.enumerated() {
      guard let known else {
        program.features.begin(feature: index, new)
        continue
      }
      program.features.take(
        feature: index, new, &memory, from: former.program.features, feature: known, old,
        former.memory)
    }
  }

  private mutating func takeWatches(
    _ new: Words, _ old: Words, _ former: borrowing FormerState, _ migration: Migration
  ) {
    for case (let index, let known?) in migration.watches.enumerated() {
      let (to, from) = (program.watches[index], former.program.watches[known])
      for word in 0..<WatchPlan.words { new[to.offset + word] = old[from.offset + word] }
      for case (let rise, let knownRise?) in migration.rises[index].enumerated() {
        copySpans(
          to.rises[rise].offset, new, old, from.rises[knownRise].offset, former.memory)
      }
    }
  }

  private mutating func takeMoments(
    _ new: Words, _ old: Words, _ former: borrowing FormerState, _ migration: Migration
  ) {
    for case (let index, let known?) in migration.sequences.enumerated() {
      copySequence(
        program.sequences[index].offset, new, old, former.program.sequences[known].offset,
        former.memory)
    }
    for case (let index, let known?) in migration.gatherings.enumerated() {
      let (to, from) = (program.gatherings[index], former.program.gatherings[known].offset)
      for word in 0..<to.plan.stateWords { new[to.offset + word] = old[from + word] }
    }
    for case (let index, let known?) in migration.windows.enumerated() {
      let (to, from) = (program.windows[index].offset, former.program.windows[known].offset)
      for word in 0..<InterventionWindow.stateWords { new[to + word] = old[from + word] }
    }
  }

  /// The file with its texts in the new pool and the new book's decisions. What is pending of others
  /// has been revoked; what they released goes on under their names, for caps.
  private mutating func file(
    _ old: CustomerFile, _ former: borrowing FormerState, _ migration: Migration
  ) -> CustomerFile {
    var file = old
    for index in file.consents.indices {
      file.consents[index].purpose = memory.texts.take(
        file.consents[index].purpose, from: former.memory.texts)
      file.consents[index].channel = memory.texts.take(
        file.consents[index].channel, from: former.memory.texts)
    }
    for index in file.suppressions.indices {
      file.suppressions[index].channel = memory.texts.take(
        file.suppressions[index].channel, from: former.memory.texts)
    }
    for index in file.releases.indices {
      let known = file.releases[index]
      let gone = known.gone ?? former.program.checks.decisions[known.decision].gone
      let number = program.checks.decisions.firstIndex {
        $0.playbook == gone.playbook && $0.name == gone.name
      }
      file.releases[index].decision = number ?? -1
      file.releases[index].gone = number == nil ? gone : nil
    }
    for index in file.pending.indices {
      let known = file.pending[index].decision
      guard let number = migration.decisions.firstIndex(of: known) else {
        preconditionFailure("what is pending of a decision that is gone has been revoked")
      }
      file.pending[index].decision = number
    }
    return file
  }

  // MARK: Words

  /// Copies a fact; its text gets a reference here.
  mutating func copyFact(
    _ to: Int, _ new: Words, _ old: Words, _ from: Int, _ oldMemory: borrowing StateMemory
  ) {
    let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: old[from + 1])) ?? .missing
    let value = memory.texts.take(
      Scalar(kind: kind, bits: UInt64(bitPattern: old[from + 2])), from: oldMemory.texts)
    new[to] = old[from]
    new[to + 1] = Int64(kind.rawValue)
    new[to + 2] = Int64(bitPattern: value.bits)
  }

  /// Copies the history of a `rises_by` into one that is empty.
  mutating func copySpans(
    _ to: Int, _ new: Words, _ old: Words, _ from: Int, _ oldMemory: borrowing StateMemory
  ) {
    let queue = SpanQueue(new.slice(to, RisePlan.words))
    let oldQueue = SpanQueue(old.slice(from, RisePlan.words))
    for place in 0..<oldQueue.count {
      let span = oldQueue.span(place, oldMemory)
      queue.append(since: span[0], until: span[1], span[2], &memory)
    }
  }

  /// Copies partial matches to where there are none.
  mutating func copySequence(
    _ to: Int, _ new: Words, _ old: Words, _ from: Int, _ oldMemory: borrowing StateMemory
  ) {
    let count = Int(old[from + 1])
    guard count > 0 else { return }
    let handle = memory.arena.allocate(atLeast: count)
    memory.arena.words(handle).copy(
      from: oldMemory.arena.words(ArenaHandle(raw: UInt64(bitPattern: old[from]))), count: count)
    new[to] = Int64(bitPattern: handle.raw)
    new[to + 1] = Int64(count)
  }

  // MARK: Going on

  /// Gives what the book watches anew the value that it has now, so that only a move from there fires.
  private mutating func startWatches(
    _ customer: CustomerIndex, _ migration: Migration, isFilled: Bool
  ) {
    let block = blocks[customer.int]
    guard block[Header.latest] != .min else { return }
    let now = clock(block, at: .min)
    let known = counts
    begin(customer, now: now, event: nil)
    for index in program.watches.indices {
      if migration.watches[index] == nil {
        let isKnown = block[program.watches[index].offset + 1] != 0
        if isFilled, isKnown, isAdopted(index, migration) { continue }
        look(index, block, now)
        continue
      }
      guard block[program.watches[index].offset + 1] != 0 else { continue }
      let value = Double(bitPattern: UInt64(bitPattern: block[program.watches[index].offset]))
      for (rise, known) in migration.rises[index].enumerated() where known == nil {
        SpanQueue(block.slice(program.watches[index].rises[rise].offset, RisePlan.words))
          .push(logistic(value), at: now, &memory)
      }
    }
    happening.clear()
    counts = known
  }

  /// Works out what follows from the customer's state, and lets go what waits for nothing any more.
  private mutating func resume(_ customer: CustomerIndex) {
    let block = blocks[customer.int]
    if !files[customer.int].evidence.isEmpty { forgetEvidence(customer, block) }
    join(customer)
    changes.mark(customer)
    drainParked(customer, block)
    reschedule(customer, block)
  }
}

extension DecisionPlan {
  fileprivate var gone: GoneDecision {
    GoneDecision(playbook: playbook, name: name, channel: channel)
  }
}

extension Migration {
  /// By old stream: how much the new program keeps of it; nil: nothing.
  fileprivate func limits(from old: Program, to new: Program) -> [Int?] {
    var limits = [Int?](repeating: nil, count: old.features.sources.count)
    for case (let index, let known?) in sources.enumerated()
    where new.features.sources[index].keepsRing {
      limits[known] = min(limits[known] ?? .max, new.features.sources[index].limit)
    }
    return limits
  }

  fileprivate func count(_ activation: inout Activation, from old: Program) {
    let kinds: [(known: [Int?], before: Int)] = [
      (facts, old.facts.count), (features, old.features.features.count),
      (watches, old.watches.count), (sequences, old.sequences.count),
      (gatherings, old.gatherings.count), (windows, old.windows.count),
    ]
    for (known, before) in kinds {
      let kept = known.count { $0 != nil }
      activation.kept += kept
      activation.begun += known.count - kept
      activation.dropped += before - Set(known.compactMap { $0 }).count
    }
  }
}
