#include "CRE2.h"

#include <re2/re2.h>

#include <cstring>
#include <exception>
#include <string>

struct cre2_pattern {
  re2::RE2 pattern;
  cre2_pattern(re2::StringPiece text, const re2::RE2::Options &options) : pattern(text, options) {}
};

static re2::StringPiece piece(const uint8_t *text, size_t size) {
  return re2::StringPiece(size ? reinterpret_cast<const char *>(text) : "", size);
}

static void tell(char *reason, size_t size, const std::string &text) {
  if (size == 0) return;
  size_t length = text.size() < size - 1 ? text.size() : size - 1;
  std::memcpy(reason, text.data(), length);
  reason[length] = 0;
}

cre2_pattern *cre2_compile(const uint8_t *text, size_t size, char *reason, size_t reason_size) {
  cre2_pattern *made = nullptr;
  try {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    made = new cre2_pattern(piece(text, size), options);
    if (made->pattern.ok()) return made;
    tell(reason, reason_size, made->pattern.error());
  } catch (const std::exception &error) {
    if (reason_size) reason[0] = 0;
  } catch (...) {
    if (reason_size) reason[0] = 0;
  }
  delete made;
  return nullptr;
}

bool cre2_matches(const cre2_pattern *pattern, const uint8_t *text, size_t size) {
  try {
    return re2::RE2::PartialMatch(piece(text, size), pattern->pattern);
  } catch (...) {
    return false;
  }
}

void cre2_free(cre2_pattern *pattern) { delete pattern; }
