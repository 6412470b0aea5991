// spectral_filter: y = inverse transform of (weight x transform of x) over two or three axes of a real tensor.
//
// The last axis is the half axis of the real transform, N/2 + 1 frequencies. Before the inverse along it, the
// imaginary part at its DC and Nyquist frequency is dropped; that equals a weight made Hermitian there,
// (W(u) + conj W(-u)) / 2 with u the frequencies of the other axes.
//
// Gradients. With X and G the half spectra of x and of the gradient g, N the number of points of a plane and c = 1
// at DC and Nyquist of the half axis, 2 elsewhere:
//   gradient of x      = the same filter on g, with conj(weight);
//   gradient of weight = c / N  sum over the planes that share it of conj(X) G.
#pragma once
#include "core/portable.h"

namespace activefreq {

constexpr int kMaxPlaneAxes = 8;

// One axis of a tensor: its size, and its strides in x (and y) and in the weight, in elements of T.
struct FilterAxis {
  int64_t size, stride, weight_stride;
};

template <class T>
struct SpectralFilter {
  const T* input;    // x, and in the backward pass the gradient of y
  T* output;         // y, and in the backward pass the gradient of x; strides as input, does not overlap it
  const T* weight;   // real and imaginary part side by side
  bool conjugate;    // filter with conj(weight)
  FilterAxis outer;  // transformed axes; the half axis has weight_stride per frequency. Two axes: middle is 1 long
  FilterAxis middle;
  FilterAxis half;
  FilterAxis plane[kMaxPlaneAxes];  // the axes that are not transformed, slowest first; weight_stride 0: shared
  int plane_axes;
};

template <class T>
struct SpectralFilterBackward {
  SpectralFilter<T> filter;  // on the gradient, conjugate
  const T* input;            // x of the forward pass, strides as the gradient
  T* weight_gradient;        // strides as weight
};

}  // namespace activefreq
