/// Events of one source partition that its watermark has not reached, earliest first; equal times in
/// journal order.
///
/// Most events come in order: they stand in a line. Those that come behind one that is later are in
/// a heap beside it.
struct HeldQueue {
  struct Entry {
    var time: Int64
    var position: Int64
    var slot: Int
    static func precedes(_ a: Entry, _ b: Entry) -> Bool {
      a.time != b.time ? a.time < b.time : a.position < b.position
    }
  }
  /// In order, from `head` on.
  private var line: [Entry] = []
  private var head = 0
  private var heap: [Entry] = []

  init() {}

  var isEmpty: Bool { head == line.count && heap.isEmpty }

  /// The earliest.
  var first: Entry? {
    if head == line.count { return heap.first }
    if let other = heap.first, Entry.precedes(other, line[head]) { return other }
    return line[head]
  }

  /// In order of application.
  var sorted: [Entry] { (line[head...] + heap).sorted(by: Entry.precedes) }

  mutating func remove(_ slots: Set<Int>) {
    line = sorted.filter { !slots.contains($0.slot) }
    head = 0
    heap = []
  }

  mutating func push(_ entry: Entry) {
    if head == line.count {
      line.removeAll(keepingCapacity: true)
      head = 0
      line.append(entry)
    } else if Entry.precedes(line[line.count - 1], entry) {
      if head >= 64, head * 2 >= line.count {
        line.removeFirst(head)
        head = 0
      }
      line.append(entry)
    } else {
      pushToHeap(entry)
    }
  }

  /// The earliest, if the watermark has reached it.
  mutating func pop(upTo watermark: Int64) -> Entry? {
    if head < line.count {
      let entry = line[head]
      if heap.isEmpty || Entry.precedes(entry, heap[0]) {
        if entry.time > watermark { return nil }
        head += 1
        return entry
      }
    }
    return heap.isEmpty || heap[0].time > watermark ? nil : popFromHeap()
  }

  private mutating func pushToHeap(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard Entry.precedes(entry, heap[parent]) else { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  private mutating func popFromHeap() -> Entry {
    let top = heap[0]
    let last = heap.removeLast()
    if heap.isEmpty { return top }
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, Entry.precedes(heap[child + 1], heap[child]) { child += 1 }
      guard Entry.precedes(heap[child], last) else { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = last
    return top
  }
}
