import CRdKafka
import Testing

@testable import Log

/// Transactional producers that say what a test has written down, and a clock that they move.
private final class Script {
  /// What the next calls of a step answer; after the last one, `.done`.
  var replies: [Step: [KafkaReply]] = [:]
  /// What every call of a step answers after those.
  var always: [Step: KafkaReply] = [:]
  /// "1 commit": the first client's commit.
  var calls: [String] = []
  var said: [String] = []
  var clients = 0
  var now: Int64 = 0
  var login: KafkaFault?
  var undelivered: KafkaFault?
  /// Clients up to this number have lost a connection.
  var brokenUpTo = 0
  var endingUpTo = 0
  var refusesNew = false
  weak var last: ScriptedClient?

  enum Step: String, CaseIterable { case initialise, begin, offsets, commit, abort, flush }

  func writer(members: KafkaMembers = KafkaMembers(name: nil)) throws -> KafkaTransactionalWriter {
    try KafkaTransactionalWriter(id: "w", stepMs: 1_000, commitMs: 10_000, members: members) {
      [self] () throws(LogError) in
      if refusesNew { throw LogError(.retry, "no broker") }
      clients += 1
      let client = ScriptedClient(self, clients)
      last = client
      return client
    }
  }
}

private final class ScriptedClient: KafkaTransactionalClient {
  private let script: Script
  private let number: Int
  init(_ script: Script, _ number: Int) {
    self.script = script
    self.number = number
  }

  func append(_ record: OutRecord) throws(LogError) { script.calls.append("\(number) append") }

  func perform(_ step: KafkaTransactionStep, timeoutMs: Int) -> KafkaReply {
    let name: Script.Step =
      switch step {
      case .initialise: .initialise
      case .begin: .begin
      case .offsets: .offsets
      case .commit: .commit
      case .abort: .abort
      case .flush: .flush
      }
    script.calls.append("\(number) \(name.rawValue)")
    script.now += 1
    if var rest = script.replies[name], !rest.isEmpty {
      defer { script.replies[name] = rest }
      return rest.removeFirst()
    }
    return script.always[name] ?? .done
  }

  func pause(milliseconds: Int) { script.now += Int64(milliseconds) }
  var now: Int64 { script.now }
  var fatal: KafkaFault? { nil }
  var login: KafkaFault? { script.login }
  var undelivered: KafkaFault? { script.undelivered }
  var mayHaveStrays: Bool { number <= script.brokenUpTo }
  var isPredecessorEnding: Bool { number <= script.endingUpTo }
  func say(_ line: @autoclosure () -> String) { script.said.append(line()) }
}

@Suite struct `A transactional writer` {
  private let script = Script()
  let source = TopicPartition("t", 0)

  private func step(_ writer: KafkaTransactionalWriter) throws {
    try writer.append(record("t", "x"))
    try writer.commit(offsets: [source: 1], group: "g", reader: nil)
  }

  private func fault(_ code: rd_kafka_resp_err_t) -> KafkaFault { KafkaFault(code) }

  /// The calls since the writer was opened.
  private func taken() -> [String] {
    defer { script.calls = [] }
    return script.calls
  }

  private let whole = ["begin", "append", "offsets", "commit"]

  @Test func `begins with the first record or offset, and not without`() throws {
    let writer = try script.writer()
    #expect(taken() == ["1 initialise"])
    try writer.commit(offsets: [:], group: "", reader: nil)
    try writer.abort()
    #expect(taken().isEmpty)
    try writer.commit(offsets: [source: 1], group: "g", reader: nil)
    #expect(taken() == ["1 begin", "1 offsets", "1 commit"])
    try step(writer)
    #expect(taken() == whole.map { "1 " + $0 })
    try writer.append(record("t", "x"))
    try writer.abort()
    #expect(taken() == ["1 begin", "1 append", "1 flush", "1 abort"])
  }

