import Console
import Glibc

exit(
  Program(
    environment: { name in
      guard let value = unsafe getenv(name) else { return nil }
      return unsafe String(cString: value)
    },
    write: { text in
      if FileOutput.write(text, to: STDOUT_FILENO) != nil { exit(ExitCode.output.rawValue) }
    },
    complain: StandardError.write
  ).run(Array(CommandLine.arguments.dropFirst())))
