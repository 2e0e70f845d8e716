import Glibc

/// Whole lines of an archive, in one buffer.
package struct LineChunk: Sendable {
  /// At least `RecordBatch.padding` readable bytes follow the last line; they mean nothing.
  package var bytes: [UInt8] = []
  /// Without their ends (LF or CRLF). A line that was over-long is here as an empty one.
  package var lines: [Range<Int>] = []
  /// The number, from 1 on, of the first of `lines`.
  package var firstLine = 1
  package var overLong: [OverLong] = []

  /// A line that was skipped for its length.
  package struct OverLong: Equatable, Sendable {
    /// Its place in `lines`.
    package var index: Int
    package var byteCount: Int
  }

  package init() {}

  fileprivate mutating func removeAll() {
    lines.removeAll(keepingCapacity: true)
    overLong.removeAll(keepingCapacity: true)
  }
}

/// A text file of records, one a line, from front to back in bounded memory: plain, gzip, LZ4 or
/// Zstandard.
package final class LineArchive {
  package let path: String
  private var input: ArchiveInput
  private let longest: Int
  private let block: Int
  /// The begun line behind the last chunk.
  private var carry: [UInt8] = []
  /// How much of an over-long line was dropped so far; nil: we are in no such line.
  private var dropped: Int?
  private var nextLine = 1
  private var isAtEnd = false
  private var failure: LogError?

  /// A line of more than `longest` bytes is skipped; `block` bytes are read at a time.
  package init(path: String, longest: Int = 2 << 20, block: Int = 256 << 10) throws(LogError) {
    precondition(longest > 0 && block > 0)
    self.path = path
    self.longest = longest
    self.block = block
    input = try ArchiveInput(path: path)
  }

  /// Of the file as stored; no total: it is a pipe.
  package var progress: (read: Int, total: Int?) { (input.bytesRead, input.bytesTotal) }

  /// Replaces `chunk` by the next lines. False: that was all. A file that turns out damaged fails
  /// only after all whole lines before the damage were given out.
  package func next(into chunk: inout LineChunk) throws(LogError) -> Bool {
    chunk.removeAll()
    chunk.firstLine = nextLine
    var begin = 0
    var end = carry.count
    makeRoom(&chunk.bytes, end)
    chunk.bytes.replaceSubrange(0..<end, with: carry)
    carry.removeAll(keepingCapacity: true)
    while chunk.lines.isEmpty {
      if let failure { throw failure }
      if isAtEnd { return false }
      makeRoom(&chunk.bytes, end + block)
      let read = try fill(&chunk.bytes, at: end)
      if read == 0 {
        endLastLine(&chunk, begin..<end)
        continue
      }
      cut(&chunk, end..<(end + read), &begin)
      end += read
      dropOverLong(begin, &end)
    }
    if !isAtEnd, failure == nil { carry.append(contentsOf: chunk.bytes[begin..<end]) }
    nextLine += chunk.lines.count
    return !chunk.lines.isEmpty
  }

  /// Room for bytes that end at `end`, and for the padding behind them.
  private func makeRoom(_ bytes: inout [UInt8], _ end: Int) {
    let missing = end + RecordBatch.padding - bytes.count
    if missing > 0 { bytes.append(zeros: missing) }
  }

  /// How many bytes came. 0: nothing more comes, be it that the file is at its end or damaged.
  private func fill(_ bytes: inout [UInt8], at place: Int) throws(LogError) -> Int {
    do {
      return try input.read(block, into: &bytes, at: place)
    } catch {
      switch error {
      case .disk(let error): throw error
      case .damaged(let error): failure = error
      }
      return 0
    }
  }

  /// Finds the lines that end in the bytes of `range`; the first begins at `begin`, which moves to
  /// the beginning of the one that has no end yet.
  private func cut(_ chunk: inout LineChunk, _ range: Range<Int>, _ begin: inout Int) {
    var place = range.lowerBound
    while let end = newline(chunk.bytes, place..<range.upperBound) {
      place = end + 1
      endLine(&chunk, begin..<end)
      begin = place
    }
  }

  /// Forgets what there is of a line that has no end yet, if it is too long already.
  private func dropOverLong(_ begin: Int, _ end: inout Int) {
    let open = end - begin
    if dropped != nil || open > longest + 1 {
      dropped = (dropped ?? 0) + open
      end = begin
    }
  }

  private func endLine(_ chunk: inout LineChunk, _ line: Range<Int>) {
    var end = line.upperBound
    if end > line.lowerBound, chunk.bytes[end - 1] == 0x0D { end -= 1 }
    let byteCount = (dropped ?? 0) + end - line.lowerBound
    if dropped != nil || byteCount > longest {
      chunk.overLong.append(LineChunk.OverLong(index: chunk.lines.count, byteCount: byteCount))
      chunk.lines.append(line.lowerBound..<line.lowerBound)
      dropped = nil
    } else {
      chunk.lines.append(line.lowerBound..<end)
    }
  }

  /// A last line needs no end, unless the file was cut off within it.
  private func endLastLine(_ chunk: inout LineChunk, _ line: Range<Int>) {
    guard failure == nil else { return }
    isAtEnd = true
    if !line.isEmpty || dropped != nil { endLine(&chunk, line) }
  }

  private func newline(_ bytes: [UInt8], _ range: Range<Int>) -> Int? {
    unsafe bytes.withUnsafeBytes { buffer in
      guard !range.isEmpty, range.upperBound <= buffer.count, let base = buffer.baseAddress,
        let found = unsafe memchr(base + range.lowerBound, 0x0A, range.count)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }
}
