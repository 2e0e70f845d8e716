// Texts of JSON strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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

}  // namespace
