import Glibc

/// What the kernel knows of this process, read from /proc when asked. Nil: it could not be read.
package enum ProcessStatistics {
  package static func residentBytes() -> Double? {
    guard let text = contents(of: "/proc/self/statm"),
      let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
    else { return nil }
    return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
  }

  package static func virtualBytes() -> Double? {
    guard let text = contents(of: "/proc/self/statm"),
      let pages = text.split(separator: " ").first.flatMap({ Double($0) })
    else { return nil }
    return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
  }

  package static func cpuSeconds() -> Double? {
    guard let user = stat(field: 14), let system = stat(field: 15) else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Seconds since 1970.
  package static func startTime() -> Double? {
    guard let ticks = stat(field: 22), let system = contents(of: "/proc/stat") else { return nil }
    for line in system.split(separator: "\n") where line.hasPrefix("btime ") {
      guard let boot = Double(line.dropFirst(6)) else { return nil }
      return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
    return nil
  }

  package static func openFiles() -> Double? {
    guard let directory = unsafe opendir("/proc/self/fd") else { return nil }
    defer { unsafe closedir(directory) }
    var count = 0
    while unsafe readdir(directory) != nil { count += 1 }
    // Less `.`, `..` and the one that is open for this count.
    return Double(count - 3)
  }

  package static func openFilesLimit() -> Double? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      return nil
    }
    return Double(limit.rlim_cur)
  }

  /// Field n (from 1) of /proc/self/stat. The second, the program's name, may hold spaces and
  /// parentheses, so counting starts behind its last parenthesis.
  private static func stat(field: Int) -> Double? {
    guard let text = contents(of: "/proc/self/stat"), let name = text.lastIndex(of: ")") else {
      return nil
    }
    let fields = text[text.index(after: name)...].split(separator: " ")
    guard field >= 3, fields.count > field - 3 else { return nil }
    return Double(fields[field - 3])
  }

  private static func contents(of path: String) -> String? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes {
        unsafe read(file, $0.baseAddress, $0.count)
      }
      if count < 0 { return nil }
      if count == 0 { return String(decoding: text, as: UTF8.self) }
      text += chunk[..<count]
    }
  }
}

extension Metrics {
  /// The `process_*` family that every Prometheus client shows.
  package func addProcess() {
    computed(
      "process_cpu_seconds_total", "User and system time used, in seconds.",
      read: ProcessStatistics.cpuSeconds)
    computed(
      "process_resident_memory_bytes", "Resident memory, in bytes.",
      read: ProcessStatistics.residentBytes)
    computed(
      "process_virtual_memory_bytes", "Virtual memory, in bytes.",
      read: ProcessStatistics.virtualBytes)
    computed(
      "process_start_time_seconds", "When the process started, in seconds since 1970.",
      read: ProcessStatistics.startTime)
    computed("process_open_fds", "Open file descriptors.", read: ProcessStatistics.openFiles)
    computed(
      "process_max_fds", "The limit of open file descriptors.",
      read: ProcessStatistics.openFilesLimit)
  }
}
