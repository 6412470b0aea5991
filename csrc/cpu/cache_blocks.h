// Blocks of memory in the order of their addresses, which the processor foresees. Filters read and write planes in
// strides of rows or channels; where the lines are not in the second-level cache yet, that takes some three times as
// long. Nothing here changes a result.
#pragma once
#include <algorithm>
#include <cstring>

#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

// Bytes of input and output together that a last-level cache does not keep from call to call.
constexpr int64_t kOutOfCache = int64_t{12} << 20;

constexpr int64_t kAskedFor = int64_t{16} << 10;  // bytes

// Whether a block seems to lie beyond the second-level cache, by the time that it takes to read sixteen of its lines at
// once: 60 to 120 ticks from the second level, 200 to 1000 from farther away. True where there is no quick clock.
template <class T>
bool is_far(const T* block, int64_t count) {
#if defined(__SSE2__)
  constexpr int64_t lines = 16;
  constexpr uint64_t near = 150;
  _mm_lfence();
  const uint64_t begin = __builtin_ia32_rdtsc();
  for (int64_t i = 0; i < lines; ++i) static_cast<void>(*static_cast<const volatile T*>(block + i * count / lines));
  _mm_lfence();
  return __builtin_ia32_rdtsc() - begin > near;
#else
  static_cast<void>(block), static_cast<void>(count);
  return true;
#endif
}

// Into the second-level cache, before it is read in another order. A small block costs less to read than to ask for.
template <class T>
void bring_in(const T* block, int64_t count) {
  if (count * int64_t{sizeof(T)} >= kAskedFor && !is_far(block, count)) return;
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < count; i += line) static_cast<void>(*static_cast<const volatile T*>(block + i));
}

// Zeros, before it is written in another order: lines written as a whole need not be read from memory first.
template <class T>
void claim(T* block, int64_t count) {
  std::memset(block, 0, static_cast<size_t>(count) * sizeof(T));
}

// A copy past the caches.
template <class T>
void stream_out(const T* block, int64_t count, T* to) {
  const int64_t before = (kVectorBytes - reinterpret_cast<uintptr_t>(to) % kVectorBytes) % kVectorBytes / sizeof(T);
  int64_t i = std::min(count, before);
  std::copy(block, block + i, to);
  for (; i + kLanes<T> <= count; i += kLanes<T>) stream<T>(to + i, load<T>(block + i));
  std::copy(block + i, block + count, to + i);
  end_of_stream();
}

}  // namespace activefreq::AF_ISA
