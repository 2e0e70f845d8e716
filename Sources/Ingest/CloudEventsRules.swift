internal import Events

/// The specification's rules for single attributes.
enum CloudEventsRules {
  static func checkExtension(
    _ name: String, _ value: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
  ) -> Rejection? {
    guard isName(name) else {
      let shown = String(name.prefix(60).map { $0.isNewline ? " " : $0 })
      return Rejection(
        .notCloudEvent, "\"\(shown)\" is no name of an attribute: lower case and digits only")
    }
    switch value.kind {
    case .null, .bool: return nil
    case .int where Int32(exactly: value.int) != nil: return nil
    case .string where !hasControls(value, bytes, reader): return nil
    case .string: return Rejection(.notCloudEvent, "\"\(name)\" has a control character")
    case .int, .uint, .double:
      return Rejection(.notCloudEvent, "\"\(name)\" is no whole number of 32 bits")
    default:
      return Rejection(.notCloudEvent, "\"\(name)\" is \(shape(value)): no type of an attribute")
    }
  }

  static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) }
  }

  /// Control characters (C0, delete, C1) and the code points that Unicode keeps for no character.
  static func hasControls(
    _ value: JsonField, _ bytes: Span<UInt8>, _ reader: borrowing JsonReader
  ) -> Bool {
    reader.string(value, in: bytes).unicodeScalars.contains { scalar in
      scalar.value < 0x20 || (scalar.value >= 0x7f && scalar.value < 0xa0)
        || scalar.value & 0xfffe == 0xfffe || (scalar.value >= 0xfdd0 && scalar.value <= 0xfdef)
    }
  }

  /// `type/subtype` and whatever parameters.
  static func isMediaType(_ text: [UInt8]) -> Bool {
    let name = text.prefix { $0 != UInt8(ascii: ";") }
    let parts = name.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        let token = part.reversed().drop { $0 == 0x20 }
        return !token.isEmpty
          && token.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"()<>@,;:\\\"[]?=".utf8.contains($0) }
      }
  }

  static func isJson(_ mediaType: [UInt8]) -> Bool {
    let name = mediaType.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
      .map(CloudEventsMode.lower)
    return name.elementsEqual("application/json".utf8) || name.elementsEqual("text/json".utf8)
      || name.suffix(5).elementsEqual("+json".utf8)
  }

  static func isAbsoluteUri(_ text: [UInt8]) -> Bool {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")), let first = text.first else {
      return false
    }
    let isLetter = { (byte: UInt8) in byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a }
    return isLetter(first)
      && text[..<colon].allSatisfy {
        isLetter($0) || ($0 >= 0x30 && $0 <= 0x39) || "+-.".utf8.contains($0)
      } && !text.contains(0x20)
  }

  static func isBase64(_ text: [UInt8]) -> Bool {
    guard text.count % 4 == 0 else { return false }
    let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
    if padding == 2 && text.last != UInt8(ascii: "=") { return false }
    return text.dropLast(padding).allSatisfy {
      ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a && $0 < 0x80) || ($0 >= 0x30 && $0 <= 0x39)
        || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/")
    }
  }
}

/// Kafka's binary mode: attributes in `ce_` headers, data as the record's value.
enum CloudEventsBinary {
  /// Writes the event in the structured form.
  static func rewrite(
    _ bytes: Span<UInt8>, _ record: SourceRecord, _ reader: inout JsonReader,
    _ out: inout [UInt8]
  ) -> Rejection? {
    var names: Set<String> = []
    var mediaType: [UInt8] = []
    out.append(UInt8(ascii: "{"))
    for header in record.headers {
      let isType = CloudEventsMode.equalFolded(header.name, "content-type", bytes)
      guard isType || CloudEventsMode.hasPrefix(header.name, "ce_", bytes) else { continue }
      let given = String(decoding: header.name.map { bytes[$0] }, as: UTF8.self)
      let name = isType ? "datacontenttype" : String(given.dropFirst(3))
      guard CloudEventsRules.isName(name), name != "data" else {
        return Rejection(.badHeaders, "a header \"ce_…\" names no attribute: lower case and digits")
      }
      guard names.insert(name).inserted else {
        return Rejection(.badHeaders, "two headers give \"\(name)\"")
      }
      guard let value = header.value else { continue }
      guard isUtf8(bytes.extracting(value)) else {
        return Rejection(.badHeaders, "the header of \"\(name)\" is not UTF-8")
      }
      if isType { mediaType = value.map { bytes[$0] } }
      member(name, &out)
      appendJsonText(bytes, value, &out)
      out.append(UInt8(ascii: ","))
    }
    if !names.contains("specversion") {
      return Rejection(
        record.value == nil ? .noPayload : .notCloudEvent,
        "neither a structured event nor \"ce_\" headers")
    }
    if let value = record.value {
      if let rejection = data(bytes, value, mediaType, &reader, &out) { return rejection }
    } else {
      out.removeLast()
    }
    out.append(UInt8(ascii: "}"))
    return nil
  }

  private static func data(
    _ bytes: Span<UInt8>, _ value: Range<Int>, _ mediaType: [UInt8], _ reader: inout JsonReader,
    _ out: inout [UInt8]
  ) -> Rejection? {
    guard value.count <= StrictRule.payloadBytes else {
      return StrictRule.rejection(JsonFault(.tooLarge, at: 0))
    }
    if mediaType.isEmpty || CloudEventsRules.isJson(mediaType) {
      // The whole is checked again with the attributes; this is for the message's offset, and so
      // that the value is one document and not the end of another.
      let nothing = reader.list(bytes, value, levels: 0)
      if case .failure(let fault) = nothing { return StrictRule.rejection(fault) }
      member("data", &out)
      for index in value { out.append(bytes[index]) }
      return nil
    }
    let isText = mediaType.prefix(5).map(CloudEventsMode.lower).elementsEqual("text/".utf8)
    if isText && isUtf8(bytes.extracting(value)) {
      member("data", &out)
      appendJsonText(bytes, value, &out)
    } else {
      member("data_base64", &out)
      appendBase64(bytes, value, &out)
    }
    return nil
  }

  private static func member(_ name: String, _ out: inout [UInt8]) {
    out.append(UInt8(ascii: "\""))
    out.append(contentsOf: name.utf8)
    out.append(contentsOf: "\":".utf8)
  }

  private static func appendJsonText(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ out: inout [UInt8]
  ) {
    let hex = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for index in range {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      } else if byte < 0x20 {
        out.append(contentsOf: "\\u00".utf8)
        out.append(hex[Int(byte >> 4)])
        out.append(hex[Int(byte & 15)])
      } else {
        out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  private static func appendBase64(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ out: inout [UInt8]
  ) {
    let alphabet = Array(
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    out.append(UInt8(ascii: "\""))
    var index = range.lowerBound
    while index < range.upperBound {
      let count = min(3, range.upperBound - index)
      var word = 0
      for place in 0..<3 { word = word << 8 | (place < count ? Int(bytes[index + place]) : 0) }
      for place in 0..<4 {
        let isPadding = place > count
        out.append(isPadding ? UInt8(ascii: "=") : alphabet[word >> (18 - 6 * place) & 63])
      }
      index += count
    }
    out.append(UInt8(ascii: "\""))
  }
}
