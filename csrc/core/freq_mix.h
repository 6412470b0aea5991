// freq_mix: the four quarters of the channels, each mixed its own way (the whole FreqModule).
#pragma once
#include "core/spectral_filter.h"

namespace activefreq {

template <class T>
struct FreqMix {
  const T* input;  // x (batch, channels, height, width), and in the backward pass the gradient of y
  T* output;       // as input
  int64_t batch, channels, height, width;  // channels = 4 quarter
  const T* conv_weight;                    // (quarter, 1, 3, 3): depth-wise, zero padding 1, on the first quarter
  const T* conv_bias;                      // (quarter), or null
  const T* weight_hw;                      // (quarter, height, width/2 + 1, 2), or null: the quarter passes unchanged
  const T* weight_hc;                      // (quarter, height/2 + 1, 2), shared over the width, or null
  const T* weight_wc;                      // (quarter, width/2 + 1, 2), shared over the height, or null
};

template <class T>
struct FreqMixBackward {
  FreqMix<T> mix;           // input: the gradient of y; output: the gradient of x; conv_bias unused
  const T* input;           // x of the forward pass
  T* conv_weight_gradient;  // shapes as the weights; the filters' are null where the weight is
  T* conv_bias_gradient;    // or null
  T* weight_hw_gradient;
  T* weight_hc_gradient;
  T* weight_wc_gradient;
};

}  // namespace activefreq
