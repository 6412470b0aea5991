// The output of a large batch is fresh memory at every call, because allocators give so much back to the system. In
// pages of 4 KiB the system then takes longer to hand it out than an operator takes to fill it.
#pragma once
#include "core/portable.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace activefreq::AF_ISA {

// Ask for huge pages for an output of `count` values that is about to be written. Only a hint: it changes no contents
// and may do nothing.
template <class T>
void prefer_huge_pages(T* output, int64_t count) {
#if defined(__linux__)
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(output), end = reinterpret_cast<uintptr_t>(output + count);
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage, last = end / kHugePage * kHugePage;
  if (last >= first + 2 * kHugePage) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)output, (void)count;
#endif
}

}  // namespace activefreq::AF_ISA
