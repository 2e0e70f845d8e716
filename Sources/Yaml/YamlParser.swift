import CYAML

/// Reads one YAML document into a tree, within bounds.
///
/// Refused, each with its place: more than `maxBytes`, more than `maxDepth` levels, anything that
/// is not UTF-8, anchors, aliases, tags, a second document, keys that are not plain texts, and the
/// same key twice in one mapping (the first one stands).
@safe package struct YamlParser: ~Copyable {
  package static let maxBytes = 1 << 20
  package static let maxDepth = 64
  /// Within one expression in braces.
  private static let maxCommas = 32

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let file: String
  private let bytes: [UInt8]
  private let diagnostics: Diagnostics
  /// libyaml counts characters; the place in `bytes` follows it.
  private var cursor = (character: 0, byte: 0)

  /// Nil: the file cannot be read as YAML, and why was reported. Other mistakes are reported too,
  /// but leave a tree behind.
  package static func parse(
    _ bytes: [UInt8], file: String, diagnostics: Diagnostics
  ) -> YamlNode? {
    let top = SourcePosition(file: file, line: 1, column: 1)
    guard bytes.count <= maxBytes else {
      diagnostics.report(
        top, "the file has \(bytes.count) bytes, more than the \(maxBytes) that are read",
        hint: "split it into several files")
      return nil
    }
    let isMarked = bytes.starts(with: [0xef, 0xbb, 0xbf])
    let text = isMarked ? Array(bytes.dropFirst(3)) : bytes
    // libyaml keeps a pointer to the input while the parser lives.
    return unsafe text.withUnsafeBufferPointer { input in
      var parser = unsafe YamlParser(text, input, file: file, diagnostics: diagnostics)
      do throws(Diagnostic) {
        return try parser.document()
      } catch {
        diagnostics.report(error.position, error.message, hint: error.hint)
        return nil
      }
    }
  }

  private init(
    _ bytes: [UInt8], _ input: UnsafeBufferPointer<UInt8>, file: String, diagnostics: Diagnostics
  ) {
    self.bytes = bytes
    self.file = file
    self.diagnostics = diagnostics
    unsafe parser = .allocate(capacity: 1)
    precondition(unsafe yaml_parser_initialize(parser) == 1, "no memory for a YAML parser")
    unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
  }

  deinit {
    unsafe yaml_parser_delete(parser)
    unsafe parser.deallocate()
  }

  private mutating func document() throws(Diagnostic) -> YamlNode {
    var event = try next()
    while event.isPrologue { event = try next() }
    if case .streamEnd = event.content {
      throw Diagnostic(event.start, "the file is empty", hint: "start with \"kairos: 1\"")
    }
    let root = try node(event, depth: 1)
    event = try next()
    if case .documentEnd = event.content { event = try next() }
    if case .streamEnd = event.content { return root }
    throw Diagnostic(
      event.start, "a second document starts here", hint: "put it into a file of its own")
  }

  private mutating func node(_ event: YamlEvent, depth: Int) throws(Diagnostic) -> YamlNode {
    if depth > Self.maxDepth {
      throw Diagnostic(event.start, "nested more than \(Self.maxDepth) levels deep")
    }
    if let tag = event.tag { refuse(event, "the tag \"\(tag)\" is not read", "leave it away") }
    if let anchor = event.anchor {
      refuse(event, "the anchor \"&\(anchor)\" is not read", "write it out in each place")
    }
    switch event.content {
    case .scalar(let scalar):
      return YamlNode(kind: .scalar(scalar), start: event.start, end: event.end)
    case .sequenceStart:
      return try sequence(from: event, depth: depth)
    case .mappingStart:
      return try mapping(from: event, depth: depth)
    case .alias(let name):
      refuse(event, "the alias \"*\(name)\" is not read", "write it out in each place")
      let empty = YamlScalar(text: "", style: .plain, raw: "", position: event.start)
      return YamlNode(kind: .scalar(empty), start: event.start, end: event.end)
    default:
      throw Diagnostic(event.start, "a value is missing here")
    }
  }

  private func refuse(_ event: YamlEvent, _ message: String, _ hint: String) {
    diagnostics.report(event.start, message, hint: hint)
  }

  private mutating func sequence(
    from start: YamlEvent, depth: Int
  ) throws(Diagnostic) -> YamlNode {
    var items: [YamlNode] = []
    while true {
      let event = try next()
      if case .sequenceEnd = event.content {
        return YamlNode(kind: .sequence(items), start: start.start, end: event.end)
      }
      items.append(try node(event, depth: depth + 1))
    }
  }

  private mutating func mapping(
    from start: YamlEvent, depth: Int
  ) throws(Diagnostic) -> YamlNode {
    var pairs: [(key: YamlNode, value: YamlNode)] = []
    while true {
      let event = try next()
      if case .mappingEnd = event.content {
        if start.isFlow { rejoin(&pairs) }
        return YamlNode(
          kind: .mapping(entries(pairs)), start: start.start, end: event.end)
      }
      let key = try node(event, depth: depth + 1)
      pairs.append((key, try node(try next(), depth: depth + 1)))
    }
  }

  private func entries(_ pairs: [(key: YamlNode, value: YamlNode)]) -> [YamlEntry] {
    var entries: [YamlEntry] = []
    var lines: [String: Int] = [:]
    for (key, value) in pairs {
      guard let name = key.scalar else {
        diagnostics.report(
          key.start, "a key must be a plain word, and this is \(key.shape)",
          hint: "quote a value that contains braces")
        continue
      }
      if let line = lines[name.text] {
        diagnostics.report(
          key.start, "the key \"\(name.shortened)\" stands here a second time",
          hint: "it is already in line \(line)")
        continue
      }
      lines[name.text] = name.position.line
      entries.append(YamlEntry(key: name, value: value))
    }
    return entries
  }

  /// Within braces a comma ends a plain scalar, also where it stands between an expression's
  /// parentheses: `{ value: math.greatest(a, b) }`. Such a value, with a parenthesis or a quote
  /// left open, is put together again from the file's own characters, if what follows closes it.
  private func rejoin(_ pairs: inout [(key: YamlNode, value: YamlNode)]) {
    var index = 0
    while index < pairs.count {
      defer { index += 1 }
      guard let first = pairs[index].value.scalar, first.style == .plain,
        !closesWhatItOpens(first.raw)
      else { continue }
      let following = pairs[(index + 1)...].prefix(Self.maxCommas).indices
      for last in following {
        guard let key = pairs[last].key.scalar, let value = pairs[last].value.scalar else { break }
        let end = key.bytes.upperBound < value.bytes.upperBound ? value : key
        let raw = String(
          decoding: bytes[first.bytes.lowerBound..<end.bytes.upperBound], as: UTF8.self)
        guard closesWhatItOpens(raw) else { continue }
        let text = raw.split(whereSeparator: \.isNewline).map(withoutBlanks)
          .joined(separator: " ")
        let whole = YamlScalar(text: text, style: .plain, raw: raw, position: first.position)
        pairs[index].value = YamlNode(
          kind: .scalar(whole), start: pairs[index].value.start, end: pairs[last].value.end)
        pairs.removeSubrange((index + 1)...last)
        break
      }
    }
  }
}

