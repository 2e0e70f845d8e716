package import Cel

/// What one shard's customers share: memory for what grows, and the strings that state holds.
package struct StateMemory: ~Copyable {
  package var arena = Arena()
  package var texts: TextPool
  package init(texts: TextPool) { self.texts = texts }
}
