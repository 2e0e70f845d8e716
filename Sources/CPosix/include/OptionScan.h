#ifndef KAIROS_OPTION_SCAN_H
#define KAIROS_OPTION_SCAN_H

#include <getopt.h>
#include <stddef.h>

/* getopt_long with its global variables as values. The caller sees to it that scans do not overlap;
   one begins with `next` at 0. */
typedef struct {
  int next;           /* optind */
  int unknown;        /* optopt */
  const char *value;  /* optarg */
} kairos_option_scan;

static inline int kairos_next_option(
    int argc, char *const argv[], const char *letters, const struct option *names,
    kairos_option_scan *scan) {
  opterr = 0;
  optopt = 0;
  optind = scan->next;
  int found = getopt_long(argc, argv, letters, names, NULL);
  scan->next = optind;
  scan->unknown = optopt;
  scan->value = optarg;
  return found;
}

#endif
