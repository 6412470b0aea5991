// What one call of freq_mix or spectral_filter on a GPU is given: pointers to device memory, shapes, the path.
#pragma once
#include "core/freq_mix_plan.h"

namespace activefreq {

struct FreqMixCall {
  const void* input;   // x (batch, channels, height, width)
  const void* source;  // x, or in the backward pass the gradient of y
  void* output;        // y, or the gradient of x
  Element element;
  bool backward;
  Path path;
  FreqMixShape shape;
  const float *conv_weight, *conv_bias;  // bias or null
  const Point* weight[kFilters];         // or null: the quarter passes unchanged
  float *conv_weight_gradient, *conv_bias_gradient;
  Point* weight_gradient[kFilters];
  void* workspace;  // as many bytes as asked for, aligned to 256
};

struct SpectralFilterCall {
  const void *input, *source;
  void* output;
  Element element;
  bool backward;
  Path path;
  FilterAxes axes;
  const Point* weight;
  Point* weight_gradient;
  void* workspace;
};

}  // namespace activefreq
