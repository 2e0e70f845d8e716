#include "CSimdJSON.h"

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace {

constexpr uint32_t none = UINT32_MAX;

/// A name in a plan's tree. The children of a node lie side by side.
struct Node {
  std::vector<uint8_t> name;
  uint32_t first = 0, count = 0;
  /// The field that this path fills, or `none`.
  uint32_t field = none;
  /// Bit min(length, 63) of each child's name: most foreign keys are told apart by it alone.
  uint64_t lengths = 0;
  /// The walk that has been here: of equal keys the first counts.
  uint64_t seen = 0;
};

struct Plan {
  std::vector<Node> nodes;
  uint32_t fields = 0;
};

/// A plan while it is put together, children by index.
struct Draft {
  std::vector<uint8_t> name;
  std::vector<uint32_t> children;
  uint32_t field = none;
};

}  // namespace

struct kj_reader {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
  std::vector<Plan> plans;
  std::vector<uint8_t> key;
  uint64_t walks = 0;
  uint32_t max_depth, max_bytes;
};

namespace {

bool is_space(uint8_t c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(uint8_t c) { return uint8_t(c - '0') < 10; }

int hex(uint8_t c) {
  if (is_digit(c)) return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// Four hex digits at `p`, or -1.
int32_t hex4(const uint8_t *p, const uint8_t *end) {
  if (end - p < 4) return -1;
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    int digit = hex(p[i]);
    if (digit < 0) return -1;
    value = value << 4 | digit;
  }
  return value;
}

uint8_t *put_utf8(uint8_t *out, uint32_t c) {
  if (c < 0x80) {
    *out++ = uint8_t(c);
  } else if (c < 0x800) {
    *out++ = uint8_t(0xc0 | c >> 6);
    *out++ = uint8_t(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    *out++ = uint8_t(0xe0 | c >> 12);
    *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
    *out++ = uint8_t(0x80 | (c & 0x3f));
  } else {
    *out++ = uint8_t(0xf0 | c >> 18);
    *out++ = uint8_t(0x80 | (c >> 12 & 0x3f));
    *out++ = uint8_t(0x80 | (c >> 6 & 0x3f));
    *out++ = uint8_t(0x80 | (c & 0x3f));
  }
  return out;
}

/// Writes a string's text without its escapes; the result is never longer than `n`. Returns the
/// new length, or -1 for a bad escape or half of a surrogate pair.
int64_t unescape(const uint8_t *p, size_t n, uint8_t *out) {
  const uint8_t *end = p + n;
  uint8_t *to = out;
  while (p < end) {
    auto slash = static_cast<const uint8_t *>(std::memchr(p, '\\', size_t(end - p)));
    size_t plain = size_t((slash ? slash : end) - p);
    std::memmove(to, p, plain);
    to += plain;
    if (!slash) break;
    p = slash + 1;
    if (p == end) return -1;
    switch (*p++) {
      case '"': *to++ = '"'; break;
      case '\\': *to++ = '\\'; break;
      case '/': *to++ = '/'; break;
      case 'b': *to++ = '\b'; break;
      case 'f': *to++ = '\f'; break;
      case 'n': *to++ = '\n'; break;
      case 'r': *to++ = '\r'; break;
      case 't': *to++ = '\t'; break;
      case 'u': {
        int32_t c = hex4(p, end);
        if (c < 0 || (c >= 0xdc00 && c < 0xe000)) return -1;
        p += 4;
        if (c >= 0xd800 && c < 0xdc00) {
          if (end - p < 6 || p[0] != '\\' || p[1] != 'u') return -1;
          int32_t low = hex4(p + 2, end);
          if (low < 0xdc00 || low >= 0xe000) return -1;
          c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
          p += 6;
        }
        to = put_utf8(to, uint32_t(c));
        break;
      }
      default: return -1;
    }
  }
  return to - out;
}

const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/// The double of a number whose form has been checked; `magnitude` is the decimal exponent of its
/// first digit that is not 0, plus one.
int32_t slow_double(const uint8_t *p, uint32_t n, int64_t magnitude, double *out) {
  if (magnitude > 400) return KJ_NUMBER_RANGE;
  if (magnitude < -400) {
    *out = p[0] == '-' ? -0.0 : 0.0;
    return KJ_OK;
  }
  auto text = reinterpret_cast<const char *>(p);
  auto result = std::from_chars(text, text + n, *out);
  if (result.ec == std::errc::result_out_of_range) {
    if (magnitude > 0) return KJ_NUMBER_RANGE;
    *out = p[0] == '-' ? -0.0 : 0.0;
    return KJ_OK;
  }
  if (result.ec != std::errc() || result.ptr != text + n) return KJ_SYNTAX;
  if (*out - *out != 0) return KJ_NUMBER_RANGE;
  return KJ_OK;
}

/// Checks a number's form and fills kind and value. `n` bytes, all of which must belong to it.
int32_t number(const uint8_t *p, uint32_t n, kj_field *field) {
  const uint8_t *at = p, *end = p + n;
  bool negative = at < end && *at == '-';
  if (negative) ++at;
  const uint8_t *digits = at;
  uint64_t mantissa = 0;
  bool fits = true;
  int64_t point = 0, exponent = 0;
  while (at < end && is_digit(*at)) {
    fits = fits && !__builtin_mul_overflow(mantissa, uint64_t(10), &mantissa) &&
           !__builtin_add_overflow(mantissa, uint64_t(*at - '0'), &mantissa);
    ++at;
  }
  int64_t whole = at - digits;
  if (whole == 0 || (whole > 1 && *digits == '0')) return KJ_SYNTAX;
  if (at == end && fits) {
    bool small = mantissa <= uint64_t(INT64_MAX) + (negative ? 1 : 0);
    if (small || !negative) {
      field->kind = small ? KJ_INT : KJ_UINT;
      field->integer = int64_t(negative ? 0 - mantissa : mantissa);
      field->number = negative ? -double(mantissa) : double(mantissa);
      return KJ_OK;
    }
  }
  const uint8_t *fraction = at;
  if (at < end && *at == '.') {
    const uint8_t *first = ++at;
    while (at < end && is_digit(*at)) {
      fits = fits && !__builtin_mul_overflow(mantissa, uint64_t(10), &mantissa) &&
             !__builtin_add_overflow(mantissa, uint64_t(*at - '0'), &mantissa);
      ++at;
    }
    if (at == first) return KJ_SYNTAX;
    point = at - first;
  }
  if (at < end && (*at | 0x20) == 'e') {
    ++at;
    bool minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end) return KJ_SYNTAX;
    while (at < end && is_digit(*at)) {
      if (exponent < 100'000'000) exponent = exponent * 10 + (*at - '0');
      ++at;
    }
    if (!is_digit(at[-1])) return KJ_SYNTAX;
    if (minus) exponent = -exponent;
  }
  if (at != end) return KJ_SYNTAX;
  field->kind = KJ_DOUBLE;
  field->integer = 0;
  int64_t scale = exponent - point;
  if (fits && mantissa <= (uint64_t(1) << 53) && scale >= -22 && scale <= 22) {
    double value = double(mantissa);
    value = scale < 0 ? value / powers[-scale] : value * powers[scale];
    field->number = negative ? -value : value;
    return KJ_OK;
  }
  // A number of nothing but zeros is 0 whatever its exponent.
  int64_t magnitude = whole;
  const uint8_t *d = digits;
  if (*d == '0') {
    d = fraction;
    magnitude = 1;
    if (d < end && *d == '.') ++d;
    while (d < end && *d == '0') ++d, --magnitude;
    magnitude -= 1;
    if (d == end || !is_digit(*d)) {
      field->number = negative ? -0.0 : 0.0;
      return KJ_OK;
    }
  }
  return slow_double(p, n, magnitude + exponent, &field->number);
}

bool word(const uint8_t *p, uint32_t n, kj_field *field) {
  field->number = 0;
  field->integer = 0;
  if (n == 4 && std::memcmp(p, "null", 4) == 0) {
    field->kind = KJ_NULL;
    return true;
  }
  if (n == 4 && std::memcmp(p, "true", 4) == 0) {
    field->kind = KJ_BOOL;
    field->integer = 1;
    return true;
  }
  if (n == 5 && std::memcmp(p, "false", 5) == 0) {
    field->kind = KJ_BOOL;
    return true;
  }
  return false;
}

/// A walk over the structural indexes of one document.
template <bool strict>
struct Walk {
  kj_reader *reader;
  /// The document; positions count from here, `shift` is added in what the caller sees.
  const uint8_t *text;
  uint32_t length, shift;
  const uint32_t *indexes;
  uint32_t count;
  uint32_t i = 0;
  kj_scratch *scratch;
  // Reading by plan.
  Plan *plan = nullptr;
  kj_field *fields = nullptr;
  uint32_t missing = 0;
  // Writing a tape.
  kj_field *tape = nullptr;
  uint32_t capacity = 0, used = 0, levels = 0;
  uint32_t fault_at = 0;

  int32_t fail(int32_t fault) {
    fault_at = i < count ? indexes[i] : length;
    return fault;
  }
  uint8_t peek() const { return i < count ? text[indexes[i]] : 0; }

  /// The end of the scalar at `i`: white space before the next structural character is not its.
  uint32_t scalar_end() const {
    uint32_t start = indexes[i], end = i + 1 < count ? indexes[i + 1] : length;
    while (end > start + 1 && is_space(text[end - 1])) --end;
    return end;
  }

  /// The string at `i`, as places in the text; takes its index.
  int32_t string_bounds(uint32_t *from, uint32_t *to) {
    uint32_t start = indexes[i], end = scalar_end();
    if (end < start + 2 || text[end - 1] != '"') return fail(KJ_SYNTAX);
    *from = start + 1;
    *to = end - 1;
    ++i;
    return KJ_OK;
  }

  /// Fills `field` with the string at [from, to), taking its escapes out.
  int32_t string(uint32_t from, uint32_t to, uint8_t kind, kj_field *field) {
    field->kind = kind;
    field->unescaped = 0;
    field->integer = 0;
    field->number = 0;
    field->offset = from + shift;
    field->length = to - from;
    field->raw_offset = field->offset;
    field->raw_length = field->length;
    if (!std::memchr(text + from, '\\', to - from)) return KJ_OK;
    if (scratch->capacity - scratch->used < to - from) return KJ_MEMORY;
    int64_t size = unescape(text + from, to - from, scratch->bytes + scratch->used);
    if (size < 0) {
      fault_at = from;
      return KJ_ESCAPE;
    }
    field->unescaped = 1;
    field->offset = uint32_t(scratch->used);
    field->length = uint32_t(size);
    scratch->used += uint64_t(size);
    return KJ_OK;
  }

  /// Checks the string's escapes where nobody wants its text.
  int32_t check_string(uint32_t from, uint32_t to) {
    uint64_t used_before = scratch->used;
    kj_field unread;
    int32_t fault = string(from, to, KJ_STRING, &unread);
    scratch->used = used_before;
    return fault;
  }

  /// The child of `parent` that this key names and that has not been met before, or `none`.
  int32_t child(uint32_t parent, uint32_t from, uint32_t to, uint32_t *found) {
    *found = none;
    const Node &node = plan->nodes[parent];
    const uint8_t *key = text + from;
    size_t size = to - from;
    if (std::memchr(key, '\\', size)) {
      reader->key.resize(size);
      int64_t unescaped = unescape(key, size, reader->key.data());
      if (unescaped < 0) {
        fault_at = from;
        return KJ_ESCAPE;
      }
      key = reader->key.data();
      size = size_t(unescaped);
    }
    if (!(node.lengths >> (size < 63 ? size : 63) & 1)) return KJ_OK;
    for (uint32_t c = node.first; c < node.first + node.count; ++c) {
      Node &candidate = plan->nodes[c];
      if (candidate.name.size() != size) continue;
      if (size && std::memcmp(candidate.name.data(), key, size) != 0) continue;
      if (candidate.seen != reader->walks) {
        candidate.seen = reader->walks;
        *found = c;
      }
      return KJ_OK;
    }
    return KJ_OK;
  }

  /// Passes over a value that nobody wants and nobody checks.
  int32_t skip() {
    uint32_t depth = 0;
    do {
      if (i >= count) return fail(KJ_SYNTAX);
      uint8_t c = text[indexes[i++]];
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && depth-- == 0) return fail(KJ_SYNTAX);
    } while (depth);
    return KJ_OK;
  }

  kj_field *entry() { return used < capacity ? &tape[used++] : nullptr; }

  /// One value. `node`: its place in the plan, or `none`.
  int32_t value(uint32_t node, uint32_t depth) {
    if (i >= count) return fail(KJ_SYNTAX);
    bool wanted = node != none && plan->nodes[node].field != none;
    kj_field unread;
    kj_field *field = wanted ? &fields[plan->nodes[node].field] : &unread;
    uint32_t self = used;
    if (tape && depth <= levels) {
      field = entry();
      if (!field) return KJ_TAPE_FULL;
      wanted = true;
    }
    uint8_t c = text[indexes[i]];
    if (c == '{' || c == '[') {
      if (depth >= reader->max_depth) return fail(KJ_DEPTH);
      bool inside = node != none && plan->nodes[node].count > 0;
      uint32_t start = indexes[i];
      uint32_t elements = 0;
      int32_t fault = KJ_OK;
      if (!strict && !inside) {
        fault = skip();
      } else {
        fault = c == '{' ? map(node, depth + 1, &elements) : list(depth + 1, &elements);
      }
      if (fault) return fault;
      if (wanted) {
        // Early ends leave a wanted container only when it is itself the last that was wanted.
        uint32_t end = indexes[i - 1] + 1;
        *field = {uint8_t(c == '{' ? KJ_MAP : KJ_LIST), 0, 0, start + shift, end - start, 0,
                  start + shift, end - start, int64_t(elements), 0};
        if (missing) --missing;
      }
    } else {
      int32_t fault = scalar(c, wanted, field);
      if (fault) return fault;
      if (wanted && missing) --missing;
    }
    if (tape && depth <= levels) tape[self].next = used;
    return KJ_OK;
  }

  int32_t scalar(uint8_t c, bool wanted, kj_field *field) {
    if (c == '"') {
      uint32_t from, to;
      int32_t fault = string_bounds(&from, &to);
      if (fault) return fault;
      if (wanted) return string(from, to, KJ_STRING, field);
      return strict ? check_string(from, to) : KJ_OK;
    }
    if (!strict && !wanted) {
      ++i;
      return c == '}' || c == ']' || c == ',' || c == ':' ? fail(KJ_SYNTAX) : int32_t(KJ_OK);
    }
    uint32_t start = indexes[i], end = scalar_end();
    field->unescaped = 0;
    field->offset = start + shift;
    field->length = end - start;
    field->raw_offset = field->offset;
    field->raw_length = field->length;
    if (!word(text + start, end - start, field)) {
      int32_t fault = number(text + start, end - start, field);
      if (fault) return fail(fault);
    }
    ++i;
    return KJ_OK;
  }

  int32_t map(uint32_t node, uint32_t depth, uint32_t *elements) {
    ++i;
    if (peek() == '}') {
      ++i;
      return KJ_OK;
    }
    bool wanted = node != none && plan->nodes[node].count > 0;
    // A container that is itself a field needs its end: no early end inside it.
    while (true) {
      if (peek() != '"') return fail(KJ_SYNTAX);
      uint32_t from, to;
      int32_t fault = string_bounds(&from, &to);
      if (fault) return fault;
      if (peek() != ':') return fail(KJ_SYNTAX);
      ++i;
      uint32_t found = none;
      if (tape && depth <= levels) {
        kj_field *key = entry();
        if (!key) return KJ_TAPE_FULL;
        fault = string(from, to, KJ_KEY, key);
        key->next = used;
      } else if (wanted) {
        fault = child(node, from, to, &found);
      } else if (strict) {
        fault = check_string(from, to);
      }
      if (fault) return fault;
      if (found != none || strict) {
        fault = value(found, depth);
      } else {
        fault = skip();
      }
      if (fault) return fault;
      ++*elements;
      if (!strict && missing == 0) return KJ_OK;
      uint8_t c = peek();
      ++i;
      if (c == '}') return KJ_OK;
      if (c != ',') {
        --i;
        return fail(KJ_SYNTAX);
      }
    }
  }

  int32_t list(uint32_t depth, uint32_t *elements) {
    if (!strict) return skip();
    ++i;
    if (peek() == ']') {
      ++i;
      return KJ_OK;
    }
    while (true) {
      int32_t fault = value(none, depth);
      if (fault) return fault;
      ++*elements;
      uint8_t c = peek();
      ++i;
      if (c == ']') return KJ_OK;
      if (c != ',') {
        --i;
        return fail(KJ_SYNTAX);
      }
    }
  }
};

/// Finds the structure of a document; the indexes are then in `reader->parser`.
int32_t index(kj_reader *reader, const uint8_t *text, uint32_t length) {
  if (length == 0) return KJ_EMPTY;
  if (length > reader->max_bytes) return KJ_TOO_LARGE;
  if (length > reader->parser->capacity()) {
    uint64_t wanted = uint64_t(reader->parser->capacity()) * 2;
    if (wanted < length) wanted = length;
    if (wanted > reader->max_bytes) wanted = reader->max_bytes;
    if (reader->parser->set_capacity(size_t(wanted))) return KJ_MEMORY;
  }
  switch (reader->parser->stage1(text, length, simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS: return KJ_OK;
    case simdjson::EMPTY: return KJ_EMPTY;
    case simdjson::UTF8_ERROR: return KJ_UTF8;
    case simdjson::UNESCAPED_CHARS: return KJ_ESCAPE;
    case simdjson::CAPACITY: return KJ_TOO_LARGE;
    case simdjson::MEMALLOC: return KJ_MEMORY;
    default: return KJ_SYNTAX;
  }
}

template <bool strict>
Walk<strict> walk_of(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, kj_scratch *scratch) {
  Walk<strict> walk{};
  walk.reader = reader;
  walk.text = base + offset;
  walk.length = length;
  walk.shift = offset;
  walk.indexes = reader->parser->structural_indexes.get();
  walk.count = reader->parser->n_structural_indexes;
  walk.scratch = scratch;
  return walk;
}

template <bool strict>
int32_t read_one(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t number,
  kj_field *fields, kj_scratch *scratch, uint32_t *fault_at) {
  Plan &plan = reader->plans[number];
  std::memset(fields, 0, sizeof(kj_field) * plan.fields);
  *fault_at = offset;
  int32_t fault = index(reader, base + offset, length);
  if (fault) return fault;
  auto walk = walk_of<strict>(reader, base, offset, length, scratch);
  reader->walks += 1;
  walk.plan = &plan;
  walk.fields = fields;
  // A container wanted together with something inside it is closed only at its end.
  walk.missing = strict ? 0 : plan.fields;
  fault = walk.value(0, 0);
  if (!fault && (strict || walk.missing) && walk.i != walk.count) fault = walk.fail(KJ_SYNTAX);
  if (fault) {
    std::memset(fields, 0, sizeof(kj_field) * plan.fields);
    *fault_at = offset + walk.fault_at;
  }
  return fault;
}

}  // namespace

extern "C" kj_reader *kj_reader_new(uint32_t max_depth, uint32_t max_bytes) {
  auto reader = new (std::nothrow) kj_reader{};
  if (!reader) return nullptr;
  reader->max_depth = max_depth;
  reader->max_bytes = max_bytes;
  size_t capacity = max_bytes < 65'536 ? max_bytes : 65'536;
  auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(
    capacity, max_depth, reader->parser);
  if (error) {
    delete reader;
    return nullptr;
  }
  return reader;
}

extern "C" void kj_reader_free(kj_reader *reader) { delete reader; }

extern "C" int32_t kj_plan(
  kj_reader *reader, const uint8_t *names, const uint32_t *lengths, const uint32_t *counts,
  uint32_t paths) try {
  std::vector<Draft> drafts(1);
  for (uint32_t path = 0; path < paths; ++path) {
    uint32_t at = 0;
    for (uint32_t part = 0; part < counts[path]; ++part) {
      std::vector<uint8_t> name(names, names + *lengths);
      names += *lengths++;
      uint32_t next = none;
      for (uint32_t c : drafts[at].children) {
        if (drafts[c].name == name) next = c;
      }
      if (next == none) {
        next = uint32_t(drafts.size());
        drafts[at].children.push_back(next);
        drafts.emplace_back();
        drafts.back().name = std::move(name);
      }
      at = next;
    }
    if (drafts[at].field != none) return -1;
    drafts[at].field = path;
  }
  // Breadth first, so that children lie side by side.
  Plan plan;
  plan.fields = paths;
  std::vector<uint32_t> order{0};
  plan.nodes.resize(drafts.size());
  for (size_t n = 0; n < order.size(); ++n) {
    const Draft &draft = drafts[order[n]];
    Node &node = plan.nodes[n];
    node.name = draft.name;
    node.field = draft.field;
    node.first = uint32_t(order.size());
    node.count = uint32_t(draft.children.size());
    for (uint32_t c : draft.children) {
      size_t size = drafts[c].name.size();
      node.lengths |= uint64_t(1) << (size < 63 ? size : 63);
      order.push_back(c);
    }
  }
  reader->plans.push_back(std::move(plan));
  return int32_t(reader->plans.size() - 1);
} catch (...) {
  return -1;
}

extern "C" int32_t kj_read(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t plan,
  int32_t strict, kj_field *fields, kj_scratch *scratch, uint32_t *fault_at) try {
  return strict
    ? read_one<true>(reader, base, offset, length, plan, fields, scratch, fault_at)
    : read_one<false>(reader, base, offset, length, plan, fields, scratch, fault_at);
} catch (...) {
  return KJ_MEMORY;
}

extern "C" void kj_read_batch(
  kj_reader *reader, const uint8_t *base, kj_document *documents, uint32_t count,
  kj_field *fields, kj_scratch *scratch) {
  for (uint32_t d = 0; d < count; ++d) {
    kj_document &document = documents[d];
    uint32_t fault_at;
    document.fault = kj_read(
      reader, base, document.offset, document.length, document.plan, 0, fields + document.first,
      scratch, &fault_at);
  }
}

extern "C" int32_t kj_tape(
  kj_reader *reader, const uint8_t *base, uint32_t offset, uint32_t length, uint32_t levels,
  kj_field *tape, uint32_t capacity, uint32_t *used, kj_scratch *scratch,
  uint32_t *fault_at) try {
  *used = 0;
  *fault_at = offset;
  int32_t fault = index(reader, base + offset, length);
  if (fault) return fault;
  auto walk = walk_of<true>(reader, base, offset, length, scratch);
  walk.tape = tape;
  walk.capacity = capacity;
  walk.levels = levels;
  fault = walk.value(none, 0);
  if (!fault && walk.i != walk.count) fault = walk.fail(KJ_SYNTAX);
  *used = walk.used;
  *fault_at = offset + walk.fault_at;
  return fault;
} catch (...) {
  return KJ_MEMORY;
}