private func withoutBlanks(_ line: Substring) -> Substring {
  let start = line.drop { $0 == " " || $0 == "\t" }
  let end = start.lastIndex { $0 != " " && $0 != "\t" }
  return end.map { start[...$0] } ?? ""
}

/// Whether each parenthesis and each quote has its other half. An apostrophe within a word is not
/// a quote.
private func closesWhatItOpens(_ text: String) -> Bool {
  var depth = 0
  var quote: UInt8?
  var before: UInt8 = 0x20
  for byte in text.utf8 {
    defer { before = byte }
    if let open = quote {
      if byte == open, before != UInt8(ascii: "\\") { quote = nil }
    } else if byte == UInt8(ascii: "\"") {
      quote = byte
    } else if byte == UInt8(ascii: "'") {
      let isWord = before == 0x5f || (before >= 0x30 && before <= 0x39) || before >= 0x61
      if !isWord { quote = byte }
    } else if byte == UInt8(ascii: "(") {
      depth += 1
    } else if byte == UInt8(ascii: ")") {
      depth -= 1
    }
  }
  return quote == nil && depth <= 0
}

/// One of libyaml's events, copied out.
private struct YamlEvent {
  enum Content {
    case streamStart, streamEnd, documentStart, documentEnd
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case alias(String)
    case scalar(YamlScalar)
  }
  var content: Content
  var start: SourcePosition
  var end: SourcePosition
  var anchor: String?
  var tag: String?
  /// In braces.
  var isFlow = false

  var isPrologue: Bool {
    switch content {
    case .streamStart, .documentStart: true
    default: false
    }
  }
}

