internal import Cel
internal import Events
internal import Features

extension Shard {
  /// Puts what an event carries into the streams that features look at.
  mutating func insertSamples(
    _ type: Int, _ slot: Int, _ time: Int64, _ block: Words, _ now: Int64
  ) {
    for place in wiring.types[type].sources {
      let source = wiring.sources[place]
      if !holds(source.condition, block, now) { continue }
      let field = source.slot < 0 ? .missing : row[source.slot]
      let hash = source.slot < 0 ? 0 : slab.hash(slot, source.slot)
      let insertion = wiring.features.take(
        field, hash: hash, at: time, into: source.source, clock: now, block, &memory)
      if !insertion.isTaken { continue }
      happening.touched |= source.bit
      happening.touchedNext = min(happening.touchedNext, insertion.next)
      if insertion.gaveUp { flag(block) }
      for slot in source.slots { filled[wiring.numbers[slot]] = 0 }
    }
  }
}
