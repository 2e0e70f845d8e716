// A few members of a flat object, without a first stage: for documents that have been checked.
#pragma once

#include "lines.hpp"

namespace {

/// Bit 7 of each byte of `value` that equals `c`; exact up to the first such byte.
uint64_t equals(uint64_t value, uint8_t c) {
  uint64_t v = value ^ (0x0101010101010101 * c);
  return (v - 0x0101010101010101) & ~v & 0x8080808080808080;
}

/// Walks over a document byte by byte, or rather eight by eight. 16 bytes can be read behind it.
/// Whatever it does not take (containers within, escapes, white space but blanks), `Walk` reads.
struct Pick {
  Plan *plan;
  const uint8_t *text;
  uint32_t length, shift;
  kj_field *fields;
  uint32_t i = 0;

  /// To the first quote or backslash from `i` on; false: there is none, or it is a backslash.
  bool to_quote() {
    while (i < length) {
      uint64_t bytes = load8(text + i);
      uint64_t found = equals(bytes, '"') | equals(bytes, '\\');
      if (found) {
        i += uint32_t(__builtin_ctzll(found)) / 8;
        return i < length && text[i] == '"';
      }
      i += 8;
    }
    return false;
  }

  bool is_at(uint8_t c) {
    while (text[i] == ' ') {
      if (++i >= length) return false;
    }
    return i < length && text[i] == c;
  }

  bool value(kj_field *field) {
    if (is_at('"')) {
      uint32_t from = ++i;
      if (!to_quote()) return false;
      if (field) *field = placed(KJ_STRING, from, i);
      ++i;
      return true;
    }
    uint32_t from = i;
    while (i < length && text[i] != ',' && text[i] != '}') {
      if (text[i] == '{' || text[i] == '[') return false;
      ++i;
    }
    if (!field) return true;
    uint32_t to = i;
    while (to > from && is_space(text[to - 1])) --to;
    *field = placed(KJ_MISSING, from, to);
    return word(text + from, to - from, field) || number(text + from, to - from, field) == KJ_OK;
  }

  kj_field placed(uint8_t kind, uint32_t from, uint32_t to) const {
    return {kind, 0, 0, from + shift, to - from, 0, from + shift, to - from, 0, 0};
  }

  /// Whether all that the plan wants was found, or is not there.
  bool read() {
    if (length < 2 || !is_at('{')) return false;
    ++i;
    if (is_at('}')) return i + 1 == length;
    uint32_t *guess = &plan->nodes[0].begins;
    uint32_t missing = plan->fields;
    uint64_t seen = 0;
    while (is_at('"')) {
      uint32_t key = ++i;
      if (!to_quote()) return false;
      uint32_t found = named(plan, 0, guess, text + key, i - key);
      ++i;
      if (!is_at(':')) return false;
      ++i;
      kj_field *field = nullptr;
      if (found != none) {
        guess = &plan->nodes[found].next;
        uint64_t bit = uint64_t(1) << (found - plan->nodes[0].first);
        // Of equal keys the first counts.
        if (!(seen & bit)) field = &fields[plan->nodes[found].field];
        seen |= bit;
      }
      if (i >= length || !value(field)) return false;
      if (field && --missing == 0) return true;
      if (is_at('}')) return i + 1 == length;
      if (!is_at(',')) return false;
      ++i;
    }
    return false;
  }
};

}  // namespace