extension YamlParser {
  private mutating func next() throws(Diagnostic) -> YamlEvent {
    var raw = unsafe yaml_event_t()
    guard unsafe yaml_parser_parse(parser, &raw) == 1 else { throw problem() }
    defer { unsafe yaml_event_delete(&raw) }
    let start = unsafe position(raw.start_mark)
    var event = YamlEvent(content: .streamEnd, start: start, end: unsafe position(raw.end_mark))
    switch unsafe raw.type {
    case YAML_STREAM_START_EVENT: event.content = .streamStart
    case YAML_DOCUMENT_START_EVENT: event.content = .documentStart
    case YAML_DOCUMENT_END_EVENT: event.content = .documentEnd
    case YAML_SEQUENCE_END_EVENT: event.content = .sequenceEnd
    case YAML_MAPPING_END_EVENT: event.content = .mappingEnd
    case YAML_SEQUENCE_START_EVENT:
      event.content = .sequenceStart
      event.anchor = unsafe text(raw.data.sequence_start.anchor)
      event.tag = unsafe text(raw.data.sequence_start.tag)
    case YAML_MAPPING_START_EVENT:
      event.content = .mappingStart
      event.anchor = unsafe text(raw.data.mapping_start.anchor)
      event.tag = unsafe text(raw.data.mapping_start.tag)
      event.isFlow = unsafe raw.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
    case YAML_ALIAS_EVENT:
      event.content = .alias(unsafe text(raw.data.alias.anchor) ?? "")
    case YAML_SCALAR_EVENT:
      event.content = .scalar(unsafe scalar(raw, at: start))
      event.anchor = unsafe text(raw.data.scalar.anchor)
      event.tag = unsafe text(raw.data.scalar.tag)
    default: event.content = .streamEnd
    }
    return event
  }

  private mutating func scalar(_ raw: yaml_event_t, at start: SourcePosition) -> YamlScalar {
    let scalar = unsafe raw.data.scalar
    let value = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let style: YamlScalar.Style
    switch unsafe scalar.style {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: style = .single
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: style = .double
    case YAML_LITERAL_SCALAR_STYLE: style = .literal
    case YAML_FOLDED_SCALAR_STYLE: style = .folded
    default: style = .plain
    }
    let from = byteOffset(ofCharacter: unsafe raw.start_mark.index)
    let to = byteOffset(ofCharacter: unsafe raw.end_mark.index)
    let range = from..<max(from, to)
    var result = YamlScalar(
      text: unsafe String(decoding: value, as: UTF8.self), style: style,
      raw: String(decoding: bytes[range], as: UTF8.self), position: start)
    result.bytes = range
    return result
  }

  /// Marks come in the file's order, so this is one walk over the file.
  private mutating func byteOffset(ofCharacter index: Int) -> Int {
    if index < cursor.character { cursor = (0, 0) }
    while cursor.character < index, cursor.byte < bytes.count {
      cursor.byte += 1
      while cursor.byte < bytes.count, bytes[cursor.byte] & 0xc0 == 0x80 { cursor.byte += 1 }
      cursor.character += 1
    }
    return cursor.byte
  }

  private func position(_ mark: yaml_mark_t) -> SourcePosition {
    SourcePosition(file: file, line: mark.line + 1, column: mark.column + 1)
  }

  private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    guard let pointer = unsafe pointer else { return nil }
    return unsafe String(decodingCString: pointer, as: UTF8.self)
  }

  /// What libyaml could not read, and where.
  private func problem() -> Diagnostic {
    let said = unsafe parser.pointee.problem.map { unsafe String(cString: $0) }
    if unsafe parser.pointee.error == YAML_READER_ERROR {
      let position = position(ofByte: unsafe parser.pointee.problem_offset)
      return Diagnostic(
        position, "not UTF-8 text: \(said ?? "unreadable")", hint: "save the file as UTF-8")
    }
    let context = unsafe parser.pointee.context.map { unsafe " \(String(cString: $0))" } ?? ""
    let hints = [
      "found character that cannot start any token":
        "indent with spaces, and quote a text that starts with @, ` or %",
      "did not find expected ',' or '}'":
        "close the brace, or quote a text that starts with [, { or a quote",
      "did not find expected ',' or ']'": "close the bracket, or quote the text",
      "mapping values are not allowed in this context":
        "quote a text that contains a colon and a blank",
      "did not find expected key": "check the indentation of this line and of those above",
    ]
    let hint = said.flatMap { hints[$0] }
    return Diagnostic(
      position(unsafe parser.pointee.problem_mark), "not YAML: \(said ?? "unreadable")\(context)",
      hint: hint)
  }

  private func position(ofByte offset: Int) -> SourcePosition {
    var position = SourcePosition(file: file, line: 1, column: 1)
    for byte in bytes.prefix(offset) {
      if byte == 0x0a {
        position.line += 1
        position.column = 1
      } else if byte & 0xc0 != 0x80 {
        position.column += 1
      }
    }
    return position
  }
}
