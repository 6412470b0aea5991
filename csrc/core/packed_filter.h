// A spectral filter over two or three axes of any sizes, for a library that transforms planes in global memory: planes
// are packed in pairs (core/tiled_filter.h), transformed, multiplied, transformed back and unpacked. Pairs are taken in
// chunks, so that the workspace does not grow with the batch.
#pragma once
#include "core/freq_mix_plan.h"

namespace activefreq {

struct PackedFilter {
  FilterAxis axis[3];  // outer, middle (or 1 long), half: weight strides in complex numbers
  int64_t points, origin;
  float scale;          // 1 / points
  PlaneAxes groups;     // each combination has a spectrum of its own, which
  PlaneAxes members;    // these share
  int64_t group_pairs;  // pairs of a group, numbered through; pairs of all groups are numbered group by group
  int64_t pairs, chunk;
  const Point* weight;
  Point* weight_gradient;
};

constexpr int64_t kChunkPoints = 1 << 25;  // 256 MiB of them

inline PackedFilter plan_packed_filter(const FilterAxes& axes, int64_t origin, int64_t chunk_points = kChunkPoints) {
  PackedFilter p = {};
  p.axis[0] = axes.outer;
  p.axis[1] = axes.middle;
  p.axis[2] = axes.half;
  p.origin = origin;
  p.points = axes.outer.size * axes.middle.size * axes.half.size;
  p.scale = static_cast<float>(1.0 / static_cast<double>(p.points));
  p.groups.combinations = p.members.combinations = 1;
  for (int i = 0; i < axes.plane_axes; ++i) {
    if (axes.plane[i].size == 1) continue;
    PlaneAxes& kind = axes.plane[i].weight_stride ? p.groups : p.members;
    kind.axis[kind.count++] = axes.plane[i];
    kind.combinations *= axes.plane[i].size;
  }
  p.group_pairs = (p.members.combinations + 1) / 2;
  p.pairs = p.groups.combinations * p.group_pairs;
  p.chunk = std::min(p.pairs, std::max<int64_t>(1, chunk_points / p.points));
  return p;
}

// Room for the chunk of x, in the backward pass also of the gradient and for the sums of all groups.
struct PackedWorkspace {
  Point *source, *input, *sums;
};
inline PackedWorkspace carve(const PackedFilter& p, bool backward, AF_ISA::Carver& memory) {
  PackedWorkspace w = {memory.take<Point>(p.chunk * p.points), nullptr, nullptr};
  if (backward) {
    w.input = memory.take<Point>(p.chunk * p.points);
    w.sums = memory.take<Point>(p.groups.combinations * p.points);
  }
  return w;
}

}  // namespace activefreq
