extension CelText {
  /// A name that stands alone or at the head of a path, and its byte in the text.
  struct Root: Equatable {
    var name: String
    var offset: Int
  }

  /// The free names with their places, in order, each as often as it stands there: no members
  /// (`.size`), no functions, no macro's own variables, nothing inside texts or comments.
  var roots: [Root] {
    var scanner = RootScanner(bytes: Array(text.utf8))
    return scanner.scan().filter { names.contains($0.name) }
  }
}

private struct RootScanner {
  let bytes: [UInt8]
  private var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func scan() -> [CelText.Root] {
    var roots: [CelText.Root] = []
    var afterDot = false
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        string(isRaw: false)
        afterDot = false
      } else if byte == UInt8(ascii: "/"), at + 1 < bytes.count, bytes[at + 1] == byte {
        while at < bytes.count, bytes[at] != 0x0a { at += 1 }
      } else if isDigit(byte) {
        while at < bytes.count, isNameByte(bytes[at]) { at += 1 }
        afterDot = false
      } else if isNameByte(byte) {
        if let root = name(), !afterDot { roots.append(root) }
        afterDot = false
      } else {
        at += 1
        if byte > 0x20 { afterDot = byte == UInt8(ascii: ".") }
      }
    }
    return roots
  }

  /// Nil: a function, or the prefix of a text.
  private mutating func name() -> CelText.Root? {
    let start = at
    while at < bytes.count, isNameByte(bytes[at]) { at += 1 }
    let name = String(decoding: bytes[start..<at], as: UTF8.self)
    if at < bytes.count, bytes[at] == UInt8(ascii: "\"") || bytes[at] == UInt8(ascii: "'") {
      let prefix = name.lowercased()
      if ["r", "b", "br", "rb"].contains(prefix) {
        string(isRaw: prefix.contains("r"))
        return nil
      }
    }
    var look = at
    while look < bytes.count, bytes[look] <= 0x20 { look += 1 }
    if look < bytes.count, bytes[look] == UInt8(ascii: "(") { return nil }
    let words = ["true", "false", "null", "in"]
    return words.contains(name) ? nil : CelText.Root(name: name, offset: start)
  }

  /// Over a text in single or triple quotes.
  private mutating func string(isRaw: Bool) {
    let quote = bytes[at]
    let isTriple = at + 2 < bytes.count && bytes[at + 1] == quote && bytes[at + 2] == quote
    at += isTriple ? 3 : 1
    while at < bytes.count {
      if bytes[at] == UInt8(ascii: "\\"), !isRaw {
        at += 2
      } else if bytes[at] != quote {
        at += 1
      } else if !isTriple {
        at += 1
        return
      } else if at + 2 < bytes.count, bytes[at + 1] == quote, bytes[at + 2] == quote {
        at += 3
        return
      } else {
        at += 1
      }
    }
  }
}
