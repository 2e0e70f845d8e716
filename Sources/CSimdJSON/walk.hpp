// The walk over a document's structural indexes: checks, fields and tapes.
#pragma once

#include "number.hpp"
#include "text.hpp"

#include <memory>
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
  uint32_t size = 0;
  /// The name's first 16 bytes, and which of them count.
  uint64_t word[2] = {0, 0}, mask[2] = {0, 0};
  /// Among its siblings the one that came after it the last time, and of its children the first.
  uint32_t next = none, begins = none;
};

struct Plan {
  std::vector<Node> nodes;
  uint32_t fields = 0;
  /// All that is wanted are a few members of the document itself.
  bool flat = false;
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

}  // namespace
