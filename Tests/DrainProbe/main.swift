// Says `ready`, waits for a signal, says `draining`, and drains for ever: a second signal must end
// it.
import Console

let drain = DrainSignal.install { _ in StandardError.write("draining\n") }
StandardError.write("ready\n")
while !drain.wait(milliseconds: 60_000) {}
if CommandLine.arguments.contains("--stuck") {
  while true { _ = drain.wait(milliseconds: 60_000) }
}
