import Console
import Engine
import Ingest
import Log

extension LogPlace {
  /// Appends an order to the control topic; or, where another process holds the embedded log, leaves
  /// it in that log's inbox. Returns what to add to the word "ordered".
  func order(_ order: Control) throws(CommandFailure) -> String {
    let topic = TopicContract.control.name
    let now = WallClock.milliseconds()
    let opened: any Log
    do {
      opened = try open(.readWrite)
    } catch {
      let directory = directory ?? LogPlace.standardDirectory
      guard !isKafka, EmbeddedLog.isHeld(directory) else { throw error }
      return try calling {
        let drop = try Inbox(log: directory).drop(topic: topic, keyField: nil, now: now)
        try drop.append(order.payload[...])
        try drop.commit()
        return " in the log's inbox, for the process that holds it"
      }
    }
    return try calling {
      let writer = try opened.plainWriter()
      try writer.append(
        OutRecord(topic: topic, partition: 0, key: nil, value: order.payload, timestamp: now))
      try writer.commit(offsets: [:], group: "", reader: nil)
      writer.close()
      try (opened as? EmbeddedLog)?.close()
      return ""
    }
  }
}
