/* rekey KIND CUSTOMERS < events.ndjson
 *
 * The same events, given to customers by another rule. KIND: `uniform`; `zipf` (rank k with a weight of 1/k);
 * `hot` (one customer has 30 %, the rest is uniform). Always the same output for the same input. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char mark[] = "\"customer\":\"c";

/* SplitMix64. */
static uint64_t mixed(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static double fraction(uint64_t random) { return (double)(random >> 11) * 0x1.0p-53; }

int main(int count, char **words) {
  long customers = count == 3 ? atol(words[2]) : 0;
  if (customers < 1 || customers > 99999999) return 64;
  int zipf = !strcmp(words[1], "zipf"), hot = !strcmp(words[1], "hot");
  if (!zipf && !hot && strcmp(words[1], "uniform")) return 64;
  double *sums = calloc((size_t)customers, sizeof *sums), sum = 0;
  if (!sums) return 71;
  for (long k = 0; zipf && k < customers; k++) sums[k] = sum += 1.0 / (double)(k + 1);
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  for (uint64_t number = 0; (length = getline(&line, &room, stdin)) > 0; number++) {
    double u = fraction(mixed(2 * number)), v = fraction(mixed(2 * number + 1));
    long customer = (long)(u * (double)customers);
    if (zipf) {
      long low = 0, high = customers - 1;
      while (low < high) {
        long middle = (low + high) / 2;
        if (sums[middle] < u * sum) low = middle + 1;
        else high = middle;
      }
      customer = low;
    }
    if (hot && v < 0.3) customer = 0;
    char *place = strstr(line, mark), digits[16];
    if (!place) return 65;
    snprintf(digits, sizeof digits, "%08ld", customer);
    memcpy(place + sizeof mark - 1, digits, 8);
    fwrite(line, 1, (size_t)length, stdout);
  }
  return fflush(stdout) ? 74 : 0;
}