  @Test(arguments: [Script.Step.begin, .offsets, .commit])
  fileprivate func `makes a call again while its error is passing`(_ name: Script.Step) throws {
    let writer = try script.writer()
    _ = taken()
    let passing = KafkaReply.again(fault(RD_KAFKA_RESP_ERR_NOT_COORDINATOR))
    script.replies[name] = [passing, passing]
    try step(writer)
    let expected = whole.flatMap { $0 == name.rawValue ? [$0, $0, $0] : [$0] }
    #expect(taken() == expected.map { "1 " + $0 })
    // Every request was answered, so none can arrive late: the producer goes on.
    try step(writer)
    #expect(taken() == whole.map { "1 " + $0 })
  }

  @Test func `a producer whose call ran out of time takes no second transaction`() throws {
    let writer = try script.writer()
    _ = taken()
    script.replies[.commit] = [.again(fault(RD_KAFKA_RESP_ERR__TIMED_OUT))]
    try step(writer)
    #expect(taken() == (whole + ["commit"]).map { "1 " + $0 })
    try step(writer)
    #expect(taken() == (["initialise"] + whole).map { "2 " + $0 })
    try step(writer)
    #expect(taken() == whole.map { "2 " + $0 })
  }

  @Test func `nor does one that lost a connection, though all went well`() throws {
    let writer = try script.writer()
    try writer.append(record("t", "x"))
    script.brokenUpTo = 1
    _ = taken()
    // The open transaction goes on as it is: a new producer would end it.
    try writer.append(record("t", "y"))
    try writer.commit(offsets: [:], group: "", reader: nil)
    #expect(taken() == ["1 append", "1 commit"])
    try step(writer)
    #expect(taken() == (["initialise"] + whole).map { "2 " + $0 })
  }

  @Test func `if no new producer can be had, the writer has ended`() throws {
    let writer = try script.writer()
    script.brokenUpTo = 1
    script.refusesNew = true
    let error = try #require(throws: LogError.self) { try step(writer) }
    #expect(error.remedy == .recreate)
    script.refusesNew = false
    #expect(throws: error) { try step(writer) }
  }

