import Console
import Decisions
import Events
import Foundation
import Log

/// A record as one line for people and pipelines: its value, or a JSON object with all there is.
///
/// A value that is JSON stands as it is, one that is not as a text, and one that is no text as
/// `{"base64": …}`. Records of the journal are binary; they are shown as what they say.
final class RecordText {
  private let isJournal: Bool
  private let isWhole: Bool
  private var reader = JsonReader(maxBytes: 16 << 20)

  init(topic: String, isWhole: Bool) {
    isJournal = topic == TopicContract.journal.name
    self.isWhole = isWhole
  }

  func append(_ batch: RecordBatch, _ entry: RecordBatch.Entry, to out: inout [UInt8]) {
    let value = self.value(batch, entry)
    guard isWhole else {
      out += value
      return
    }
    var json = JsonWriter()
    json.beginObject()
    json.int("partition", Int64(batch.source.partition))
    json.int("offset", entry.offset)
    json.string("timestamp", UtcText.dateTime(entry.timestamp))
    json.raw("key", entry.key.map { text(batch.bytes[$0]) } ?? Array("null".utf8))
    json.beginObject("headers")
    for header in batch.headers[entry.headers] {
      let name = String(decoding: batch.bytes[header.name], as: UTF8.self)
      json.raw(name, header.value.map { text(batch.bytes[$0]) } ?? Array("null".utf8))
    }
    json.endObject()
    json.raw("value", value)
    json.endObject()
    out += json.bytes
  }

  private func value(_ batch: RecordBatch, _ entry: RecordBatch.Entry) -> [UInt8] {
    guard let range = entry.value else { return Array("null".utf8) }
    guard isJournal else { return json(batch.bytes, range) }
    do {
      return journal(try JournalView(batch.bytes.span, range), batch.bytes)
    } catch {
      // A damaged envelope is shown as it is: whoever reads the journal looks for it.
      return json(batch.bytes, range)
    }
  }

  /// A value as JSON on one line.
  private func json(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
    guard !range.isEmpty, case .success = reader.list(bytes.span, range, levels: 1) else {
      return text(bytes[range])
    }
    // Line ends can only stand between tokens: in a JSON string they are escaped.
    return bytes[range].map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
  }

  private func text(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var json = JsonWriter()
    if String(validating: bytes, as: UTF8.self) != nil {
      json.string(nil, utf8: Array(bytes))
    } else {
      json.beginObject()
      json.string("base64", Data(bytes).base64EncodedString())
      json.endObject()
    }
    return json.bytes
  }

  // MARK: The journal

  private func journal(_ view: JournalView, _ bytes: [UInt8]) -> [UInt8] {
    var json = JsonWriter()
    json.beginObject()
    json.string("kind", "\(view.kind)")
    json.string("time", timestamp(view.time.milliseconds))
    json.beginObject("origin")
    json.raw("name", text(bytes[view.originName]))
    json.int("incarnation", Int64(view.originIncarnation))
    json.int("partition", Int64(view.originPartition))
    json.int("offset", view.originOffset)
    json.endObject()
    if view.kind == .tick, let tick = Tick(bytes.span, view.payload) {
      marks(tick, &json)
    } else {
      for (name, range) in [
        ("source", view.source), ("type", view.type), ("id", view.id), ("customer", view.customer),
      ] where !range.isEmpty {
        json.raw(name, text(bytes[range]))
      }
      if view.delay > 0 { json.int("delayMs", Int64(view.delay)) }
      json.raw("payload", self.json(bytes, view.payload))
    }
    json.endObject()
    return json.bytes
  }

  private func marks(_ tick: Tick, _ json: inout JsonWriter) {
    json.beginArray("watermarks")
    for entry in tick.entries {
      json.beginObject()
      json.raw("source", text(entry.name[...]))
      json.int("incarnation", Int64(entry.incarnation))
      json.int("partition", Int64(entry.partition))
      switch entry.watermark.milliseconds {
      case .min: json.null("watermark")
      case .max: json.string("watermark", "end")
      case let time: json.time("watermark", time)
      }
      json.endObject()
    }
    json.endArray()
  }
}
