import Cel
import Console
import Engine
import Foundation
import Ingest
import Log
import Playbooks
import Replay
import Synchronization
import Yaml

/// Set once, by one thread, for others to see.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

extension RunCommand {
  func run() throws(CommandFailure) -> ExitCode {
    let configuration = try log.config.map { path throws(CommandFailure) in
      try Configuration.load(path)
    }
    let place = log.merged(with: configuration)
    let lines = LineLog(
      format: logFormat ?? configuration?.logFormat ?? .text,
      least: logLevel ?? configuration?.logLevel ?? .info)
    let drain = DrainSignal.install { _ in
      lines.info("draining: what has begun is finished; a second signal exits at once")
    }
    let address = try Self.address(listen, configuration)
    let zones = try BookReading.zones()
    let given = try Self.book(book ?? configuration?.book, zones)
    let bookName = given?.path ?? "none"
    let member = Self.member(address)
    // Until it is open, the error that ends the attempt says it all.
    let isOpen = Flag()
    let opened = try place.open(.readWrite, memberName: member) { notice in
      if isOpen.isSet { lines.repeated(.warning, "kafka", ["notice": .text(notice)]) }
    }
    isOpen.set()
    let partitions =
      configuration?.journalPartitions
      ?? (place.isKafka
        ? TopicContract.journalPartitions : TopicContract.embeddedJournalPartitions)
    let service = Service(
      log: opened, book: given, zones: zones, sources: configuration?.sources ?? [.standard],
      journalPartitions: partitions, createsTopics: !place.isKafka, member: member,
      rebuildsState: rebuildsState, lines: lines, drain: drain)
    try service.prepare()
    let server: ConsoleServer
    do {
      server = try ConsoleServer(
        listen: address,
        site: ConsoleSite(
          metrics: service.metrics.metrics, health: service.health,
          about: .init(version: BuildVersion.text, role: "run, book \(bookName)")))
    } catch { throw CommandFailure(.unavailable, error.message) }
    lines.info(
      "running",
      [
        "book": .text(bookName),
        "log": .text(place.isKafka ? "kafka" : place.directory ?? LogPlace.standardDirectory),
        "listen": .text(server.address.description),
      ])
    let code = service.run()
    server.stop()
    if let embedded = opened as? EmbeddedLog {
      do { try embedded.close() } catch {
        lines.error("the log could not be closed", ["cause": .text(error.message)])
      }
    }
    lines.flushRepeated(now: .max)
    lines.info("stopped")
    return code
  }

  private static func address(
    _ given: ListenAddress?, _ configuration: Configuration?
  ) throws(CommandFailure) -> ListenAddress {
    if let given { return given }
    guard let text = configuration?.listen else { return .standard }
    do { return try ListenAddress(parsing: text) } catch {
      throw CommandFailure(.data, error.message)
    }
  }

  /// The same over a restart, and another for each process on a machine: the address tells them
  /// apart. One whose port is any that is free has no name that lasts.
  private static func member(_ address: ListenAddress) -> String {
    let process = ProcessInfo.processInfo
    let host = process.hostName
    return address.port == 0
      ? "\(host)-pid-\(process.processIdentifier)" : "\(host)-\(address.port)"
  }

  /// Without a book the engine takes events in, and decides what the log's own book says: the
  /// journal is the truth, and a book may come later.
  private static func book(
    _ path: String?, _ zones: ZoneTable
  ) throws(CommandFailure) -> GivenBook? {
    guard let path else { return nil }
    let (book, program) = try BookReading.read(path, zones)
    return GivenBook(book: book, program: program, path: path)
  }
}
