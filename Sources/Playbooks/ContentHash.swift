import CCrypto
import Yaml

/// SHA-256 of what a file says, not of how it is laid out: comments, quoting and the order of a
/// mapping's fixed keys do not matter; the order of names and of lists does.
enum ContentHash {
  static func of(_ root: YamlNode, tolerated: Set<String>) -> [UInt8] {
    var bytes = Array("kairos playbook 1\n".utf8)
    append(root, named: false, tolerated, to: &bytes)
    return sha256(bytes)
  }

  static func of(book policy: [UInt8], _ playbooks: [[UInt8]]) -> [UInt8] {
    sha256(Array("kairos book 1\n".utf8) + policy + playbooks.joined())
  }

  /// Mappings whose keys are names that the author gave, in an order that counts.
  private static let nameMappings: Set<String> = [
    "facts", "features", "moments", "windows", "scores", "decisions", "weights", "fields",
    "reasons",
  ]

  /// Each node with its kind and length, so that no two trees share their bytes.
  private static func append(
    _ node: YamlNode, named: Bool, _ tolerated: Set<String>, to out: inout [UInt8]
  ) {
    switch node.kind {
    case .scalar(let scalar):
      // Quotes make a text of what would else be a number or a word of YAML's.
      let isMarked =
        scalar.quoted
        && (isDecimal(scalar.text, fraction: true)
          || ["true", "false", "null", "~", ""].contains(scalar.text))
      append(isMarked ? "q" : "s", scalar.text.utf8.count, to: &out)
      out.append(contentsOf: scalar.text.utf8)
    case .sequence(let items):
      append("l", items.count, to: &out)
      for item in items { append(item, named: false, tolerated, to: &out) }
    case .mapping(let entries):
      var kept = entries.filter { !tolerated.contains($0.key.text) }
      if !named {
        kept.sort { Array($0.key.text.utf8).lexicographicallyPrecedes(Array($1.key.text.utf8)) }
      }
      append("m", kept.count, to: &out)
      for entry in kept {
        append("k", entry.key.text.utf8.count, to: &out)
        out.append(contentsOf: entry.key.text.utf8)
        let isNamed = !named && nameMappings.contains(entry.key.text)
        append(entry.value, named: isNamed, tolerated, to: &out)
      }
    }
  }

  private static func append(_ kind: String, _ count: Int, to out: inout [UInt8]) {
    out.append(contentsOf: "\(kind)\(count):".utf8)
  }

  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let done = unsafe bytes.withUnsafeBytes { input in
      unsafe digest.withUnsafeMutableBytes { output in
        unsafe EVP_Digest(
          input.baseAddress, input.count, output.baseAddress, nil, EVP_sha256(), nil)
      }
    }
    precondition(done == 1, "libcrypto has no SHA-256")
    return digest
  }
}
