/// The name of one string in a `TextPool`.
package struct TextId: Hashable, Sendable {
  package var raw: UInt32
  package init(raw: UInt32) { self.raw = raw }
  /// A string that the pool does not hold. It equals no string that the playbook mentions.
  package static let unknown = TextId(raw: 0)
}

/// Strings known by number, each held once: those that a playbook mentions (for ever) and those
/// that customers' state holds at the moment (counted references). Equal strings have equal ids.
///
/// Ids depend on the order of arrival, so nothing ordered or published may be derived from one.
package struct TextPool: Sendable {
  private struct Entry {
    var bytes: [UInt8]
    var hash: UInt64
    /// Zero: the place is free. `Int32.max`: held for ever.
    var references: Int32
  }
  private var entries: [Entry] = [Entry(bytes: [], hash: 0, references: .max)]
  private var free: [UInt32] = []
  /// Open addressing with linear probing; 0 is an empty slot.
  private var slots: [UInt32] = Array(repeating: 0, count: 64)
  private var used = 0

  package init() {}

  /// How many strings are held now.
  package var count: Int { used }

  /// The id of `bytes` if the pool holds it, else `.unknown`. Takes no reference.
  package func find(_ bytes: Span<UInt8>) -> TextId {
    let hash = stableHash(bytes)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let id = slots[slot]
      if entries[Int(id)].hash == hash && equal(entries[Int(id)].bytes, bytes) {
        return TextId(raw: id)
      }
      slot = (slot + 1) & mask
    }
    return .unknown
  }

  /// The id of `bytes`, taking a reference on it.
  package mutating func intern(_ bytes: Span<UInt8>) -> TextId {
    let known = find(bytes)
    if known != .unknown {
      retain(known)
      return known
    }
    if (used + 1) * 2 > slots.count { grow() }
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count)
    for index in bytes.indices { copy.append(bytes[index]) }
    let entry = Entry(bytes: copy, hash: stableHash(bytes), references: 1)
    let id: UInt32
    if let reused = free.popLast() {
      id = reused
      entries[Int(id)] = entry
    } else {
      id = UInt32(entries.count)
      entries.append(entry)
    }
    place(id)
    used += 1
    return TextId(raw: id)
  }

  package mutating func intern(_ text: String) -> TextId {
    let bytes = Array(text.utf8)
    return intern(bytes.span)
  }

  /// As `intern`, but the string is never given up: for what a playbook mentions.
  package mutating func internForever(_ text: String) -> TextId {
    let id = intern(text)
    if id != .unknown { entries[Int(id.raw)].references = .max }
    return id
  }

  package mutating func retain(_ id: TextId) {
    guard id != .unknown, entries[Int(id.raw)].references != .max else { return }
    entries[Int(id.raw)].references += 1
  }

  package mutating func release(_ id: TextId) {
    guard id != .unknown, entries[Int(id.raw)].references != .max else { return }
    precondition(entries[Int(id.raw)].references > 0, "a string was released twice")
    entries[Int(id.raw)].references -= 1
    if entries[Int(id.raw)].references == 0 { remove(id.raw) }
  }

  /// The string's bytes. Empty for `.unknown`.
  package func bytes(_ id: TextId) -> [UInt8] { entries[Int(id.raw)].bytes }

  package func string(_ id: TextId) -> String {
    String(decoding: entries[Int(id.raw)].bytes, as: UTF8.self)
  }

  private func equal(_ held: [UInt8], _ bytes: Span<UInt8>) -> Bool {
    guard held.count == bytes.count else { return false }
    for index in bytes.indices where held[index] != bytes[index] { return false }
    return true
  }

  private mutating func place(_ id: UInt32) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: entries[Int(id)].hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = id
  }

  private mutating func grow() {
    let old = slots
    slots = Array(repeating: 0, count: old.count * 2)
    for id in old where id != 0 { place(id) }
  }

  /// Backward-shift deletion keeps probe chains whole without tombstones.
  private mutating func remove(_ id: UInt32) {
    let mask = slots.count - 1
    var hole = Int(truncatingIfNeeded: entries[Int(id)].hash) & mask
    while slots[hole] != id { hole = (hole + 1) & mask }
    var next = (hole + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: entries[Int(slots[next])].hash) & mask
      if (next &- home) & mask >= (next &- hole) & mask {
        slots[hole] = slots[next]
        hole = next
      }
      next = (next + 1) & mask
    }
    slots[hole] = 0
    entries[Int(id)] = Entry(bytes: [], hash: 0, references: 0)
    free.append(id)
    used -= 1
  }
}
