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
      guard
        let sample = program.features.sample(
          program.features.sources[source.source], time: time, field: field, hash: hash, &memory)
      else { continue }
      happening.touched |= source.bit
      happening.touchedNext = min(
        happening.touchedNext,
        program.features.nextChange(ofSource: source.source, after: now, block, memory))
      if program.features.insert(sample, into: source.source, clock: now, block, &memory) {
        flag(block)
      }
      for slot in source.slots { filled[wiring.numbers[slot]] = 0 }
    }
  }
}
