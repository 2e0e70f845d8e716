import Yaml

/// Reads a `policy` mapping: the book's, or what one playbook of a book adds to it.
struct PolicyParser {
  let diagnostics: Diagnostics
  /// The decisions that a cap may name.
  let decisions: DecisionNames

  struct DecisionNames {
    /// Per playbook, in the book's order.
    var playbooks: [(name: String, decisions: [String])]
  }

  func policy(_ node: YamlNode) -> Policy {
    let reader = YamlReader(node, "the policy", diagnostics)
    var policy = Policy(position: node.start)
    if let zone = reader.text("timezone") {
      PlaybookParser.checkTimezone(zone.text, at: zone.position, diagnostics)
      policy.timezone = Mention(name: zone.text, position: zone.position)
    }
    policy.unknownConsent = consent(reader) ?? .deny
    policy.caps = caps(reader)
    policy.quietHours = quietHours(reader)
    policy.holdout = holdout(reader)
    policy.policyTime = reader.word("policy_time", as: Policy.Time.self) ?? .append
    policy.dedup = reader.duration("dedup") ?? policy.dedup
    policy.customerLimit = customerLimit(reader) ?? policy.customerLimit
    reader.finish()
    return policy
  }

  func tightening(_ node: YamlNode) -> Tightening {
    let reader = YamlReader(node, "the playbook's own policy", diagnostics)
    var tightening = Tightening()
    if let unknown = consent(reader) {
      if unknown == .allow {
        diagnostics.report(
          reader.position(of: "consent"), "a playbook may only tighten the book's policy",
          hint: "leave it away, or change policy.yaml")
      }
      tightening.unknownConsent = unknown
    }
    tightening.caps = caps(reader)
    tightening.quietHours = quietHours(reader)
    var instead: [String: String] = [:]
    for key in ["timezone", "holdout", "policy_time", "dedup", "customer_limit"] {
      instead[key] = "it holds for the whole book: write it in policy.yaml"
    }
    reader.finish(instead: instead)
    return tightening
  }

  private func consent(_ reader: YamlReader) -> Policy.Unknown? {
    guard let consent = reader.mapping("consent") else { return nil }
    let unknown = consent.word(
      "unknown", as: Policy.Unknown.self, required: true, hint: "write unknown: deny")
    consent.finish()
    return unknown
  }

  private func caps(_ reader: YamlReader) -> [Policy.Cap] {
    guard let node = reader.node("caps") else { return [] }
    guard let items = node.items else {
      diagnostics.report(
        node.start, "\"caps\" must be a list, and this is \(node.shape)",
        hint: "start each cap with \"- \"")
      return []
    }
    return items.compactMap(cap)
  }

  private func cap(_ node: YamlNode) -> Policy.Cap? {
    let reader = YamlReader(node, "the cap", diagnostics)
    guard reader.isMapping else { return nil }
    let scope = scope(reader)
    let atMost = reader.int("at_most", in: 0...1_000_000, required: true)
    if atMost == 0 {
      diagnostics.report(
        reader.node("at_most")?.start ?? node.start,
        "the cap allows nothing: what it is for can never be released",
        hint: "write at_most: 1 or more, or take the decision out of the playbook")
    }
    let period = period(reader)
    reader.finish(instead: ["within": "did you mean \"per\"?", "over": "did you mean \"per\"?"])
    guard let scope, let atMost, let period else { return nil }
    return Policy.Cap(
      scope: scope, atMost: Int(atMost), period: period, position: node.start)
  }

  private func scope(_ reader: YamlReader) -> Policy.Cap.Scope? {
    let present = ["channel", "decision", "any"].filter { reader.has($0) }
    guard present.count == 1 else {
      diagnostics.report(
        reader.position, "the cap needs one of channel, decision or any",
        hint: present.isEmpty ? "write any: true for all decisions" : "keep one")
      return nil
    }
    switch present[0] {
    case "channel": return reader.string("channel").map { .channel($0) }
    case "decision":
      guard let scalar = reader.text("decision") else { return nil }
      return decision(Mention(name: scalar.text, position: scalar.position))
    default:
      guard let any = reader.bool("any") else { return nil }
      if !any {
        diagnostics.report(
          reader.node("any")?.start ?? reader.position, "\"any: false\" caps nothing",
          hint: "write any: true")
      }
      return .any
    }
  }

  /// `save_call`, or `silent-churn.save_call` for that playbook's alone.
  private func decision(_ mention: Mention) -> Policy.Cap.Scope? {
    for playbook in decisions.playbooks {
      for decision in playbook.decisions
      where mention.name == "\(playbook.name).\(decision)" {
        let plain = Mention(name: decision, position: mention.position)
        return .decision(plain, playbook: playbook.name)
      }
    }
    let all = decisions.playbooks.flatMap(\.decisions)
    if all.contains(mention.name) { return .decision(mention, playbook: nil) }
    let qualified = decisions.playbooks.flatMap { playbook in
      playbook.decisions.map { "\(playbook.name).\($0)" }
    }
    diagnostics.report(
      mention.position, "there is no decision \"\(mention.name)\"",
      hint: suggestion(for: mention.name, of: all + qualified)
        ?? (all.isEmpty ? nil : "declared: \(all.prefix(12).joined(separator: ", "))"))
    return nil
  }

