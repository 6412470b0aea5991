// Blocks of memory in the order of their addresses, which the processor foresees. Filters read and write planes in
// strides of rows or channels; where the lines are not in the second-level cache yet, that takes some three times as
// long.
#pragma once
#include <cstring>

#include "core/portable.h"

namespace activefreq::AF_ISA {

// Bytes of input and output together that a last-level cache does not keep from call to call.
constexpr int64_t kOutOfCache = int64_t{12} << 20;

// Into the second-level cache, before it is read in another order.
template <class T>
void bring_in(const T* block, int64_t count) {
  constexpr int64_t line = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < count; i += line) static_cast<void>(*static_cast<const volatile T*>(block + i));
}

// Zeros, before it is written in another order: lines written as a whole need not be read from memory first.
template <class T>
void claim(T* block, int64_t count) {
  std::memset(block, 0, static_cast<size_t>(count) * sizeof(T));
}

}  // namespace activefreq::AF_ISA
