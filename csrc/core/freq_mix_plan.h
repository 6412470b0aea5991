// The host's part of core/freq_mix_kernels.h: how filters are cut into tiles, blocks and slices, which of them have to
// take another path, and what memory they need. Plain arithmetic: no CUDA, no allocation.
#pragma once
#include <algorithm>

#include "core/freq_mix_kernels.h"

namespace activefreq {

// What of a GPU the plan depends on; so do, in their last bits, the weights' gradients.
struct Machine {
  int64_t processors, shared_bytes;  // of the device; most that a block may have
};

// The transformed and the other axes of a filter: sizes, strides in elements of x and in complex numbers of the weight.
struct FilterAxes {
  FilterAxis outer, middle, half;  // two axes: middle is 1 long
  FilterAxis plane[kMaxPlaneAxes];
  int plane_axes;
};

struct FreqMixShape {
  int64_t batch, channels, height, width;
};

// The three filters of a FreqModule.
inline FilterAxes freq_mix_axes(const FreqMixShape& s, int filter) {
  const int64_t quarter = s.channels / 4, plane = s.height * s.width, h = s.height / 2 + 1, w = s.width / 2 + 1;
  FilterAxes axes = {};
  axes.middle = {1, 0, 0};
  axes.plane_axes = 2;
  axes.plane[0] = {s.batch, s.channels * plane, 0};
  if (filter == 0) {
    axes.outer = {s.height, s.width, w};
    axes.half = {s.width, 1, 1};
    axes.plane[1] = {quarter, plane, s.height * w};
  } else if (filter == 1) {
    axes.outer = {quarter, plane, h};
    axes.half = {s.height, s.width, 1};
    axes.plane[1] = {s.width, 1, 0};
  } else {
    axes.outer = {quarter, plane, w};
    axes.half = {s.width, 1, 1};
    axes.plane[1] = {s.height, s.width, 0};
  }
  return axes;
}

enum class Path : int32_t { automatic, fused, cufft };

namespace AF_ISA {

// ---- One filter
// ------------------------------------------------------------------------------------------------------
inline void lay_out(TiledFilter& p, int log2_pairs, bool pairs_first) {
  const int n1 = p.axis1.size, n2 = p.axis2.size, pitch = n2 | 1, pairs = 1 << log2_pairs;
  p.log2_pairs = log2_pairs;
  p.pairs_first = pairs_first;
  p.row = pairs_first ? pitch * pairs : pitch;
  p.column = pairs_first ? pairs : 1;
  p.depth = pairs_first ? 1 : n1 * pitch | 1;
  p.tile_points = pairs_first ? n1 * pitch * pairs : p.depth * pairs;
  p.by_lines1 = divide_by(n1 * pairs);
  p.by_lines2 = divide_by(n2 * pairs);
  p.by_heads = divide_by(n2 / p.axis2.stage[p.axis2.stages - 1].radix * pairs);
  p.tiles = (p.planes + 2 * pairs - 1) / (2 * pairs);
  p.group_tiles = p.repeats.combinations * p.tiles;
}

inline int64_t tile_bytes(const TiledFilter& p) { return static_cast<int64_t>(sizeof(Point)) * p.tile_points; }
inline int64_t table_bytes(const TiledFilter& p) { return tile_table_bytes(p.axis1.size, p.axis2.size); }
inline bool products_in_shared(const TiledFilter& p, const Machine& machine) {  // with two blocks per processor
  return 2 * tile_bytes(p) + table_bytes(p) <= machine.shared_bytes / 2;
}
inline int64_t shared_bytes(const TiledFilter& p, const Machine& machine, bool backward) {
  return tile_bytes(p) * (backward && products_in_shared(p, machine) ? 2 : 1) + table_bytes(p);
}
inline int64_t filter_blocks(const TiledFilter& p) { return p.groups.combinations * p.slices; }

// The layout of a kernel for one shape.
struct FixedLayout {
  int log2_pairs;
  bool pairs_first;
};

// False where the planes do not fit in shared memory, have a prime factor over 7, or lie too far apart.
inline bool plan_filter(TiledFilter& p, const FilterAxes& axes, int64_t origin, const Machine& machine, bool backward,
                        const FixedLayout* fixed) {
  p = {};
  const int64_t n1 = axes.outer.size, n2 = axes.half.size, most = machine.shared_bytes / sizeof(Point);
  if (axes.middle.size != 1 || n1 > most || n2 > most || n1 * (n2 | 1) > most) return false;
  if (!plan_axis(p.axis1, static_cast<int>(n1), fixed) || !plan_axis(p.axis2, static_cast<int>(n2), fixed))
    return false;

  // Planes pair up along the shared axis that is closest in memory.
  int along = -1;
  for (int i = 0; i < axes.plane_axes; ++i)
    if (axes.plane[i].size > 1 && !axes.plane[i].weight_stride &&
        (along < 0 || axes.plane[i].stride < axes.plane[along].stride))
      along = i;
  const FilterAxis pairing = along < 0 ? FilterAxis{1, 0, 0} : axes.plane[along];
  p.groups.combinations = p.repeats.combinations = 1;
  bool even = origin % 2 == 0 && axes.outer.stride % 2 == 0 && axes.half.stride % 2 == 0 && pairing.stride == 1;
  for (int i = 0; i < axes.plane_axes; ++i) {
    if (i == along || axes.plane[i].size == 1) continue;
    PlaneAxes& kind = axes.plane[i].weight_stride ? p.groups : p.repeats;
    kind.axis[kind.count++] = axes.plane[i];
    kind.combinations *= axes.plane[i].size;
    even = even && axes.plane[i].stride % 2 == 0;
  }
  p.origin = origin;
  p.planes = pairing.size;
  p.adjacent = even;
  p.scale = static_cast<float>(1.0 / static_cast<double>(n1 * n2));

  const bool pairs_first = pairing.stride < std::max(axes.outer.stride, axes.half.stride);
  if (fixed) {
    if (fixed->pairs_first != pairs_first && pairing.size > 1) return false;
    lay_out(p, fixed->log2_pairs, fixed->pairs_first);
  } else {
    // Wide tiles fill threads and sectors, narrow ones fill the machine: a third of its processors at least.
    const int64_t room = pairs_first ? 32 << 10 : 16 << 10;
    for (int log2_pairs = 4;; --log2_pairs) {
      lay_out(p, log2_pairs, pairs_first);
      const int64_t tiles = p.group_tiles * p.groups.combinations;
      if (log2_pairs == 0 || (shared_bytes(p, machine, false) <= std::min(room, machine.shared_bytes) &&
                              (1 << log2_pairs) < p.planes && 3 * tiles >= machine.processors))
        break;
    }
  }
  constexpr int64_t kLimit = int64_t{1} << 31;
  const int64_t reach = n1 * axes.outer.stride + n2 * axes.half.stride + (pairing.stride << (p.log2_pairs + 1));
  const int64_t weights = n1 * axes.outer.weight_stride + (n2 / 2 + 1) * axes.half.weight_stride;
  if (reach >= kLimit || weights >= kLimit || p.groups.combinations * p.group_tiles >= kLimit) return false;
  p.stride1 = static_cast<int>(axes.outer.stride);
  p.stride2 = static_cast<int>(axes.half.stride);
  p.plane_stride = static_cast<int>(pairing.stride);
  p.weight_stride1 = static_cast<int>(axes.outer.weight_stride);
  p.weight_stride2 = static_cast<int>(axes.half.weight_stride);
  p.slices = p.group_tiles;
  if (backward) {
    // Even slices; all blocks of the filters at once, two a processor, but never more partial sums than that.
    const int64_t target = p.groups.combinations == 1
                               ? std::max<int64_t>(1, machine.processors / 2)
                               : std::max<int64_t>(1, machine.processors / p.groups.combinations);
    const int64_t rounds = std::max<int64_t>(1, p.group_tiles / target);
    p.slices = (p.group_tiles + rounds - 1) / rounds;
  }
  return shared_bytes(p, machine, backward) <= machine.shared_bytes;
}

// ---- A launch
// -------------------------------------------------------------------------------------------------------- FreqFormer's
// layers at 224 and 448 pixels: C/4 and H = W of the kernels that know their shape.
#ifndef AF_FIXED_LAYERS  // tests name fewer
#define AF_FIXED_LAYERS(LAYER) \
  LAYER(8, 56) LAYER(16, 28) LAYER(32, 14) LAYER(64, 7) LAYER(8, 112) LAYER(16, 56) LAYER(32, 28) LAYER(64, 14)
#endif

// Of these, those whose (H, W) planes are worth a cluster each where the batch is small.
#ifndef AF_SMALL_BATCH_LAYERS
#define AF_SMALL_BATCH_LAYERS(LAYER) LAYER(8, 56) LAYER(16, 56) LAYER(8, 112)
#endif

struct MixPlan {
  MixBlocks blocks;
  bool fused[kFilters];           // false: absent, or a matter for cuFFT
  int fixed_quarter, fixed_side;  // the kernel that knows this shape; 0: the general one
  int cluster_blocks;             // of a cluster, by the kernel for a small batch of that shape; 0: no clusters
  int64_t cluster_bytes;          // of shared memory, for its tile
  int threads;
  int64_t shared_bytes, sum_shared_bytes;
};

constexpr int kGeneralThreads = 256, kSumThreads = 256;

inline int64_t sum_blocks_of(int64_t outputs, int64_t per_block) { return (outputs + per_block - 1) / per_block; }

// Adds up block counts and shared memory of the filters and the convolution that are in the plan. `threads` and
// `sum_threads` are the ranks of a group.
inline void count_blocks(MixPlan& plan, const bool* present, const Machine& machine, bool convolution, int threads,
                         int sum_threads) {
  MixBlocks& m = plan.blocks;
  const bool backward = m.tensors.backward;
  plan.threads = threads;
  plan.shared_bytes = backward && convolution ? kDepthwiseSums * threads * static_cast<int64_t>(sizeof(float)) : 0;
  plan.sum_shared_bytes = sum_threads * static_cast<int64_t>(sizeof(Point));
  int64_t end = 0, sum_end = 0;
  for (int i = 0; i < kFilters; ++i) {
    if (plan.fused[i]) {
      const bool clusters = i == 0 && plan.cluster_blocks;
      end += filter_blocks(m.filter[i]) * (clusters ? plan.cluster_blocks : 1);
      sum_end += sum_blocks_of(gradient_outputs(m.filter[i]), std::min(sum_threads, 32));
      plan.shared_bytes =
          std::max(plan.shared_bytes, clusters ? plan.cluster_bytes : shared_bytes(m.filter[i], machine, backward));
    } else if (convolution && !present[i]) {
      end += m.convolution.batch * ((m.quarter_points + kCopyPoints - 1) / kCopyPoints);
    }
    m.end[i] = end;
    m.sum_end[i] = sum_end;
  }
  if (convolution) {
    end += m.convolution.quarter * m.convolution.slices;
    sum_end += sum_blocks_of(m.convolution.quarter * kDepthwiseSums, sum_threads);
  }
  m.end[kConvolution] = end;
  m.sum_end[kConvolution] = sum_end;
}

// present[i]: filter i has a weight. threads 0: as many as the kernel on a GPU has.
inline MixPlan plan_freq_mix(const FreqMixShape& s, Element element, bool backward, const bool* present, Path path,
                             const Machine& machine, bool allow_fixed, int threads) {
  MixPlan plan = {};
  MixBlocks& m = plan.blocks;
  m.tensors.element = element;
  m.tensors.backward = backward;
  m.quarter_points = s.channels / 4 * s.height * s.width;
  const int64_t quarter = s.channels / 4;
  const auto plan_filters = [&](const FixedLayout* plane, const FixedLayout* channel) {
    bool all = true;
    for (int i = 0; i < kFilters; ++i) {
      plan.fused[i] = present[i] && path != Path::cufft &&
                      plan_filter(m.filter[i], freq_mix_axes(s, i), (i + 1) * m.quarter_points, machine, backward,
                                  i == 0 ? plane : channel);
      m.filter[i].origin = (i + 1) * m.quarter_points;
      all = all && (plan.fused[i] || !present[i]);
    }
    return all;
  };
  int kernel_threads = kGeneralThreads;
  const bool may_know = allow_fixed && path != Path::cufft;
#define AF_LAYER(Q, N)                                                                        \
  if (may_know && !backward && present[0] && quarter == Q && s.height == N && s.width == N && \
      Q * ((s.batch + 1) / 2) * SmallBatchLayer<Q, N>::kBlocks <= machine.processors) {       \
    using Layer = SmallBatchLayer<Q, N>;                                                      \
    const FixedLayout plane = {0, false}, channel = {Layer::kChannelLog2Pairs, true};         \
    if (plan_filters(&plane, &channel)) {                                                     \
      plan.fixed_quarter = Q;                                                                 \
      plan.fixed_side = N;                                                                    \
      plan.cluster_blocks = Layer::kBlocks;                                                   \
      plan.cluster_bytes = ClusterTile<N, Layer::kBlocks>::kBytes;                            \
      kernel_threads = Layer::kThreads;                                                       \
    }                                                                                         \
  }
  AF_SMALL_BATCH_LAYERS(AF_LAYER)
#undef AF_LAYER
#define AF_LAYER(Q, N)                                                                 \
  if (may_know && !plan.fixed_side && quarter == Q && s.height == N && s.width == N) { \
    using Layer = FixedLayer<Q, N>;                                                    \
    const FixedLayout plane = {Layer::kPlaneLog2Pairs, false};                         \
    const FixedLayout channel = {Layer::kChannelLog2Pairs, true};                      \
    if (plan_filters(&plane, &channel)) {                                              \
      plan.fixed_quarter = Q;                                                          \
      plan.fixed_side = N;                                                             \
      kernel_threads = Layer::kThreads;                                                \
    }                                                                                  \
  }
  AF_FIXED_LAYERS(AF_LAYER)
#undef AF_LAYER
  if (!plan.fixed_side) plan_filters(nullptr, nullptr);
  const int sum_threads = threads ? threads : kSumThreads;
  threads = threads ? threads : kernel_threads;

  Depthwise& c = m.convolution;
  c.batch = s.batch;
  c.height = s.height;
  c.width = s.width;
  c.channels = s.channels;
  c.quarter = quarter;
  c.slices = (depthwise_walks(c) + threads - 1) / threads;
  if (backward) c.slices = std::min(c.slices, std::max<int64_t>(1, machine.processors / 2 / quarter));
  count_blocks(plan, present, machine, true, threads, sum_threads);
  return plan;
}

// One filter alone. fused[0] false: a matter for cuFFT.
inline MixPlan plan_spectral_filter(const FilterAxes& axes, Element element, bool backward, Path path,
                                    const Machine& machine, int threads) {
  MixPlan plan = {};
  const bool present[kFilters] = {true, false, false};
  plan.blocks.tensors.element = element;
  plan.blocks.tensors.backward = backward;
  plan.fused[0] = path != Path::cufft && plan_filter(plan.blocks.filter[0], axes, 0, machine, backward, nullptr);
  count_blocks(plan, present, machine, false, threads ? threads : kGeneralThreads, threads ? threads : kSumThreads);
  return plan;
}

// Cuts pieces off one block of memory, each at a multiple of 256 bytes. Without a base it only counts.
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<char*>(base)) {}
  template <class T>
  T* take(int64_t count) {
    char* const at = base_ ? base_ + used_ : nullptr;
    used_ += (count * static_cast<int64_t>(sizeof(T)) + 255) / 256 * 256;
    return reinterpret_cast<T*>(at);
  }
  int64_t used() const { return used_; }

