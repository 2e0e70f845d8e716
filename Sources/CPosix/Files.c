#define _GNU_SOURCE
#include "Files.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>

int kairos_open(const char *path, int flags, int mode) {
  return open(path, flags | O_CLOEXEC, (mode_t)mode);
}

int kairos_lock_exclusively(int descriptor) {
  return flock(descriptor, LOCK_EX | LOCK_NB);
}

int kairos_unlock(int descriptor) { return flock(descriptor, LOCK_UN); }

int kairos_cores(void) {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

#if defined(__x86_64__)

#include <nmmintrin.h>

int kairos_has_crc32c(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2")))
uint32_t kairos_crc32c(uint32_t crc, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  uint64_t state = ~crc;
  for (; count >= 8; count -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  uint32_t rest = (uint32_t)state;
  for (; count > 0; count--, at++) rest = _mm_crc32_u8(rest, *at);
  return ~rest;
}

#else

int kairos_has_crc32c(void) { return 0; }

uint32_t kairos_crc32c(uint32_t crc, const void *bytes, size_t count) {
  (void)bytes;
  (void)count;
  return crc;
}

#endif
