import Testing

@testable import Log

@Suite struct `Kafka's client settings` {
  func parse(_ text: String) throws -> [String: String] {
    try KafkaProperties(parsing: text, file: "client.properties").settings.mapValues(\.value)
  }

  func refusal(_ text: String) throws -> String {
    try #require(throws: LogError.self) { _ = try KafkaSettings(parsing: text, file: "f") }.message
  }

  @Test func `lines are read as Kafka's tools read them`() throws {
    let text = """
      # a comment
      ! another
        linger.ms = 7

      client.id:some\\:name
      bootstrap.servers=a:1,\\
          b:2
      sasl.password=p=a\\\\ss#word!\r
      """
    let expected = [
      "linger.ms": "7", "client.id": "some:name", "bootstrap.servers": "a:1,b:2",
      "sasl.password": "p=a\\ss#word!",
    ]
    #expect(try parse(text) == expected)
    #expect(try KafkaSettings(parsing: text, file: "f").bootstrapServers == "a:1,b:2")
  }

  @Test(arguments: [
    (
      "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
        + "username=\"ada\" password=\"se=\\\\\"cret;\";", ["ada", "se=\"cret;"]
    ),
    (
      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        + "  username='ada' \\\n  password=plain;", ["ada", "plain"]
    ),
  ])
  func `a Java log-in becomes user and password`(text: String, expected: [String]) throws {
    let settings = try parse(text)
    #expect([settings["sasl.username"], settings["sasl.password"]] == expected)
    #expect(settings.count == 2)
  }

  @Test func `Java's PEM stores become files`() throws {
    let settings = try parse(
      """
      security.protocol=SSL
      ssl.truststore.type=PEM
      ssl.truststore.location=/etc/ca.any
      ssl.keystore.type=PEM
      ssl.keystore.location=/etc/client.any
      ssl.key.password=k
      ssl.endpoint.identification.algorithm=
      key.serializer=org.apache.kafka.common.serialization.StringSerializer
      """)
    let expected = [
      "security.protocol": "SSL", "ssl.ca.location": "/etc/ca.any",
      "ssl.certificate.location": "/etc/client.any", "ssl.key.location": "/etc/client.any",
      "ssl.key.password": "k", "ssl.endpoint.identification.algorithm": "none",
    ]
    #expect(settings == expected)
  }

  @Test func `what cannot be used is refused with its place and a way out`() throws {
    #expect(try refusal("a=1\nnonsense").hasPrefix("f:2: expected key=value"))
    #expect(try refusal("=1").hasPrefix("f:1: a name is missing"))
    #expect(try refusal("ssl.truststore.location=/x/trust.jks").contains("keytool"))
    #expect(try refusal("ssl.keystore.type=JKS\nssl.keystore.location=k").hasPrefix("f:2: "))
    #expect(try refusal("\nacks=1").hasPrefix("f:2: acks is Kairos's own to set"))
    #expect(try refusal("sasl.jaas.config=Krb5LoginModule required;").contains("sasl.*"))
  }

  @Test(arguments: ["no.such.setting=my-secret", "linger.ms=my-secret"])
  func `librdkafka's refusal names the line and keeps the value`(line: String) throws {
    var settings = try KafkaSettings(parsing: "client.id=x\n" + line, file: "f")
    settings.bootstrapServers = "127.0.0.1:9"
    let error = try #require(throws: LogError.self) { _ = try KafkaLog(settings) }
    #expect(error.remedy == .stop)
    #expect(error.message.hasPrefix("f:2: "))
    #expect(error.message.contains(line.prefix(while: { $0 != "=" })))
    #expect(!error.message.contains("secret"))
  }

  @Test func `without an address there is nothing to connect to`() throws {
    let error = #expect(throws: LogError.self) {
      _ = try KafkaLog(KafkaSettings(bootstrapServers: ""))
    }
    #expect(error?.remedy == .stop)
    #expect(error?.message.contains("bootstrap.servers") == true)
  }

  @Test(arguments: [
    (
      "sasl_ssl://h:1/bootstrap: SASL error: bad (after 5ms in state AUTH_REQ)",
      "SASL error: bad"
    ),
    ("h:1/1: Connect failed: refused (after 0ms in state CONNECT)", "Connect failed: refused"),
    ("Two\nlines: a/b", "Two lines: a/b"),
  ])
  func `librdkafka's words are put in order`(reason: String, expected: String) {
    #expect(KafkaFault.tidy(reason) == expected)
  }
}
