internal import Cel
internal import Decisions
internal import Events
internal import Features
internal import Moments

// All that determines what a shard will do next, as bytes. Layout of version 1:
//
//     u8 version; the fold's semantics, the book's hash, words per block, partition
//     policy time, event time that has passed, position, watermark, counts
//     customers in their order: id, block, file
//     origins in their order, each with the events it holds, in order of application
//     parked events, by customer
//     u64 hash of all bytes before
//
// The same records give the same bytes, however often the shard was restored on the way: nothing
// here depends on where memory lies, on the numbers of texts and places, or on queues' layout. Due
// times and wakings stand with the customers; their queues are built anew. Output that nobody has
// taken is not part of it: take it first.

extension Shard {
  package static var snapshotVersion: UInt8 { 1 }

  package func snapshot() -> [UInt8] {
    var out = SnapshotWriter()
    out.byte(Self.snapshotVersion)
    out.count(Program.semantics)
    out.string(program.hash)
    out.count(program.blockWords)
    out.int(Int64(partition))
    for time in [policyTime, passed, position, watermark] { out.int(time) }
    for count in counts.all { out.int(count) }
    out.count(customers.count)
    for number in 0..<customers.count {
      out.text(customers.id(CustomerIndex(number)))
      write(blocks[number], to: &out)
      files[number].write(memory.texts, to: &out)
    }
    out.count(origins.origins.count)
    for origin in origins.origins {
      out.text(origin.name)
      out.word(UInt64(origin.incarnation))
      out.int(Int64(origin.partition))
      out.int(origin.highest)
      out.int(origin.watermark)
      out.count(origin.held.entries.count)
      for entry in origin.held.sorted { slab.write(entry.slot, memory.texts, to: &out) }
    }
    let waiting = parked.sorted { $0.key.raw < $1.key.raw }
    out.count(waiting.count)
    for (customer, slots) in waiting {
      out.count(customer.int)
      out.count(slots.count)
      for slot in slots { slab.write(slot, memory.texts, to: &out) }
    }
    out.seal()
    return out.bytes
  }

  private func write(_ block: Words, to out: inout SnapshotWriter) {
    for index in 0..<Header.used { out.int(block[index]) }
    for plan in program.facts {
      let bits = UInt64(bitPattern: block[plan.offset + 2])
      let kind = Scalar.Kind(rawValue: UInt8(truncatingIfNeeded: block[plan.offset + 1]))
      out.scalar(Scalar(kind: kind ?? .missing, bits: bits), memory.texts)
      out.int(block[plan.offset])
    }
    program.features.write(block, memory, to: &out)
    for plan in program.watches {
      out.flag(block[plan.offset + 1] != 0)
      out.fixed(UInt64(bitPattern: block[plan.offset]))
      out.int(block[plan.offset + 2])
      for rise in plan.rises {
        let queue = SpanQueue(block.slice(rise.offset, RisePlan.words))
        out.count(queue.count)
        for index in 0..<queue.count {
          let span = queue.span(index, memory)
          out.int(span[0])
          out.int(span[1])
          out.fixed(UInt64(bitPattern: span[2]))
        }
      }
    }
    for use in program.sequences {
      let count = Int(block[use.offset + 1])
      out.count(count)
      if count == 0 { continue }
      let held = memory.arena.words(ArenaHandle(raw: UInt64(bitPattern: block[use.offset])))
      for index in 0..<count { out.int(held[index]) }
    }
    for use in program.gatherings {
      for index in 0..<use.plan.stateWords { out.int(block[use.offset + index]) }
    }
    for use in program.windows {
      for index in 0..<InterventionWindow.stateWords { out.int(block[use.offset + index]) }
    }
  }
}

extension Shard.Counts {
  fileprivate var all: [Int64] {
    [events, late, behind, duplicates, celErrors, dropped, unreadable]
  }
}
