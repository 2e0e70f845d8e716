/// A plain C door to simdjson's first stage (UTF-8 and structure of a whole document), and a strict
/// walk over what it finds. No exception crosses; nothing is read outside the given bytes.
#ifndef KAIROS_CSIMDJSON_H
#define KAIROS_CSIMDJSON_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a field holds. `KJ_KEY` occurs only in tapes.
enum {
  KJ_MISSING = 0, KJ_NULL, KJ_BOOL, KJ_INT, KJ_UINT, KJ_DOUBLE, KJ_STRING, KJ_LIST, KJ_MAP, KJ_KEY
};

/// Why a document was refused.
enum {
  KJ_OK = 0,
  KJ_EMPTY,         ///< nothing but white space
  KJ_UTF8,          ///< not UTF-8
  KJ_SYNTAX,        ///< not JSON: structure, a word, a number's form, an unclosed string
  KJ_ESCAPE,        ///< a bad escape, half of a surrogate pair, a control character in a string
  KJ_NUMBER_RANGE,  ///< a number that no double can hold
  KJ_DEPTH,         ///< nested deeper than the reader allows
  KJ_TOO_LARGE,     ///< longer than the reader allows
  KJ_MEMORY,        ///< no memory for the parser's own buffers
  KJ_TAPE_FULL      ///< the caller's tape is too small
};

/// One value. `offset` and `length` are its raw text in the input (strings: without quotes), or, if
/// `unescaped`, a string's text in the scratch buffer. A number has both forms: `number` always,
/// `integer` for KJ_INT and (as bits) KJ_UINT; bools are 0 and 1. In a tape `next` is the index of
/// the entry after this value, and a container's `integer` its number of elements.
typedef struct {
  uint8_t kind;
  uint8_t unescaped;
  uint16_t reserved;
  uint32_t offset;
  uint32_t length;
  uint32_t next;
  /// Where the value stands in the input, strings without their quotes, escaped or not.
  uint32_t raw_offset;
  uint32_t raw_length;
  int64_t integer;
  double number;
} kj_field;

/// One document of a batch: where it lies, what to read, and where its fields go.
typedef struct {
  uint32_t offset;
  uint32_t length;
  uint32_t plan;
  uint32_t first;
  int32_t fault;
} kj_document;

/// One document among others in a buffer.
typedef struct {
  int64_t from;
  int64_t to;
} kj_line;

/// Where a value of a line lies, strings without their quotes, and of what kind it is.
typedef struct {
  uint32_t offset;
  uint32_t length;
  uint32_t kind;
} kj_place;

/// A string buffer for what had escapes; `capacity` at least the length of all documents of a call.
typedef struct {
  uint8_t *bytes;
  uint64_t capacity;
  uint64_t used;
} kj_scratch;

typedef struct kj_reader kj_reader;

/// Null: no memory. Used by one thread at a time.
kj_reader *kj_reader_new(uint32_t max_depth, uint32_t max_bytes);
void kj_reader_free(kj_reader *reader);

/// Compiles paths to a plan and returns its number, or -1 without memory. `lengths` holds the
/// lengths of all names, which lie one after another in `names`; `counts` how many each path has.
int32_t kj_plan(
  kj_reader *reader, const uint8_t *names, const uint32_t *lengths, const uint32_t *counts,
  uint32_t paths);

/// Reads a plan's fields out of one document; of equal keys the first counts. With `strict` the
/// whole document is checked; without, the walk ends when all is found, and what is not walked over
/// is not looked at beyond UTF-8 and structure, or not at all. `room`: how many bytes can be read
/// behind the document. `fault_at`: where in the input a refusal happened.
int32_t kj_read(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t room,
  uint32_t plan, int32_t strict, kj_field *fields, kj_scratch *scratch, uint32_t *fault_at);

/// As `kj_read` without `strict`, for many documents. A refused one has `fault` set and all fields
/// missing.
void kj_read_batch(
  kj_reader *reader, const uint8_t *base, kj_document *documents, uint32_t count,
  kj_field *fields, kj_scratch *scratch);

/// Checks whole lines as `kj_read` with `strict` does, and finds a plan's values in them: those of
/// line `l` are at `places[l * fields]`. The lines follow one another, each but the last ends before
/// an LF or a CR, and behind the last 16 bytes can be read. `taken[l]` is 0 for a line that is not
/// good, or merely not of the usual kind (no object, escapes in what the plan wants): read it by itself.
void kj_lines(
  kj_reader *reader, const uint8_t *base, const kj_line *lines, uint32_t count, uint32_t plan,
  kj_place *places, uint8_t *taken);

/// Checks a whole document and lists its values in order, keys before values; containers deeper
/// than `levels` are one entry each. Returns a fault; `used` is the number of entries.
int32_t kj_tape(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t levels,
  kj_field *tape, uint32_t capacity, uint32_t *used, kj_scratch *scratch, uint32_t *fault_at);

#ifdef __cplusplus
}
#endif
#endif
