import Log
import TestSupport

/// One transactional id, as its coordinator knows it.
struct Transaction {
  enum State: Equatable {
    case none
    case ongoing(since: Int64)
    /// Decided; the control records in `due` are still to be written.
    case ending(isCommit: Bool)
  }
  enum Place: Equatable {
    case partition(TopicPartition)
    case group(String)
  }
  var producer: ProducerIdentity
  var state = State.none
  /// How the last one ended, for a request that is sent again.
  var lastWasCommit: Bool?
  var places: [Place] = []
  var due: [(at: Int64, place: Place)] = []

  /// An ongoing one is aborted after this, ms.
  static let timeoutMs: Int64 = 12_000
}

extension Cluster {
  enum TransactionAnswer: Equatable {
    case done
    /// The one before it has not wholly ended: ask again.
    case concurrent
    case fenced
    /// Not what one may ask now.
    case invalid
  }

  /// A new life of a transactional id: what the one before left open is aborted first.
  func initialize(_ id: String) -> ProducerIdentity? {
    guard var known = transactions[id] else {
      let producer = ProducerIdentity(number: nextProducer(), epoch: 0)
      transactions[id] = Transaction(producer: producer)
      return producer
    }
    switch known.state {
    case .ending: return nil
    case .ongoing:
      known.producer.epoch += 1
      transactions[id] = known
      end(id, isCommit: false)
      return nil
    case .none:
      known.producer.epoch += 1
      known.lastWasCommit = nil
      transactions[id] = known
      return known.producer
    }
  }

  /// Makes a place part of the transaction, and so begins it if it has not begun.
  private func add(_ place: Transaction.Place, _ id: String, _ producer: ProducerIdentity)
    -> TransactionAnswer
  {
    guard var known = transactions[id] else { return .invalid }
    guard known.producer == producer else { return .fenced }
    switch known.state {
    case .ending: return .concurrent
    case .none: known.state = .ongoing(since: now)
    case .ongoing: break
    }
    if !known.places.contains(place) { known.places.append(place) }
    transactions[id] = known
    return .done
  }

  func produce(
    _ batch: [OutRecord], to partition: TopicPartition, _ id: String,
    _ producer: ProducerIdentity, sequence: Int
  ) -> (TransactionAnswer, StoredPartition.Answer) {
    let answer = add(.partition(partition), id, producer)
    guard answer == .done else { return (answer, .fenced) }
    return (
      .done,
      self[partition].produce(batch, as: producer, sequence: sequence, isTransactional: true)
    )
  }

  enum OffsetsAnswer: Equatable {
    case done
    case transaction(TransactionAnswer)
    case group(GroupAnswer)
  }

  func addOffsets(
    _ offsets: [TopicPartition: Int64], group: String, as member: GroupMember?, _ id: String,
    _ producer: ProducerIdentity
  ) -> OffsetsAnswer {
    let answer = add(.group(group), id, producer)
    guard answer == .done else { return .transaction(answer) }
    if let member, !defects.contains(.noFencing) {
      let standing = standing(of: member, in: group)
      guard standing == .done else { return .group(standing) }
    }
    groups[group, default: Group()].pending[producer.number, default: [:]]
      .merge(offsets) { _, new in new }
    return .done
  }

  func endTransaction(
    _ id: String, _ producer: ProducerIdentity, isCommit: Bool
  ) -> TransactionAnswer {
    guard let known = transactions[id] else { return .invalid }
    guard known.producer == producer else { return .fenced }
    switch known.state {
    case .ongoing:
      end(id, isCommit: isCommit)
      return .done
    case .ending(let was): return was == isCommit ? .done : .invalid
    case .none: return known.lastWasCommit == isCommit ? .done : .invalid
    }
  }

  /// Decides; the control records follow, one by one.
  private func end(_ id: String, isCommit: Bool) {
    var known = transactions[id]!
    known.state = .ending(isCommit: isCommit)
    known.due = known.places.map { place in
      let delay = random.chance(70) ? 0 : random.number(in: 0..<markerDelayMost + 1)
      return (now + Int64(delay), place)
    }
    known.places = []
    transactions[id] = known
    finish(id)
  }

  func advanceTransactions() {
    for id in transactions.keys.sorted() {
      switch transactions[id]!.state {
      case .none: break
      case .ending: finish(id)
      case .ongoing(let since):
        guard since + Transaction.timeoutMs < now else { continue }
        transactions[id]!.producer.epoch += 1
        end(id, isCommit: false)
      }
    }
  }

  private func finish(_ id: String) {
    var known = transactions[id]!
    guard case .ending(let isCommit) = known.state else { return }
    for (at, place) in known.due where at <= now {
      switch place {
      case .partition(let name): self[name].mark(known.producer, isCommit: isCommit, at: now)
      case .group(let name): settle(name, known.producer.number, isCommit: isCommit)
      }
    }
    known.due.removeAll { $0.at <= now }
    if known.due.isEmpty {
      known.state = .none
      known.lastWasCommit = isCommit
    }
    transactions[id] = known
  }

  private func settle(_ group: String, _ producer: Int64, isCommit: Bool) {
    guard let offsets = groups[group]!.pending.removeValue(forKey: producer), isCommit else {
      return
    }
    for (partition, offset) in offsets {
      groups[group]!.committed[partition] = CommittedOffset(offset: offset)
    }
  }
}
