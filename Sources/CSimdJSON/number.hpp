// Numbers and words: their form by RFC 8259, and what they say.
#pragma once

#include "CSimdJSON.h"
#include "text.hpp"

#include <charconv>

namespace {

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

}  // namespace
