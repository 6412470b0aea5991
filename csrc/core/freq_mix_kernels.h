// freq_mix and spectral_filter in one launch: each block of a grid has a role by its index, filters first, then the
// depth-wise convolution; a filter without a weight copies its planes. Backward, a second launch sums what the slices
// left.
#pragma once
#include "core/cluster_filter_kernels.h"
#include "core/depthwise_kernels.h"

namespace activefreq {

constexpr int kFilters = 3, kConvolution = 3, kRoles = 4;

struct MixBlocks {
  FilterTensors tensors;
  TiledFilter filter[kFilters];
  Depthwise convolution;
  int64_t quarter_points;   // elements of a quarter of one sample: what a filter without weight copies
  int64_t end[kRoles];      // block indices where the roles end
  int64_t sum_end[kRoles];  // likewise of the second launch
};

constexpr int kCopyPoints = 8192;  // of a block

namespace AF_ISA {

AF_DEVICE inline int take_role(const int64_t* end, int64_t& block) {
  int role = 0;
  while (role < kRoles - 1 && block >= end[role]) ++role;
  if (role > 0) block -= end[role - 1];
  return role;
}

// These two are functions of their own on a GPU: six variants of them in every kernel would be most of its code.
template <class Group>
AF_DEVICE AF_NOINLINE void copy_block(Group& group, const MixBlocks& m, int64_t origin, int64_t block) {
  const int64_t blocks = (m.quarter_points + kCopyPoints - 1) / kCopyPoints, sample = block / blocks;
  const int64_t first = (block - sample * blocks) * kCopyPoints;
  const int64_t start = origin + sample * 4 * m.quarter_points + first;
  const int64_t left = m.quarter_points - first;
  const int count = static_cast<int>(left < kCopyPoints ? left : kCopyPoints);
  if (m.tensors.element == Element::float32) {
    for (int i = static_cast<int>(group.rank()); i < count; i += static_cast<int>(group.size()))
      static_cast<float*>(m.tensors.output)[start + i] = static_cast<const float*>(m.tensors.source)[start + i];
  } else {
    for (int i = static_cast<int>(group.rank()); i < count; i += static_cast<int>(group.size()))
      static_cast<uint16_t*>(m.tensors.output)[start + i] = static_cast<const uint16_t*>(m.tensors.source)[start + i];
  }
}

template <class Group>
AF_DEVICE AF_NOINLINE void convolution_block(Group& group, const MixBlocks& m, int64_t block, Point* memory) {
  with_element(m.tensors.element, [&](auto type) {
    using T = decltype(type);
    const FilterTensors& t = m.tensors;
    const T *input = static_cast<const T*>(t.input), *source = static_cast<const T*>(t.source);
    T* const output = static_cast<T*>(t.output);
    if (t.backward)
      depthwise_block<true>(group, m.convolution, input, source, output, block, reinterpret_cast<float*>(memory));
    else
      depthwise_block<false>(group, m.convolution, input, source, output, block, reinterpret_cast<float*>(memory));
  });
}

// filter(role, block within the role) is the caller's: the tile's size may be known at compile time.
template <class Group, class Filter>
AF_DEVICE AF_INLINE void mix_block(Group& group, const MixBlocks& m, int64_t block, Point* memory, Filter filter) {
  const int role = take_role(m.end, block);
  if (role == kConvolution)
    convolution_block(group, m, block, memory);
  else if (m.filter[role].weight)
    filter(role, block);
  else
    copy_block(group, m, m.filter[role].origin, block);
}
template <class Group>
AF_DEVICE AF_INLINE void general_mix_block(Group& group, const MixBlocks& m, int64_t block, Point* memory) {
  mix_block(group, m, block, memory, [&](int role, int64_t which) {
    filter_block(group, m.filter[role], GeneralTile{m.filter[role]}, m.tensors, which, memory);
  });
}

// A layer with C/4 = kQuarter and H = W = kSide: (H, W) planes, and (C/4, H) or (C/4, W) planes.
template <int kQuarter, int kSide>
struct FixedLayer {
  // Pairs per tile: 14 to 31 KB, so that several blocks share a processor; (H, W) planes from 56 on stand alone.
  static constexpr int kPlaneLog2Pairs = kSide >= 56 ? 0 : kSide >= 28 ? 1 : kSide >= 14 ? 3 : 4;
  static constexpr int kChannelLog2Pairs = kSide == 14 && kQuarter == 32 ? 3 : 2;
  static constexpr int kThreads = kSide >= 112 ? 256 : 128;
  // Blocks that share a processor's registers: with butterflies of 28 points, or of 16 beside those of 8 and 7, a
  // thread needs more than the 128 of them that four blocks would leave.
  static constexpr int kBlocks = kThreads == 256 ? 2 : kSide == 28 || kQuarter == 16 ? 3 : 4;
  using Plane = FixedTile<kSide, kSide, kPlaneLog2Pairs, false>;
  using Channel = FixedTile<kQuarter, kSide, kChannelLog2Pairs, true>;
};
template <int kQuarter, int kSide, class Group>
AF_DEVICE AF_INLINE void fixed_mix_block(Group& group, const MixBlocks& m, int64_t block, Point* memory) {
  using Layer = FixedLayer<kQuarter, kSide>;
  mix_block(group, m, block, memory, [&](int role, int64_t which) {
    if (role == 0)
      filter_block(group, m.filter[0], typename Layer::Plane(), m.tensors, which, memory);
    else
      filter_block(group, m.filter[role], typename Layer::Channel(), m.tensors, which, memory);
  });
}

// The same layer where the (H, W) planes of a small batch get a cluster each, and the other tiles are narrow.
template <int kQuarter, int kSide>
struct SmallBatchLayer {
  static constexpr int kBlocks = kSide >= 112 ? 8 : 4;  // of a cluster: 14 lines for each
  static constexpr int kChannelLog2Pairs = 1;
  static constexpr int kThreads = kSide >= 112 ? 256 : 128;
  using Channel = FixedTile<kQuarter, kSide, kChannelLog2Pairs, true>;
};
template <int kQuarter, int kSide, class Group>
AF_DEVICE AF_INLINE void small_batch_block(Group& group, const MixBlocks& m, int64_t block, Point* memory) {
  using Layer = SmallBatchLayer<kQuarter, kSide>;
  if (block >= m.end[kConvolution]) return;  // fills the last cluster
  mix_block(group, m, block, memory, [&](int role, int64_t which) {
    if (role == 0)  // the first blocks: clusters and tiles begin together
      cluster_filter<kSide, Layer::kBlocks>(group, m.filter[0], m.tensors, which / Layer::kBlocks, memory);
    else
      filter_block(group, m.filter[role], typename Layer::Channel(), m.tensors, which, memory);
  });
}

template <class Group>
AF_DEVICE inline void sum_block(Group& group, const MixBlocks& m, int64_t block, Point* memory) {
  const int role = take_role(m.sum_end, block);
  if (role == kConvolution)
    sum_depthwise(group, m.convolution, block);
  else
    sum_gradient(group, m.filter[role], block, memory);
}

}  // namespace AF_ISA
}  // namespace activefreq
