#ifndef KAIROS_CRE2_H
#define KAIROS_CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A compiled pattern. It may be used by many threads at once.
typedef struct cre2_pattern cre2_pattern;

/// Compiles a pattern of UTF-8. NULL if it is none, or needs too much memory: then `reason` holds
/// why, cut to `reason_size` bytes with its closing zero. Throws nothing.
cre2_pattern *cre2_compile(const uint8_t *text, size_t size, char *reason, size_t reason_size);

/// Whether the pattern fits some part of `text`.
bool cre2_matches(const cre2_pattern *pattern, const uint8_t *text, size_t size);

void cre2_free(cre2_pattern *pattern);

#ifdef __cplusplus
}
#endif
#endif
