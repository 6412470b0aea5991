// 32 pixels as the bits of one word, the first pixel lowest: what a warp's ballot gives.
#pragma once
#include "core/portable.h"

namespace activefreq::AF_ISA {

constexpr uint32_t kAllBits = ~uint32_t{0};

AF_HOST_DEVICE constexpr int words32_of(int width) { return (width + 31) / 32; }

// Places of the highest and the lowest set bit of a word that is not 0, and how many are set.
#ifdef __CUDACC__
AF_DEVICE inline int highest_bit32(uint32_t word) { return 31 - __clz(static_cast<int>(word)); }
AF_DEVICE inline int lowest_bit32(uint32_t word) { return __ffs(static_cast<int>(word)) - 1; }
AF_DEVICE inline int count_bits32(uint32_t word) { return __popc(word); }
#else
inline int highest_bit32(uint32_t word) { return 31 - __builtin_clz(word); }
inline int lowest_bit32(uint32_t word) { return __builtin_ctz(word); }
inline int count_bits32(uint32_t word) { return __builtin_popcount(word); }
#endif

}  // namespace activefreq::AF_ISA
