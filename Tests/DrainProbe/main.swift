// Says `ready`, waits for a signal, says `draining`, and drains for ever: a second signal must end
// it.
import Console
import Dispatch

// The drain is wanted before it is announced, lest a stuck terminal holds it up; a program as short
// as this one must wait for the announcement, or it ends first.
let announced = DispatchSemaphore(value: 0)
let drain = DrainSignal.install { _ in
  StandardError.write("draining\n")
  announced.signal()
}
StandardError.write("ready\n")
while !drain.wait(milliseconds: 60_000) {}
announced.wait()
if CommandLine.arguments.contains("--stuck") {
  while true { _ = drain.wait(milliseconds: 60_000) }
}
