// The depth-wise 3x3 convolution of the first quarter of the channels, zero padding 1, and its gradients, over a group
// of ranks (core/group.h).
//
// A rank walks kWalkRows rows down a column with the window in registers: 3 reads a row. Backward it is the same walk
// over the gradient with turned taps, and beside it the sums of gradient times the window of x, which the group adds up
// along a tree of fixed shape.
#pragma once
#include "core/element_types.h"

namespace activefreq {

struct Depthwise {
  int64_t batch, height, width;
  int64_t channels, quarter;  // of x; of the convolution: the first ones
  int64_t slices;             // blocks per channel
  const float* tap;           // (quarter, 3, 3)
  const float* bias;          // (quarter), or null
  float* partial;             // backward: (quarter, slices, 10), sums for nine taps and the bias
  float* tap_gradient;        // (quarter, 3, 3)
  float* bias_gradient;       // (quarter), or null
};

constexpr int kWalkRows = 8;
constexpr int kDepthwiseSums = 10;

AF_HOST_DEVICE inline int64_t depthwise_walks(const Depthwise& p) {  // of one channel
  return p.batch * ((p.height + kWalkRows - 1) / kWalkRows) * p.width;
}

namespace AF_ISA {

// Nine neighbours; row h of the plane becomes the bottom one.
struct Window {
  float v[9];
  template <class T>
  AF_DEVICE inline void push(const T* plane, int64_t h, int64_t w, int64_t height, int64_t width) {
    for (int j = 0; j < 6; ++j) v[j] = v[j + 3];
    const bool inside = h >= 0 && h < height;
    const T* at = plane + (h * width + w);
    v[6] = inside && w > 0 ? to_float(at[-1]) : 0.f;
    v[7] = inside ? to_float(at[0]) : 0.f;
    v[8] = inside && w + 1 < width ? to_float(at[1]) : 0.f;
  }
};

AF_DEVICE inline int64_t quotient(int64_t n, int64_t d) {  // a division of 64 bits takes a hundred instructions
  return (n | d) >> 32 ? n / d : static_cast<int64_t>(static_cast<uint32_t>(n) / static_cast<uint32_t>(d));
}

// Slice `block` % slices of channel `block` / slices. `scratch` holds kDepthwiseSums numbers per rank, backward only.
template <bool kBackward, class T, class Group>
AF_DEVICE inline void depthwise_block(Group& group, const Depthwise& p, const T* input, const T* source, T* output,
                                      int64_t block, float* scratch) {
  const int64_t channel = block / p.slices, slice = block - channel * p.slices;
  const int size = static_cast<int>(group.size()), rank = static_cast<int>(group.rank());
  const int64_t walks = depthwise_walks(p), per_sample = walks / p.batch;
  float tap[9], sums[kDepthwiseSums] = {};
  for (int i = 0; i < 9; ++i) tap[i] = p.tap[9 * channel + (kBackward ? 8 - i : i)];
  const float bias = !kBackward && p.bias ? p.bias[channel] : 0.f;
  for (int64_t walk = slice * size + rank; walk < walks; walk += p.slices * size) {
    const int64_t sample = quotient(walk, per_sample), rest = walk - sample * per_sample;
    const int64_t strip = quotient(rest, p.width), w = rest - strip * p.width, top = strip * kWalkRows;
    const int64_t plane = (sample * p.channels + channel) * p.height * p.width;
    Window near = {}, near_x = {};
    for (int64_t h = top - 1; h <= top + kWalkRows && h <= p.height; ++h) {  // row h arrives, row h - 1 is complete
      near.push(source + plane, h, w, p.height, p.width);
      if constexpr (kBackward) near_x.push(input + plane, h, w, p.height, p.width);
      if (h <= top) continue;
      float sum = bias;
      for (int i = 0; i < 9; ++i) {
        sum += tap[i] * near.v[i];
        if constexpr (kBackward) sums[i] += near.v[4] * near_x.v[i];
      }
      sums[9] += near.v[4];
      from_float(sum, output[plane + (h - 1) * p.width + w]);
    }
  }
  if constexpr (kBackward) {
    for (int i = 0; i < kDepthwiseSums; ++i) scratch[i * size + rank] = sums[i];
    int most = 1;
    while (most < size) most *= 2;
    for (int half = most / 2; half > 0; half /= 2) {
      group.sync();
      if (rank < half && rank + half < size)
        for (int i = 0; i < kDepthwiseSums; ++i) scratch[i * size + rank] += scratch[i * size + rank + half];
    }
    group.sync();
    for (int i = rank; i < kDepthwiseSums; i += size) p.partial[block * kDepthwiseSums + i] = scratch[i * size];
  }
}

// One rank per channel and sum, slices in their order.
template <class Group>
AF_DEVICE inline void sum_depthwise(Group& group, const Depthwise& p, int64_t block) {
  const int64_t output = block * group.size() + group.rank(), channel = output / kDepthwiseSums;
  const int which = static_cast<int>(output - channel * kDepthwiseSums);
  if (channel >= p.quarter) return;
  float sum = 0;
  for (int64_t s = 0; s < p.slices; ++s) sum += p.partial[(channel * p.slices + s) * kDepthwiseSums + which];
  if (which < 9)
    p.tap_gradient[9 * channel + which] = sum;
  else if (p.bias_gradient)
    p.bias_gradient[channel] = sum;
}

}  // namespace AF_ISA
}  // namespace activefreq
