// haar_dwt2 and haar_idwt2: one level of the orthonormal Haar transform of planes, and its inverse.
//
// A block [[a, b], [c, d]] becomes ll = (a + b + c + d) / 2, lh = (a - b + c - d) / 2, hl = (a + b - c - d) / 2 and
// hh = (a - b - c + d) / 2; the matrix is symmetric and its own inverse. An odd size leaves half a block at the end.
// Both directions say what the missing samples are, so that each is the other's adjoint:
//   analysis,  repeat: they repeat the last sample (the forward transform);  else they are 0;
//   synthesis, repeat: they are added to the last sample;                    else they are dropped (the inverse).
// The gradient of one direction is the other with the same `repeat`.
#pragma once
#include "core/portable.h"

namespace activefreq {

template <class T>
struct HaarAnalysis {
  const T* input;  // (planes, height, width)
  T* band[4];      // ll, lh, hl, hh, each (planes, ceil(height / 2), ceil(width / 2)); the first letter is along height
  int64_t planes, height, width;
  bool repeat;
};

template <class T>
struct HaarSynthesis {
  const T* band[4];  // as above
  T* output;         // (planes, height, width)
  int64_t planes, height, width;
  bool repeat;
};

namespace AF_ISA {

template <class T>
struct HaarBlock {
  T v[4];
};

// (a, b, c, d) -> (ll, lh, hl, hh), and back.
template <class T>
AF_HOST_DEVICE inline HaarBlock<T> haar_block(T a, T b, T c, T d) {
  const T half = static_cast<T>(0.5);
  const T top_sum = a + b, top_difference = a - b, bottom_sum = c + d, bottom_difference = c - d;
  return {{(top_sum + bottom_sum) * half, (top_difference + bottom_difference) * half, (top_sum - bottom_sum) * half,
           (top_difference - bottom_difference) * half}};
}

}  // namespace AF_ISA
}  // namespace activefreq
