// Many documents by one first stage: a walk that takes what is usual in events, and leaves
// everything else to `Walk`, which knows why a document is refused.
#pragma once

#include "number.hpp"
#include "text.hpp"
#include "walk.hpp"

namespace {

inline uint64_t load8(const uint8_t *p) {
  uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

/// Whether a name of a plan is the key of `size` bytes at `key`; 16 bytes can be read there.
__attribute__((always_inline)) inline bool is_name(const Node &node, const uint8_t *key, uint32_t size) {
  if (node.size != size) return false;
  uint64_t differs = (load8(key) ^ node.word[0]) & node.mask[0];
  differs |= (load8(key + 8) ^ node.word[1]) & node.mask[1];
  if (differs) return false;
  return size <= 16 || std::memcmp(node.name.data() + 16, key + 16, size - 16) == 0;
}

/// The child of `parent` that a key names, or `none`. Objects tend to have their members in one
/// order: `guess` is what stood in this place the last time.
__attribute__((always_inline)) inline uint32_t named(
  const Plan *plan, uint32_t parent, uint32_t *guess, const uint8_t *key, uint32_t size) {
  const Node *nodes = plan->nodes.data();
  if (*guess != none && is_name(nodes[*guess], key, size)) return *guess;
  const Node &node = nodes[parent];
  if (!(node.lengths >> (size < 63 ? size : 63) & 1)) return none;
  for (uint32_t c = node.first; c < node.first + node.count; ++c) {
    if (!is_name(nodes[c], key, size)) continue;
    *guess = c;
    return c;
  }
  return none;
}

/// Bit 7 of each byte of `value` that is no decimal digit.
inline uint64_t not_digits(uint64_t value) {
  uint64_t v = value ^ 0x3030303030303030;
  return (((v & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | v) & 0x8080808080808080;
}

/// Whether `n` bytes at `p` are a short number without an exponent; 9 bytes can be read there.
/// `whole`: nor a fraction. The others are looked at by `number`.
__attribute__((always_inline)) inline bool is_plain_number(
  const uint8_t *p, uint32_t n, bool *whole = nullptr) {
  uint32_t sign = *p == '-';
  p += sign;
  n -= sign;
  if (n == 0 || n > 8) return false;
  uint64_t strange = not_digits(load8(p));
  if (n < 8) strange &= (uint64_t(1) << (8 * n)) - 1;
  uint32_t before = strange ? uint32_t(__builtin_ctzll(strange)) / 8 : n;
  if (before == 0 || (before > 1 && *p == '0')) return false;
  if (whole) *whole = strange == 0;
  if (strange == 0) return true;
  return (strange & (strange - 1)) == 0 && p[before] == '.' && before + 1 < n;
}

/// A walk over the structural indexes of lines, one document each; `escapes`: some text of the line
/// has one. Whatever it does not take, `Walk` judges: each step returns the index to go on from, or 0.
///
/// What the first stage has promised: a structural character is outside of all strings, so a quote
/// right before one closes the string that began last.
template <bool escapes>
struct LineWalk {
  kj_reader *reader;
  Plan *plan;
  const uint8_t *text;
  /// What is added to positions in what the caller sees.
  uint32_t shift;
  const uint32_t *at;
  uint32_t count;
  kj_place *places;

  uint32_t trimmed(uint32_t start, uint32_t end) const {
    while (end > start + 1 && is_space(text[end - 1])) --end;
    return end;
  }

  void put(uint32_t node, uint8_t kind, uint32_t from, uint32_t to) const {
    if (node == none) return;
    uint32_t field = plan->nodes[node].field;
    if (field != none) places[field] = {from + shift, to - from, kind};
  }

  /// Whether the bytes between a string's quotes hold no escape, or, if nobody wants its text, none
  /// but good ones.
  bool is_good(uint32_t node, uint32_t from, uint32_t to) const {
    if (!escapes || !std::memchr(text + from, '\\', to - from)) return true;
    if (node != none) return false;
    reader->key.resize(to - from);
    return unescape(text + from, to - from, reader->key.data()) >= 0;
  }

  /// The string at `start`, which ends before `next`.
  bool string(uint32_t node, uint32_t start, uint32_t next) const {
    if (text[next - 1] != '"') next = trimmed(start, next);
    if (text[next - 1] != '"' || next < start + 2) return false;
    if (!is_good(node, start + 1, next - 1)) return false;
    put(node, KJ_STRING, start + 1, next - 1);
    return true;
  }

  bool scalar(uint32_t node, uint32_t start, uint32_t next) const {
    next = trimmed(start, next);
    bool whole = false;
    if (is_plain_number(text + start, next - start, &whole)) {
      put(node, whole ? KJ_INT : KJ_DOUBLE, start, next);
      return true;
    }
    kj_field field;
    if (!word(text + start, next - start, &field)
        && number(text + start, next - start, &field) != KJ_OK)
      return false;
    put(node, field.kind, start, next);
    return true;
  }

  /// The value at `i`, behind which there is something.
  uint32_t value(uint32_t i, uint32_t node, uint32_t depth) const {
    uint32_t start = at[i];
    uint8_t c = text[start];
    if (c == '"') return string(node, start, at[i + 1]) ? i + 1 : 0;
    if (c != '{' && c != '[') return scalar(node, start, at[i + 1]) ? i + 1 : 0;
    if (depth >= reader->max_depth) return 0;
    if (c == '[') {
      i = list(i, depth + 1);
    } else if (node != none && plan->nodes[node].count > 0) {
      i = object<true>(i, node, depth + 1);
    } else {
      i = object<false>(i, none, depth + 1);
    }
    if (i) put(node, c == '{' ? KJ_MAP : KJ_LIST, start, at[i - 1] + 1);
    return i;
  }

  /// `wanted`: some members may be.
  template <bool wanted>
  uint32_t object(uint32_t i, uint32_t node, uint32_t depth) const {
    // Copies, since for all the compiler knows `places` might hold the originals.
    const uint8_t *const text = this->text;
    const uint32_t *const at = this->at;
    const uint32_t count = this->count;
    if (++i < count && text[at[i]] == '}') return i + 1;
    uint32_t *guess = wanted ? &plan->nodes[node].begins : nullptr;
    uint64_t seen = 0;
    while (i + 3 < count) {
      uint32_t key = at[i], end = at[i + 1], start = at[i + 2], next = at[i + 3];
      if (text[key] != '"' || text[end] != ':') return 0;
      if (text[end - 1] != '"') {
        end = trimmed(key, end);
        if (text[end - 1] != '"') return 0;
      }
      if (escapes && std::memchr(text + key, '\\', end - key)) return 0;
      uint32_t found = none;
      if (wanted) {
        found = named(plan, node, guess, text + key + 1, end - key - 2);
        if (found != none) {
          guess = &plan->nodes[found].next;
          uint64_t bit = uint64_t(1) << (found - plan->nodes[node].first);
          // Of equal keys the first counts.
          if (seen & bit) found = none;
          seen |= bit;
        }
      }
      uint8_t c = text[start];
      if (c == '"' && text[next - 1] == '"' && !escapes) {
        if (wanted) put(found, KJ_STRING, start + 1, next - 1);
        i += 3;
      } else if (!wanted && !escapes && is_plain_number(text + start, next - start)) {
        i += 3;
      } else {
        i = value(i + 2, found, depth);
        if (i == 0 || i >= count) return 0;
      }
      c = text[at[i++]];
      if (c == '}') return i;
      if (c != ',') return 0;
    }
    return 0;
  }

  uint32_t list(uint32_t i, uint32_t depth) const {
    if (++i < count && text[at[i]] == ']') return i + 1;
    while (i + 1 < count) {
      i = value(i, none, depth);
      if (i == 0 || i >= count) return 0;
      uint8_t c = text[at[i++]];
      if (c == ']') return i;
      if (c != ',') return 0;
    }
    return 0;
  }

  /// The object that ends before `to`, and before which nothing stands from `i` on.
  uint32_t line(uint32_t i, uint32_t to) const {
    if (i >= count || at[i] >= to || text[at[i]] != '{') return 0;
    uint32_t start = at[i];
    i = object<true>(i, 0, 1);
    if (i == 0 || at[i - 1] >= to || (i < count && at[i] < to)) return 0;
    put(0, KJ_MAP, start, at[i - 1] + 1);
    return i;
  }
};

/// Reads lines whose structure `reader->parser` has found, beginning at `shift` in `base`.
void read_lines(
  kj_reader *reader, const uint8_t *base, uint32_t shift, uint32_t length, const kj_line *lines,
  uint32_t count, Plan *plan, kj_place *places, uint8_t *taken) {
  const uint8_t *text = base + shift;
  const uint32_t *at = reader->parser->structural_indexes.get();
  uint32_t indexes = reader->parser->n_structural_indexes, i = 0;
  /// The first backslash that has not been passed.
  int64_t slash = -1;
  for (uint32_t l = 0; l < count; ++l, places += plan->fields) {
    uint32_t from = uint32_t(lines[l].from) - shift, to = uint32_t(lines[l].to) - shift;
    while (i < indexes && at[i] < from) ++i;
    if (slash < int64_t(from)) {
      auto found = static_cast<const uint8_t *>(std::memchr(text + from, '\\', length - from));
      slash = found ? found - text : int64_t(length);
    }
    uint32_t end = slash < int64_t(to)
      ? LineWalk<true>{reader, plan, text, shift, at, indexes, places}.line(i, to)
      : LineWalk<false>{reader, plan, text, shift, at, indexes, places}.line(i, to);
    taken[l] = end > 0;
    if (end) i = end;
  }
}

}  // namespace