 private:
  char* base_;
  int64_t used_ = 0;
};

// Sets what the fused filters and the convolution need of the workspace.
inline void carve(MixPlan& plan, const Machine& machine, bool convolution, Carver& memory) {
  if (!plan.blocks.tensors.backward) return;
  for (int i = 0; i < kFilters; ++i) {
    TiledFilter& p = plan.blocks.filter[i];
    if (!plan.fused[i]) continue;
    p.partial = memory.take<Point>(filter_blocks(p) * p.axis1.size * p.axis2.size);
    p.spectrum = products_in_shared(p, machine) ? nullptr : memory.take<Point>(filter_blocks(p) * p.tile_points);
  }
  Depthwise& c = plan.blocks.convolution;
  if (convolution) c.partial = memory.take<float>(c.quarter * c.slices * kDepthwiseSums);
}

// Vector accesses need aligned tensors.
inline void set_tensors(MixPlan& plan, const void* source, const void* input, void* output) {
  FilterTensors& t = plan.blocks.tensors;
  t.source = source;
  t.input = input;
  t.output = output;
  const uintptr_t bytes = t.element == Element::float32 ? 8 : 4;
  for (const void* tensor : {source, input, static_cast<const void*>(output)})
    if (reinterpret_cast<uintptr_t>(tensor) % bytes)
      for (TiledFilter& p : plan.blocks.filter) p.adjacent = 0;
}

}  // namespace AF_ISA
}  // namespace activefreq
