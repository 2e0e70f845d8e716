internal import Cel
package import Events

extension FeatureTable {
  /// Gives up what a customer has of a source: texts and memory.
  package func remove(source index: Int, _ block: Words, _ memory: inout StateMemory) {
    let source = sources[index]
    guard source.keepsRing else { return }
    let ring = ring(source, block)
    drop(source, ring, to: ring.tail, &memory)
    ring.clear(&memory)
  }

  /// Gives up what a customer has of a feature: texts and memory.
  package func remove(feature index: Int, _ block: Words, _ memory: inout StateMemory) {
    let feature = features[index]
    guard feature.source >= 0 else { return }
    if case .streak = feature.kind {
      runs(feature, block).clear(&memory)
    } else if holdsScalar(feature) {
      let at = ownWords(feature).lowerBound
      let held = scalar(block, at)
      if held.kind == .string { memory.texts.release(held.text) }
      block[at + 1] = Int64(Scalar.Kind.missing.rawValue)
    }
  }

  /// How many samples are held of a customer.
  package func sampleCount(_ block: Words) -> Int {
    sources.reduce(0) { $0 + ($1.keepsRing ? ring($1, block).count : 0) }
  }
}
