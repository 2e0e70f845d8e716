/// A YAML file as JSON, read by Debian's python3-yaml: a parser that is not ours. Nil, after a
/// `skipped` line, if that is not installed.
package func yamlAsJson(_ path: String, for what: String) throws -> Json? {
  let program = """
    import json, sys, yaml
    json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)
    """
  let python = "/usr/bin/python3"
  guard try run(["sh", "-c", "\(python) -c 'import yaml'"]).exitCode == 0 else {
    skipped(what, why: "python3-yaml is not installed")
    return nil
  }
  let result = try run([python, "-c", program], input: try fileBytes(path))
  guard result.exitCode == 0 else {
    throw CommandFailure(description: "\(path) is not YAML: \(result.complaintsText)")
  }
  return try Json(result.output)
}
