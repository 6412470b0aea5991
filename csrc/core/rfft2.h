// rfft2 and irfft2: planes of real numbers to half spectra over height and width, and back, with a factor per frequency
// (a gate) on the way back.
//
//   rfft2    X(u, v) = s sum_{y, x} x(y, x) e^(-2 pi i (u y / H + v x / W)),  v = 0 .. W / 2
//   irfft2   y = s sum_{u, v} h(v) Re(gate(u, v) S(u, v) e^(+2 pi i (u y / H + v x / W)))
//
// with h = 1 at DC and Nyquist of the width, which are their own mirror, and 2 elsewhere: what the imaginary part of
// these two columns would add after the transform over the height is dropped. Each direction has an adjoint with the
// same sums: that of irfft2 is rfft2 times h, that of rfft2 is irfft2 with h = 1 everywhere. So
//   gradient of x in rfft2            = adjoint of rfft2 on the gradient;
//   P = adjoint of irfft2 on g:  gradient of S = conj(gate) P, gradient of gate = conj(S) P, the real part where the
//                                gate is real.
#pragma once
#include "core/portable.h"

namespace activefreq {

enum class Gate : int32_t { none, real, complex };

// Tensors are contiguous: planes (planes, height, width), spectra (planes, height, width / 2 + 1) of real and imaginary
// part side by side, gates of the spectra's shape.
template <class T>
struct Rfft2 {
  const T* input;
  T* spectrum;
  int64_t planes, height, width;
  T scale;       // s
  bool adjoint;  // of irfft2
};

template <class T>
struct Irfft2 {
  const T* spectrum;
  const T* gate;  // null: none
  Gate kind;
  T* output;
  int64_t planes, height, width;
  T scale;       // s
  bool adjoint;  // of rfft2
};

template <class T>
struct Irfft2Backward {
  Rfft2<T> transform;  // adjoint, of the gradient; its spectrum takes the gradient of S
  const T* spectrum;   // S
  const T* gate;
  Gate kind;  // real or complex
  T* gate_gradient;
};

}  // namespace activefreq