  @Test(arguments: [Script.Step.commit, .abort])
  fileprivate func `when an end stays unknown, the producer is discarded`(_ name: Script.Step)
    throws
  {
    let writer = try script.writer()
    script.always[name] = .again(fault(RD_KAFKA_RESP_ERR__TIMED_OUT))
    try writer.append(record("t", "x"))
    let error = try #require(throws: LogError.self) {
      if name == .abort {
        try writer.abort()
      } else {
        try writer.commit(offsets: [:], group: "", reader: nil)
      }
    }
    #expect(error.remedy == .recreate)
    #expect(error.message.contains("unknown") && error.message.contains("read the committed"))
    #expect(script.now < 11_000)
    #expect(script.last == nil, "the producer is gone")
    #expect(throws: error) { try writer.append(record("t", "y")) }
    #expect(throws: error) { try writer.commit(offsets: [:], group: "", reader: nil) }
    #expect(throws: error) { try writer.abort() }
    #expect(script.said.count > 0 && script.said[0].contains("waits for the brokers"))
  }

  @Test func `offsets that cannot be added in time are aborted`() throws {
    let writer = try script.writer()
    script.always[.offsets] = .again(fault(RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS))
    let error = try #require(throws: LogError.self) { try step(writer) }
    #expect(error.remedy == .abort)
    script.always = [:]
    #expect(throws: error) { try step(writer) }
    try writer.abort()
    _ = taken()
    try step(writer)
    #expect(taken() == whole.map { "1 " + $0 })
  }

  @Test(arguments: [Script.Step.begin, .offsets, .commit])
  fileprivate func `what needs an abort is said until it is aborted`(_ name: Script.Step) throws {
    let writer = try script.writer()
    script.replies[name] = [.mustAbort(fault(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION))]
    let error = try #require(throws: LogError.self) { try step(writer) }
    #expect(error.remedy == .abort)
    #expect(throws: error) { try writer.append(record("t", "y")) }
    #expect(throws: error) { try writer.commit(offsets: [:], group: "", reader: nil) }
    _ = taken()
    try writer.abort()
    try step(writer)
    #expect(taken() == (["flush", "abort"] + whole).map { "1 " + $0 })
  }

  @Test func `a record that is too large needs a person, and can be aborted`() throws {
    let writer = try script.writer()
    script.undelivered = fault(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
    script.replies[.commit] = [.mustAbort(fault(RD_KAFKA_RESP_ERR__INCONSISTENT))]
    let error = try #require(throws: LogError.self) { try step(writer) }
    #expect(error.remedy == .stop)
    #expect(error.message.contains("max.message.bytes"))
    try writer.abort()
    script.undelivered = nil
    _ = taken()
    try step(writer)
    #expect(taken() == (["initialise"] + whole).map { "2 " + $0 })
  }

  @Test(arguments: [
    (KafkaReply.fatal(KafkaFault(RD_KAFKA_RESP_ERR__FENCED)), LogError.Remedy.recreate),
    (.fatal(KafkaFault(RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)), .recreate),
    (.mustAbort(KafkaFault(RD_KAFKA_RESP_ERR_PRODUCER_FENCED)), .recreate),
    (.refused(KafkaFault(RD_KAFKA_RESP_ERR__STATE)), .recreate),
    (.fatal(KafkaFault(RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)), .stop),
    (.silence, .recreate),
  ])
  func `what ends a producer ends the writer at every call`(
    reply: KafkaReply, remedy: LogError.Remedy
  ) throws {
    for name in Script.Step.allCases where name != .flush && name != .initialise {
      let script = Script()
      let writer = try script.writer()
      script.replies[name] = [reply]
      let error = try #require(throws: LogError.self) {
        if name == .abort {
          try writer.append(record("t", "x"))
          try writer.abort()
        } else {
          try step(writer)
        }
      }
      #expect(error.remedy == remedy, "\(name)")
      #expect(script.last == nil)
      #expect(throws: error) { try step(writer) }
      #expect(throws: error) { try writer.abort() }
    }
  }

  @Test func `a log-in that is refused needs a person`() throws {
    let writer = try script.writer()
    script.login = fault(RD_KAFKA_RESP_ERR__AUTHENTICATION)
    script.always[.commit] = .again(fault(RD_KAFKA_RESP_ERR__TIMED_OUT))
    let error = try #require(throws: LogError.self) { try step(writer) }
    #expect(error.remedy == .stop)
  }

  @Test func `opening an id is tried again too, and not for ever`() throws {
    let passing = KafkaReply.again(fault(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE))
    script.replies[.initialise] = [passing, passing]
    let writer = try script.writer()
    try step(writer)
    script.always[.initialise] = .again(fault(RD_KAFKA_RESP_ERR__TIMED_OUT))
    let error = try #require(throws: LogError.self) { _ = try script.writer() }
    #expect(error.remedy == .recreate)
  }

  @Test func `while a dead process's transaction is being ended a new client asks`()
    throws
  {
    script.endingUpTo = 2
    let passing = KafkaReply.again(fault(RD_KAFKA_RESP_ERR__TIMED_OUT))
    script.replies[.initialise] = [passing, passing]
    _ = try script.writer()
    #expect(taken() == ["1 initialise", "2 initialise", "3 initialise"])
    script.endingUpTo = .max
    script.replies[.initialise] = Array(repeating: passing, count: 5)
    let writer = try script.writer()
    #expect(taken().map { $0.prefix(1) } == ["4", "5", "6", "7", "7", "7"])
    try step(writer)
    #expect(taken() == whole.map { "7 " + $0 })
  }

  @Test func `a call that never returns is given up`() {
    let bounded = KafkaBounded("test")
    let gate = Gate()
    #expect(bounded.run(timeoutMs: 20) { gate.pass() } == nil)
    gate.open()
    #expect(bounded.run(timeoutMs: 10_000) { 7 } == 7)
  }
}
