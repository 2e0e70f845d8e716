internal import Cel
internal import Decisions

extension JsonWriter {
  /// A CEL value as JSON: times and durations as CEL writes them, bytes as their text in UTF-8.
  mutating func value(_ value: CelValue, name: String? = nil) {
    switch value {
    case .null: null(name)
    case .bool(let value): bool(name, value)
    case .int(let value): int(name, value)
    case .uint(let value): raw(name, Array(String(value).utf8))
    case .double(let value): double(name, value)
    case .string(let value): string(name, value)
    case .bytes(let value): string(name, String(decoding: value, as: UTF8.self))
    case .timestamp(let value): string(name, value.text)
    case .duration(let value): string(name, value.text)
    case .list(let values):
      beginArray(name)
      for element in values { self.value(element) }
      endArray()
    case .map(let map):
      beginObject(name)
      for index in 0..<map.count {
        guard case .string(let key) = map.keys[index] else { continue }
        self.value(map.values[index], name: key)
      }
      endObject()
    case .type(let value): string(name, value)
    default: null(name)
    }
  }
}
