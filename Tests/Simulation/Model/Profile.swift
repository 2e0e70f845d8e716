import TestSupport

/// What goes wrong in one run and how often, per 10,000 opportunities. Each run has some kinds of
/// faults and not others, so that rare ones are not drowned by common ones.
struct Profile: CustomStringConvertible {
  // At every call to the log.
  var kill = 0
  var stop = 0
  var slow = 0
  var interleave = 0
  // At every turn of the world.
  var cut = 0
  var compact = 0
  var skip = 0
  var terminate = 0
  var rest = 0
  // At each request of its kind.
  var lostRequest = 0
  var lostReply = 0
  var lateRequest = 0
  var fatal = 0
  var appendError = 0
  var askError = 0
  var idlePoll = 0
  var markerDelayMost = 0

  static let calm = Profile()

  init() {}

  init(_ random: inout SplitMix64) {
    func some(_ percent: Int, _ range: Range<Int>) -> Int {
      let rate = random.number(in: range)
      return random.chance(percent) ? rate : 0
    }
    kill = some(50, 2..<25)
    stop = some(40, 1..<15)
    slow = some(50, 20..<200)
    interleave = some(60, 100..<2500)
    cut = some(50, 5..<50)
    compact = some(70, 50..<500)
    skip = some(50, 5..<60)
    terminate = some(30, 2..<30)
    rest = some(30, 2..<15)
    lostRequest = some(50, 20..<600)
    lostReply = some(50, 20..<600)
    lateRequest = some(50, 20..<600)
    fatal = some(30, 5..<60)
    appendError = some(30, 2..<20)
    askError = some(30, 10..<200)
    idlePoll = some(50, 200..<4000)
    markerDelayMost = random.chance(50) ? 0 : random.number(in: 10..<4000)
  }

  var description: String {
    "kill \(kill) stop \(stop) slow \(slow) interleave \(interleave) cut \(cut) compact \(compact) skip \(skip) "
      + "terminate \(terminate) rest \(rest) lostRequest \(lostRequest) lostReply \(lostReply) "
      + "lateRequest \(lateRequest) fatal \(fatal) appendError \(appendError) askError \(askError) "
      + "idlePoll \(idlePoll) markerDelayMost \(markerDelayMost)"
  }
}
