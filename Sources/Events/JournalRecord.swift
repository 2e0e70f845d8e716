/// One record of the journal: a binary envelope and the event's JSON, whole and verbatim.
///
/// Layout of version 1, little-endian, 60 bytes and then the texts in this order:
///
///      0  u8  version (1)              1  u8  kind
///      2  u16 reserved (0)             4  u32 key id (0 until payloads are encrypted)
///      8  i64 event time, ms          16  i64 origin offset
///     24  i32 origin partition        28  u32 origin incarnation
///     32  u16 origin name's length    34  u16 source's length
///     36  u16 type's length           38  u16 id's length
///     40  u16 customer's length       42  u16 reserved (0)
///     44  u32 payload's length        48  u32 data's offset in the payload
///     52  u32 data's length (0: there is no data)
///     56  u32 delay, ms: how far out of order the source may be; the event implies the watermark
///             (event time less delay) of its own source partition
///     60  origin name, source, type, id, customer, payload
///
/// The Kafka record that carries it has the customer as key (events), and the time of its append
/// as timestamp.
package struct JournalRecord: Equatable, Sendable {
  package enum Kind: UInt8, Sendable {
    /// The payload is the event's JSON, or whatever its source wrote there.
    case event = 1
    /// The payload is a `Tick`.
    case tick = 2
    /// The payload is JSON with a `control` member that names what it controls.
    case control = 3
    /// Reserved: a record that one fold sends to another journal partition.
    case relay = 4
    /// Reserved: a person's erasure.
    case erase = 5
  }

  /// Where a record came from; a fold keeps the highest offset per (name, incarnation, partition).
  package struct Origin: Hashable, Sendable {
    /// The source's name in the configuration, not its topic.
    package var name: [UInt8]
    package var incarnation: UInt32
    package var partition: Int32
    package var offset: Int64
    package init(name: [UInt8], incarnation: UInt32 = 0, partition: Int32, offset: Int64) {
      self.name = name
      self.incarnation = incarnation
      self.partition = partition
      self.offset = offset
    }
  }

  package static let version: UInt8 = 1
  package static let headerSize = 60

  package var kind: Kind
  package var keyId: UInt32 = 0
  package var time: EventTime
  package var origin: Origin
  /// What issued the event (`source` of CloudEvents); with `id` it names the event.
  package var source: [UInt8]
  package var type: [UInt8]
  package var id: [UInt8]
  package var customer: [UInt8]
  package var payload: [UInt8]
  /// Where the `data` that playbooks see lies in the payload. Empty: there is none.
  package var data: Range<Int>
  /// The source's `out_of_order`, ms: the fold is told by each event how far to trust its time.
  package var delay: UInt32 = 0

  package init(
    kind: Kind, time: EventTime, origin: Origin, source: [UInt8] = [], type: [UInt8] = [],
    id: [UInt8] = [], customer: [UInt8] = [], payload: [UInt8] = [], data: Range<Int> = 0..<0,
    delay: UInt32 = 0
  ) {
    self.kind = kind
    self.time = time
    self.origin = origin
    self.source = source
    self.type = type
    self.id = id
    self.customer = customer
    self.payload = payload
    self.data = data
    self.delay = delay
  }

  /// Appends the record's bytes. Texts over 65,535 bytes are a mistake of the caller: ingest's
  /// strict rule refuses them long before.
  package func encode(into out: inout [UInt8]) {
    out.reserveCapacity(
      out.count + Self.headerSize + origin.name.count + source.count + type.count + id.count
        + customer.count + payload.count)
    out.append(Self.version)
    out.append(kind.rawValue)
    append(UInt16(0), to: &out)
    append(keyId, to: &out)
    append(UInt64(bitPattern: time.milliseconds), to: &out)
    append(UInt64(bitPattern: origin.offset), to: &out)
    append(UInt32(bitPattern: origin.partition), to: &out)
    append(origin.incarnation, to: &out)
    for text in [origin.name, source, type, id, customer] {
      append(UInt16(text.count), to: &out)
    }
    append(UInt16(0), to: &out)
    append(UInt32(payload.count), to: &out)
    append(UInt32(data.lowerBound), to: &out)
    append(UInt32(data.count), to: &out)
    append(delay, to: &out)
    for text in [origin.name, source, type, id, customer, payload] {
      out.append(contentsOf: text)
    }
  }
}

private func append<T: FixedWidthInteger>(_ value: T, to out: inout [UInt8]) {
  var rest = value.littleEndian
  for _ in 0..<(T.bitWidth / 8) {
    out.append(UInt8(truncatingIfNeeded: rest))
    rest >>= 8
  }
}
