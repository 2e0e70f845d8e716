extension JournalRecord {
  /// Appends an event's bytes, the same as `encode` does, out of buffers that the caller reuses.
  /// `data` is a place in `payload`. The texts' lengths must fit 16 bits, as for `encode`.
  package static func appendEvent(
    time: EventTime, origin: Origin, source: [UInt8], type: [UInt8], id: [UInt8],
    customer: [UInt8], payload: Span<UInt8>, data: Range<Int>, delay: UInt32,
    to out: inout [UInt8]
  ) {
    var header = InlineArray<60, UInt8>(repeating: 0)
    func put(_ value: UInt64, _ bytes: Int, at place: Int) {
      for index in 0..<bytes {
        header[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
      }
    }
    header[0] = version
    header[1] = Kind.event.rawValue
    put(UInt64(bitPattern: time.milliseconds), 8, at: 8)
    put(UInt64(bitPattern: origin.offset), 8, at: 16)
    put(UInt64(UInt32(bitPattern: origin.partition)), 4, at: 24)
    put(UInt64(origin.incarnation), 4, at: 28)
    put(UInt64(UInt16(origin.name.count)), 2, at: 32)
    put(UInt64(UInt16(source.count)), 2, at: 34)
    put(UInt64(UInt16(type.count)), 2, at: 36)
    put(UInt64(UInt16(id.count)), 2, at: 38)
    put(UInt64(UInt16(customer.count)), 2, at: 40)
    put(UInt64(UInt32(payload.count)), 4, at: 44)
    put(UInt64(UInt32(data.lowerBound)), 4, at: 48)
    put(UInt64(UInt32(data.count)), 4, at: 52)
    put(UInt64(delay), 4, at: 56)
    unsafe header.span.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
    out.append(contentsOf: origin.name)
    out.append(contentsOf: source)
    out.append(contentsOf: type)
    out.append(contentsOf: id)
    out.append(contentsOf: customer)
    unsafe payload.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
  }
}
