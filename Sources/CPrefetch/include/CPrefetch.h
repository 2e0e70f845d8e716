// A hint to the processor that memory will be read soon. It reads nothing, and no address is wrong.
#ifndef CPREFETCH_H
#define CPREFETCH_H

static inline void kp_prefetch(const void *_Nullable place) { __builtin_prefetch(place); }

#endif
