#ifndef KAIROS_FILES_H
#define KAIROS_FILES_H

#include <stddef.h>
#include <stdint.h>

/// open(2), which is variadic and so unknown to Swift. Always with O_CLOEXEC.
int kairos_open(const char *path, int flags, int mode);

/// flock(2) with LOCK_EX | LOCK_NB, whose name in Swift belongs to a struct. 0, or -1 and errno.
int kairos_lock_exclusively(int descriptor);

/// flock(2) with LOCK_UN. 0, or -1 and errno.
int kairos_unlock(int descriptor);

/// How many cores this process may use, by sched_getaffinity(2); 1 if that cannot be told.
int kairos_cores(void);

/// Whether the CPU has an instruction for CRC-32C that `kairos_crc32c` can use.
int kairos_has_crc32c(void);

/// CRC-32C by that instruction; call it only if there is one. Begin with 0, go on with the result.
uint32_t kairos_crc32c(uint32_t crc, const void *bytes, size_t count);

#endif
