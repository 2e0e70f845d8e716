internal import CSimdJSON
package import Cel

/// Paths compiled by one `JsonReader`, and to be used with that reader alone. Field `i` of a read is
/// the value at the plan's path `i`.
package struct FieldPlan: Equatable, Sendable {
  package let id: UInt32
  package let count: Int
}

/// Picks fields out of JSON documents, without allocating once its buffers have grown.
///
/// The rule for names that occur twice in one object: the first counts. The rule for numbers: see
/// `JsonField.Kind`. `check` applies the strict rule to the whole document, whatever the plan;
/// `read` trusts that somebody has checked (bytes that nobody has checked do no harm, but damage
/// that lies off the plan's paths goes unseen).
@safe package struct JsonReader: ~Copyable {
  private let raw: OpaquePointer
  private var fields: [kj_field]
  private var documents: [kj_document] = []
  private var batchFields = 0
  private var batchBytes = 0
  /// Texts whose escapes were taken out, until the next read.
  package private(set) var scratch: [UInt8] = Array(repeating: 0, count: 4096)
  package let maxBytes: Int

  /// The strict rule's bounds: 64 containers deep, 1 MiB long.
  package static let strictDepth = 64
  package static let strictBytes = 1 << 20

  package init(maxDepth: Int = strictDepth, maxBytes: Int = strictBytes) {
    guard let raw = unsafe kj_reader_new(UInt32(maxDepth), UInt32(maxBytes)) else {
      fatalError("no memory for a JSON reader")
    }
    unsafe self.raw = raw
    self.maxBytes = maxBytes
    fields = Array(repeating: kj_field(), count: 64)
  }

  deinit { unsafe kj_reader_free(raw) }

  /// Compiles paths; each must occur only once. The empty path is the document itself.
  package mutating func plan(_ paths: [[String]]) -> FieldPlan {
    var names: [UInt8] = []
    var lengths: [UInt32] = []
    for name in paths.joined() {
      names.append(contentsOf: name.utf8)
      lengths.append(UInt32(name.utf8.count))
    }
    let counts = paths.map { UInt32($0.count) }
    // An empty array has no address to speak of.
    names.append(0)
    lengths.append(0)
    let id = unsafe names.withUnsafeBufferPointer { names in
      unsafe lengths.withUnsafeBufferPointer { lengths in
        unsafe counts.withUnsafeBufferPointer { counts in
          unsafe kj_plan(
            raw, names.baseAddress, lengths.baseAddress, counts.baseAddress, UInt32(paths.count))
        }
      }
    }
    guard id >= 0 else { fatalError("a path occurs twice in a plan: \(paths)") }
    reserve(fields: paths.count)
    return FieldPlan(id: UInt32(id), count: paths.count)
  }

  /// Reads the document that fills `range`; on a fault all fields are missing.
  package mutating func read(
    _ plan: FieldPlan, _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> JsonFault? {
    take(plan, bytes, range, strict: false)
  }

  /// As `read`, and holds the whole document against the strict rule.
  package mutating func check(
    _ plan: FieldPlan, _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> JsonFault? {
    take(plan, bytes, range, strict: true)
  }

  /// Field `index` of the last read.
  package func field(_ index: Int) -> JsonField { JsonField(fields[index]) }

  private mutating func take(
    _ plan: FieldPlan, _ bytes: Span<UInt8>, _ range: Range<Int>, strict: Bool
  ) -> JsonFault? {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    precondition(range.upperBound <= Int(UInt32.max), "JSON beyond 4 GiB of a buffer")
    guard range.count <= maxBytes else {
      for index in 0..<plan.count { fields[index] = kj_field() }
      return JsonFault(.tooLarge, at: 0)
    }
    reserve(scratch: range.count)
    var faultAt: UInt32 = 0
    let code = unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe fields.withUnsafeMutableBufferPointer { fields in
        unsafe scratch.withUnsafeMutableBufferPointer { room in
          var space = unsafe kj_scratch(
            bytes: room.baseAddress, capacity: UInt64(room.count), used: 0)
          return unsafe kj_read(
            raw, bytes.baseAddress, UInt32(range.lowerBound), UInt32(range.count),
            UInt32(clamping: bytes.count - range.upperBound), plan.id, strict ? 1 : 0,
            fields.baseAddress, &space, &faultAt)
        }
      }
    }
    return fault(code, Int(faultAt) - range.lowerBound)
  }

  private func fault(_ code: Int32, _ offset: Int) -> JsonFault? {
    if code == 0 { return nil }
    guard let reason = JsonFault.Reason(rawValue: code) else { fatalError("JSON fault \(code)") }
    return JsonFault(reason, at: offset)
  }

  private mutating func reserve(fields count: Int) {
    while fields.count < count {
      fields.append(contentsOf: repeatElement(kj_field(), count: count))
    }
  }

  private mutating func reserve(scratch count: Int) {
    if scratch.count < count {
      scratch.append(contentsOf: repeatElement(0, count: max(count, scratch.count * 2)))
    }
  }

  // MARK: Many lines in one call

  /// Holds lines against the strict rule and finds a plan's values in them: field `f` of line
  /// `lines[first + l]` is `places[l * plan.count + f]`. False in `taken`: the line is not good, or
  /// merely unusual (no object, escapes in what the plan names), and is to be read by itself.
  ///
  /// The lines lie in order, each but the last ends before an LF or a CR, and at least 16 bytes follow
  /// the last. Their number and size should be such that all stays in the processor's cache.
  package func check(
    _ plan: FieldPlan, _ bytes: Span<UInt8>, lines: [Range<Int>], from first: Int, count: Int,
    places: inout [JsonPlace], taken: inout [Bool]
  ) {
    precondition(MemoryLayout<JsonPlace>.stride == MemoryLayout<kj_place>.stride)
    precondition(MemoryLayout<Range<Int>>.stride == MemoryLayout<kj_line>.stride)
    if count == 0 { return }
    precondition(lines[first].lowerBound >= 0)
    precondition(lines[first + count - 1].upperBound + 16 <= bytes.count)
    precondition(bytes.count <= Int(UInt32.max), "JSON beyond 4 GiB of a buffer")
    for index in first..<(first + count - 1) {
      precondition(lines[index].upperBound <= lines[index + 1].lowerBound)
    }
    if places.count < count * plan.count {
      places = Array(repeating: JsonPlace(), count: count * plan.count)
    }
    if taken.count < count { taken = Array(repeating: false, count: count) }
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe lines.withUnsafeBytes { lines in
        unsafe places.withUnsafeMutableBytes { places in
          unsafe taken.withUnsafeMutableBytes { taken in
            unsafe kj_lines(
              raw, bytes.baseAddress,
              lines.baseAddress?.assumingMemoryBound(to: kj_line.self).advanced(by: first),
              UInt32(count), plan.id, places.baseAddress?.assumingMemoryBound(to: kj_place.self),
              taken.baseAddress?.assumingMemoryBound(to: UInt8.self))
          }
        }
      }
    }
  }

  // MARK: Many documents in one call

  /// Forgets the documents of the last batch.
  package mutating func beginBatch() {
    documents.removeAll(keepingCapacity: true)
    batchFields = 0
    batchBytes = 0
  }

  /// Adds a document; its number counts from 0.
  package mutating func add(_ plan: FieldPlan, _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= Int(UInt32.max))
    documents.append(
      kj_document(
        offset: UInt32(range.lowerBound), length: UInt32(range.count), plan: plan.id,
        first: UInt32(batchFields), fault: 0))
    batchFields += plan.count
    batchBytes += range.count
  }

  /// Reads all documents that were added. All lie in `bytes`.
  package mutating func readBatch(_ bytes: Span<UInt8>) {
    reserve(fields: batchFields)
    reserve(scratch: batchBytes)
    for document in documents {
      precondition(Int(document.offset) + Int(document.length) <= bytes.count)
    }
    unsafe bytes.withUnsafeBufferPointer { bytes in
      unsafe fields.withUnsafeMutableBufferPointer { fields in
        unsafe scratch.withUnsafeMutableBufferPointer { room in
          unsafe documents.withUnsafeMutableBufferPointer { documents in
            var space = unsafe kj_scratch(
              bytes: room.baseAddress, capacity: UInt64(room.count), used: 0)
            unsafe kj_read_batch(
              raw, bytes.baseAddress, documents.baseAddress, UInt32(documents.count),
              fields.baseAddress, &space)
          }
        }
      }
    }
  }

  /// Field `index` of document `document` of the last batch.
  package func field(_ index: Int, of document: Int) -> JsonField {
    JsonField(fields[Int(documents[document].first) + index])
  }

  /// Where fields of a document begin: `field(first + i)` is the same as `field(i, of: document)`.
  package func firstField(of document: Int) -> Int { Int(documents[document].first) }

  /// Why a document of the last batch could not be read; then all its fields are missing.
  package func fault(of document: Int) -> JsonFault? { fault(documents[document].fault, 0) }

  // MARK: Texts

  /// The bytes of a field's text. Allocates; `bytes` are those that were read.
  package func text(_ field: JsonField, in bytes: Span<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    append(field, in: bytes, to: &out)
    return out
  }

  package func string(_ field: JsonField, in bytes: Span<UInt8>) -> String {
    String(decoding: text(field, in: bytes), as: UTF8.self)
  }

  /// Appends a field's text to `out`.
  package func append(_ field: JsonField, in bytes: Span<UInt8>, to out: inout [UInt8]) {
    if field.isUnescaped {
      out.append(contentsOf: scratch[field.text])
    } else {
      unsafe bytes.withUnsafeBufferPointer { unsafe out.append(contentsOf: $0[field.text]) }
    }
  }

  /// The id of a field's text in a pool; `.unknown` if the pool does not hold it.
  package func find(_ field: JsonField, in bytes: Span<UInt8>, pool: TextPool) -> TextId {
    if field.isUnescaped { return pool.find(scratch.span.extracting(field.text)) }
    return pool.find(bytes.extracting(field.text))
  }

  /// As `find`, but the pool takes the text in, with a reference.
  package func intern(
    _ field: JsonField, in bytes: Span<UInt8>, pool: inout TextPool
  ) -> TextId {
    if field.isUnescaped { return pool.intern(scratch.span.extracting(field.text)) }
    return pool.intern(bytes.extracting(field.text))
  }

  /// A field as a CEL scalar; its text is looked up in the pool, not added.
  package func scalar(_ field: JsonField, in bytes: Span<UInt8>, pool: TextPool) -> Scalar {
    switch field.kind {
    case .missing: .missing
    case .null: .null
    case .bool: Scalar(field.bool)
    case .int: Scalar(field.int)
    case .uint: Scalar(UInt64(bitPattern: field.int))
    case .double: Scalar(field.double)
    case .string, .key: Scalar(text: find(field, in: bytes, pool: pool))
    case .list, .map: .other
    }
  }

  package func equal(_ field: JsonField, in bytes: Span<UInt8>, _ text: StaticString) -> Bool {
    guard field.text.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { wanted in
      var index = 0
      while index < wanted.count {
        let place = field.text.lowerBound + index
        let byte = field.isUnescaped ? scratch[place] : bytes[place]
        if unsafe byte != wanted[index] { return false }
        index += 1
      }
      return true
    }
  }

  // MARK: Tapes

  /// Holds a whole document against the strict rule and lists its values in order, names before
  /// values: `levels` 1 lists the members of an object. Containers below are one entry each.
  /// Entries are then `field(0)` (the document) and on; `JsonField.next` passes over one.
  package mutating func list(
    _ bytes: Span<UInt8>, _ range: Range<Int>, levels: Int = strictDepth
  ) -> Result<Int, JsonFault> {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    precondition(range.upperBound <= Int(UInt32.max), "JSON beyond 4 GiB of a buffer")
    guard range.count <= maxBytes else { return .failure(JsonFault(.tooLarge, at: 0)) }
    reserve(scratch: range.count)
    while true {
      var used: UInt32 = 0
      var faultAt: UInt32 = 0
      let code = unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe fields.withUnsafeMutableBufferPointer { fields in
          unsafe scratch.withUnsafeMutableBufferPointer { room in
            var space = unsafe kj_scratch(
              bytes: room.baseAddress, capacity: UInt64(room.count), used: 0)
            return unsafe kj_tape(
              raw, bytes.baseAddress, UInt32(range.lowerBound), UInt32(range.count),
              UInt32(levels), fields.baseAddress, UInt32(fields.count), &used, &space, &faultAt)
          }
        }
      }
      if code == Int32(KJ_TAPE_FULL) {
        reserve(fields: fields.count * 2)
        continue
      }
      if let fault = fault(code, Int(faultAt) - range.lowerBound) { return .failure(fault) }
      return .success(Int(used))
    }
  }
}
