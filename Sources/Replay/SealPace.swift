/// When a partition's state is written out, and how much of it at a time, so that a restore never
/// has to fold much more than `bound` records.
///
/// A pass begins half a bound after the offset of the last seal, and is spread over the records of
/// the other half: each commit takes what has become due since the last, and more when there is
/// nothing else to do. Where passes cannot keep up, portions grow up to a limit; beyond that a
/// restore gets longer, and no transaction grows.
struct SealPace: Equatable, Sendable {
  struct Limits: Equatable, Sendable {
    /// Journal records that a restore may have to fold.
    var bound: Int64
    /// A pass begins after so long even if few records have come, ms.
    var every: Int64
    /// What one commit writes where there is time for it, bytes.
    var portion: Int
    /// What one commit writes at most, bytes.
    var most: Int
  }

  struct Pass: Equatable, Sendable {
    /// The journal offset that it will seal.
    var at: Int64
    /// When it began, ms.
    var since: Int64
    /// Customers to be written.
    var customers: Int
    var bytes = 0
    var written = 0
  }

  /// The offset of the last seal; 0: nothing is sealed.
  var sealed: Int64 = 0
  var sealedTime: Int64
  private(set) var pass: Pass?
  /// Bytes of a customer, as the last pass found.
  private var customerBytes = 512.0

  init(sealed: Int64, now: Int64) {
    self.sealed = sealed
    sealedTime = now
  }

  /// Whether a pass should begin now, with the partition folded up to `next`.
  func mustBegin(next: Int64, now: Int64, _ limits: Limits) -> Bool {
    guard pass == nil, next > sealed else { return false }
    return next - sealed >= max(1, limits.bound / 2) || now - sealedTime >= limits.every
      || now < sealedTime
  }

  mutating func begin(at next: Int64, customers: Int, now: Int64) {
    pass = Pass(at: next, since: now, customers: customers)
  }

  /// How many bytes a commit should take now; 0: none.
  func due(next: Int64, remaining: Int, now: Int64, isIdle: Bool, _ limits: Limits) -> Int {
    guard let pass, remaining > 0 else { return 0 }
    // After a restore that had more to fold than the bound the pass is late from its start.
    let half = max(1, limits.bound / 2)
    let byRecords = Double(max(next - pass.at, next - sealed - half)) / Double(half)
    let byTime = Double(now - pass.since) / Double(max(1, limits.every))
    let share = min(1, max(byRecords, byTime))
    let done = pass.customers - remaining
    let customers = min(Double(remaining), Double(pass.customers) * share - Double(done))
    let wanted = Int(max(0, customers) * customerBytes)
    return min(limits.most, isIdle ? max(limits.portion, wanted) : wanted)
  }

  mutating func wrote(customers: Int, bytes: Int) {
    pass?.written += customers
    pass?.bytes += bytes
  }

  /// The pass is written and sealed, and that is committed.
  mutating func end(now: Int64) {
    guard let pass else { return }
    if pass.written > 0 { customerBytes = max(64, Double(pass.bytes) / Double(pass.written)) }
    sealed = pass.at
    sealedTime = now
    self.pass = nil
  }

  /// A book was put in force: the pass is void.
  mutating func abandon() { pass = nil }
}
