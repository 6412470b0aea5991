// The output of a large batch is fresh memory at every call, because allocators give so much back to the system. In
// pages of 4 KiB the system then takes longer to hand it out than an operator takes to fill it.
#pragma once
#include "core/portable.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace activefreq::AF_ISA {

// Ask for huge pages for an output that is about to be written. Only a hint: it changes no contents and may do nothing.
inline void prefer_huge_pages(void* begin, int64_t bytes) {
#if defined(__linux__)
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t last = (reinterpret_cast<uintptr_t>(begin) + static_cast<uintptr_t>(bytes)) / kHugePage * kHugePage;
  if (last >= first + 2 * kHugePage) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)begin, (void)bytes;
#endif
}

}  // namespace activefreq::AF_ISA