  /// `7d` rolls; `calendar day`, `calendar week` and `calendar month` start over.
  private func period(_ reader: YamlReader) -> Policy.Cap.Period? {
    let hint = "write per: 7d, or per: calendar week"
    guard let node = reader.node("per", required: true, hint: hint) else { return nil }
    let words = Policy.Cap.Calendar.allCases.map { "calendar \($0.rawValue)" }
    if let scalar = node.scalar, milliseconds(ofDuration: scalar.text) == nil {
      if scalar.text.hasPrefix("calendar") {
        let word = diagnostics.word(node, "\"per\" of the cap", of: words)
        return word.flatMap { Policy.Cap.Calendar(rawValue: String($0.dropFirst(9))) }
          .map { .calendar($0) }
      }
      if Policy.Cap.Calendar(rawValue: scalar.text) != nil {
        diagnostics.report(
          node.start, "\"per: \(scalar.text)\" can mean two things",
          hint: "write \"calendar \(scalar.text)\", or a duration as 1d, 7d or 30d")
        return nil
      }
    }
    return diagnostics.duration(node, "\"per\" of the cap").map { .rolling($0) }
  }

  private func quietHours(_ reader: YamlReader) -> [Policy.QuietHours] {
    reader.list("quiet_hours").compactMap { node in
      let hours = YamlReader(node, "\"quiet_hours\"", diagnostics)
      guard hours.isMapping else { return nil }
      let channels: [String]? = hours.node("channels").map { node in
        diagnostics.list(node).compactMap { diagnostics.name($0, "the channel") }
      }
      if let channels, channels.isEmpty {
        diagnostics.report(
          hours.position(of: "channels"), "\"channels\" names no channel",
          hint: "leave it away for all channels")
      }
      let from = clock(hours, "from")
      let to = clock(hours, "to")
      hours.finish()
      guard let from, let to else { return nil }
      if from == to {
        diagnostics.report(
          hours.position(of: "to"), "quiet hours that end when they begin are never or always",
          hint: "if nothing may ever be sent, leave the decision out")
      }
      return Policy.QuietHours(channels: channels, from: from, to: to, position: node.start)
    }
  }

  /// Minutes of the day from "21:00".
  private func clock(_ reader: YamlReader, _ key: String) -> Int? {
    guard let scalar = reader.text(key, required: true, hint: "write \(key): \"21:00\"") else {
      return nil
    }
    let parts = scalar.text.split(separator: ":", omittingEmptySubsequences: false)
    let digits = parts.allSatisfy { $0.utf8.count == 2 && $0.utf8.allSatisfy(isDigit) }
    if parts.count == 2, digits, let hour = Int(parts[0]), let minute = Int(parts[1]),
      hour < 24, minute < 60
    {
      return hour * 60 + minute
    }
    diagnostics.report(
      scalar.position, "\"\(key)\" must be a time of day, and this is \(scalar.shortened)",
      hint: scalar.text == "24:00" ? "write \"00:00\"" : "write it as \"08:30\"")
    return nil
  }

  private func holdout(_ reader: YamlReader) -> Policy.Holdout? {
    guard let holdout = reader.mapping("holdout") else { return nil }
    let share = holdout.text("share", required: true, hint: "write share: 10%")
    let points = share.flatMap { basisPoints($0) }
    let salt = holdout.string(
      "salt", required: true, hint: "any word; another one draws other customers")
    holdout.finish()
    guard let points, let salt else { return nil }
    return Policy.Holdout(shareBasisPoints: points, salt: salt, position: holdout.position)
  }

  /// `10%`, `2.5%`, `0.01%`.
  private func basisPoints(_ scalar: YamlScalar) -> Int? {
    let parts = scalar.text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
    let digits = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
    if scalar.text.hasSuffix("%"), digits, parts.count == 1 || parts.count == 2,
      parts[0].utf8.count <= 3, parts.count == 1 || parts[1].utf8.count <= 2,
      let whole = Int(parts[0])
    {
      let tail = parts.count == 2 ? String(parts[1]) : ""
      let padded = tail + String(repeating: "0", count: 2 - tail.utf8.count)
      let points = whole * 100 + (Int(padded) ?? 0)
      if points > 0, points < 10_000 { return points }
      diagnostics.report(
        scalar.position, "\"share\" is \(scalar.text): nobody, or everybody, is held out",
        hint: points == 0 ? "leave \"holdout\" away" : "write 10%, say")
      return nil
    }
    diagnostics.report(
      scalar.position, "\"share\" must be a percentage, and this is \(scalar.shortened)",
      hint: "write 10% or 2.5%")
    return nil
  }

  /// Bytes: `16MB`.
  private func customerLimit(_ reader: YamlReader) -> Int64? {
    guard let scalar = reader.text("customer_limit") else { return nil }
    let digits = scalar.text.utf8.prefix(while: isDigit)
    let factors: [String: Int64] = ["KB": 1 << 10, "MB": 1 << 20]
    if let number = Int64(String(Substring(digits))), number >= 1, number <= 1 << 20,
      let factor = factors[String(scalar.text.dropFirst(digits.count))],
      number * factor >= 1 << 16, number * factor <= 1 << 30
    {
      return number * factor
    }
    diagnostics.report(
      scalar.position,
      "\"customer_limit\" must be a size from 64KB to 1024MB, and this is \(scalar.shortened)",
      hint: "write 16MB")
    return nil
  }
}
