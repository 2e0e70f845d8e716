extension JournalRecord {
  /// Appends an event's bytes, the same as `encode` does, out of buffers that the caller reuses.
  /// `data` is a place in `payload`. The texts' lengths must fit 16 bits, as for `encode`.
  package static func appendEvent(
    time: EventTime, origin: Origin, source: [UInt8], type: [UInt8], id: [UInt8],
    customer: [UInt8], payload: Span<UInt8>, data: Range<Int>, delay: UInt32,
    to out: inout [UInt8]
  ) {
    out.append(version)
    out.append(Kind.event.rawValue)
    put(0, 2, &out)
    put(0, 4, &out)
    put(UInt64(bitPattern: time.milliseconds), 8, &out)
    put(UInt64(bitPattern: origin.offset), 8, &out)
    put(UInt64(UInt32(bitPattern: origin.partition)), 4, &out)
    put(UInt64(origin.incarnation), 4, &out)
    put(UInt64(UInt16(origin.name.count)), 2, &out)
    put(UInt64(UInt16(source.count)), 2, &out)
    put(UInt64(UInt16(type.count)), 2, &out)
    put(UInt64(UInt16(id.count)), 2, &out)
    put(UInt64(UInt16(customer.count)), 2, &out)
    put(0, 2, &out)
    put(UInt64(UInt32(payload.count)), 4, &out)
    put(UInt64(UInt32(data.lowerBound)), 4, &out)
    put(UInt64(UInt32(data.count)), 4, &out)
    put(UInt64(delay), 4, &out)
    out.append(contentsOf: origin.name)
    out.append(contentsOf: source)
    out.append(contentsOf: type)
    out.append(contentsOf: id)
    out.append(contentsOf: customer)
    unsafe payload.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0) }
  }

  @inline(__always)
  private static func put(_ value: UInt64, _ bytes: Int, _ out: inout [UInt8]) {
    for index in 0..<bytes { out.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }
}
