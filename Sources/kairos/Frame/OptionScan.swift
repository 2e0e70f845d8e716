import CPosix
import Glibc
import Synchronization
import Yaml

/// The words behind a command, sorted into options and the rest by glibc's getopt_long: options
/// and arguments in any order, `--name value`, `--name=value`, `-n value`, `-nvalue`, `-ab`, the
/// shortest unambiguous beginning of a long name, and `--` before arguments that begin with a dash.
struct OptionScan: Equatable {
  /// In the order of the command line; nil: an option without a value.
  var options: [(name: String, value: String?)] = []
  var arguments: [String] = []

  static func == (a: OptionScan, b: OptionScan) -> Bool {
    a.arguments == b.arguments && a.options.elementsEqual(b.options) { $0 == $1 }
  }

  /// getopt_long keeps its place in global variables.
  private static let lock = Mutex<Void>(())

  static func scan(_ words: [String], for specs: [OptionSpec]) throws(UsageError) -> OptionScan {
    let result = lock.withLock { _ in
      Result { () throws(UsageError) in try locked(words, specs) }
    }
    return try result.get()
  }

  private static func locked(
    _ words: [String], _ specs: [OptionSpec]
  ) throws(UsageError) -> OptionScan {
    let names = CStrings(specs.map(\.name))
    let argv = CStrings(["kairos"] + words)
    // The table and the results point into them.
    defer { withExtendedLifetime((names, argv)) {} }
    var table: [option] = unsafe []
    for index in specs.indices {
      let needsValue = specs[index].value == nil ? no_argument : required_argument
      unsafe table.append(
        option(
          name: names.pointers[index], has_arg: needsValue, flag: nil, val: Int32(1000 + index)))
    }
    unsafe table.append(option(name: nil, has_arg: 0, flag: nil, val: 0))
    let shorts = specs.map { spec in
      spec.short.map { "\($0)\(spec.value == nil ? "" : ":")" } ?? ""
    }
    var result = OptionScan()
    var scan = unsafe kairos_option_scan()
    while true {
      let found = unsafe kairos_next_option(
        Int32(words.count + 1), argv.pointers, ":" + shorts.joined(), table, &scan)
      if found == -1 { break }
      let index = Int(found) - 1000
      let letter = UnicodeScalar(UInt32(found)).map(Character.init)
      if let spec = specs.indices.contains(index)
        ? specs[index] : specs.first(where: { $0.short != nil && $0.short == letter })
      {
        let value = unsafe spec.value == nil ? nil : String(cString: scan.value)
        result.options.append((spec.name, value))
      } else {
        let word = unsafe String(cString: argv.pointers[Int(scan.next) - 1]!)
        throw unsafe complaint(found, code: scan.unknown, word: word, specs)
      }
    }
    for place in unsafe Int(scan.next)..<(words.count + 1) {
      unsafe result.arguments.append(String(cString: argv.pointers[place]!))
    }
    return result
  }

  private static func complaint(
    _ found: Int32, code: Int32, word: String, _ specs: [OptionSpec]
  ) -> UsageError {
    if code >= 1000, specs.indices.contains(Int(code) - 1000) {
      let spec = specs[Int(code) - 1000]
      if let value = spec.value {
        return UsageError(message: "--\(spec.name) needs a value: \(value)")
      }
      return UsageError(message: "--\(spec.name) takes no value")
    }
    if code != 0 {
      let letter = UnicodeScalar(UInt32(code)).map { "-\(Character($0))" } ?? word
      if found == Int32(UInt8(ascii: ":")),
        let spec = specs.first(where: { spec in spec.short.map { "-\($0)" } == letter })
      {
        return UsageError(message: "\(letter) needs a value: \(spec.value ?? "")")
      }
      return UsageError(message: "unknown option \(letter)")
    }
    let name = word.prefix { $0 != "=" }.drop { $0 == "-" }
    let begun = specs.filter { $0.name.hasPrefix(name) }
    if begun.count > 1 {
      let meant = begun.map { "--\($0.name)" }.joined(separator: ", ")
      return UsageError(message: "--\(name) is ambiguous: \(meant)")
    }
    let meant = nearestWord(to: String(name), of: specs.map(\.name))
    let hint = meant.map { "; did you mean --\($0)?" } ?? ""
    return UsageError(message: "unknown option --\(name)\(hint)")
  }
}

/// Strings lent to C, freed when this goes.
@safe private final class CStrings {
  let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  private let count: Int

  init(_ strings: [String]) {
    count = strings.count
    unsafe pointers = .allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() {
      // A zero byte cannot come from a command line.
      unsafe (pointers + index).initialize(to: strdup(string))
    }
    unsafe (pointers + count).initialize(to: nil)
  }

  deinit {
    for index in 0..<count { unsafe free(pointers[index]) }
    unsafe pointers.deallocate()
  }
}
