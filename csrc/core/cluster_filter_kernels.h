// The (H, W) filter of a small batch on CUDA, over a cluster of blocks per pair of planes (core/tiled_filter.h): one
// block per pair would leave most of the machine idle and go over its tile many times.
//
// Along axis 1 a block has kPart columns of the plane, along axis 2 as many rows, in two parts of its shared memory.
// The last pass along one axis writes into the parts of whichever blocks have the lines of the other, so the cluster
// meets after each of these two exchanges. What lies between is a block's own business. A plane of 56 x 56 takes seven
// passes of one butterfly per thread.
//
// group: rank(), size(), sync() of the block; block(), its number in the cluster; sync_cluster(); of_block(p, b), where
// block b has what this one has at p. Nobody may write there before that block runs: begin() says so of this one, and
// await_all(), which says nothing about memory, waits for all.
#pragma once
#include "core/tiled_filter_kernels.h"

namespace activefreq::AF_ISA {

template <int N, int kBlocks>
struct ClusterTile {
  static_assert(N % kBlocks == 0 && FixedAxis<N>::stages == 2, "ClusterTile: equal parts, two stages an axis");
  static constexpr int kPart = N / kBlocks;
  static constexpr int kColumnPitch = kPart | 1, kRowPitch = N | 1;  // odd: neighbouring lines in distinct banks
  static constexpr int kColumns = N * kColumnPitch, kRows = kPart * kRowPitch;
  static constexpr int64_t kBytes = (kColumns + kRows + N) * static_cast<int64_t>(sizeof(Point));  // with the roots
};

template <int N, int kBlocks, class Group>
struct ClusterPasses {
  using Tile = ClusterTile<N, kBlocks>;
  using First = typename FixedAxis<N>::First;
  using Last = typename FixedAxis<N>::Last;
  static constexpr int kPart = Tile::kPart, kPitch = Tile::kColumnPitch, kRowPitch = Tile::kRowPitch;

  Group& group;
  const TiledFilter& p;
  Point *columns, *rows, *roots;
  int first_line;  // of this block, along either axis

  // One stage on the block's lines. read(line, first, x) and write(line, first, x): points first, first + span ..
  // Neighbouring ranks take neighbouring lines, or with kAlong neighbouring butterflies of a line: what is written to
  // other blocks then lies side by side.
  template <bool kInverse, bool kAlong, class StageType, class Read, class Write>
  AF_DEVICE AF_INLINE void pass(StageType stage, Read read, Write write) {
    constexpr int R = StageType::radix, kUnits = N / R;
    AF_ROLLED
    for (int item = static_cast<int>(group.rank()); item < kUnits * kPart; item += static_cast<int>(group.size())) {
      const int major = item / (kAlong ? kUnits : kPart), minor = item - major * (kAlong ? kUnits : kPart);
      const int unit = kAlong ? minor : major, line = kAlong ? major : minor;
      butterflies<R, kInverse>(
          stage, unit, roots, [&](int first, Number* x) { read(line, first, x); },
          [&](int first, const Number* x) { write(line, first, x); });
    }
  }
  AF_DEVICE AF_INLINE Point* column_point(int i1, int line) { return columns + (i1 * kPitch + line); }
  AF_DEVICE AF_INLINE Point* row_point(int line, int i2) { return rows + (line * kRowPitch + i2); }

  AF_DEVICE AF_INLINE void forward(Element element, const void* x, int64_t start, int64_t planes) {
    pass<false, false>(
        First(),
        [&](int line, int first, Number* z) {
          read_pair<First::radix>(element, x, start + (first * p.stride1 + (first_line + line) * p.stride2),
                                  First::span * p.stride1, p.plane_stride, p.adjacent, planes, z);
        },
        [&](int line, int first, const Number* z) {
          scatter<First::radix>(z, column_point(first, line), First::span * kPitch);
        });
    group.sync();
    group.await_all();
    pass<false, false>(
        Last(), [&](int line, int first, Number* z) { gather<Last::radix>(column_point(first, line), kPitch, z); },
        [&](int line, int first, const Number* z) {
          AF_UNROLL
          for (int r = 0; r < Last::radix; ++r) {
            const int block = (first + r) / kPart, row = first + r - block * kPart;
            store(group.of_block(row_point(row, first_line + line), block), z[r]);
          }
        });
    group.sync_cluster();
    pass<false, false>(
        First(), [&](int line, int first, Number* z) { gather<First::radix>(row_point(line, first), First::span, z); },
        [&](int line, int first, const Number* z) { scatter<First::radix>(z, row_point(line, first), First::span); });
    group.sync();
  }

  // Last stage of axis 2, times H, and its inverse: in registers.
  AF_DEVICE AF_INLINE void middle(const Point* weight) {
    constexpr int R = Last::radix, kHeads = N / R;
    AF_ROLLED
    for (int item = static_cast<int>(group.rank()); item < kPart * kHeads; item += static_cast<int>(group.size())) {
      const int line = item / kHeads, place = (item - line * kHeads) * R;
      const int k1 = frequency_at(FixedAxis<N>(), first_line + line, nullptr);
      const int base = frequency_at(FixedAxis<N>(), place, nullptr);
      Number x[R];
      gather<R>(row_point(line, place), 1, x);
      butterfly<float, R>(x);
      AF_UNROLL
      for (int r = 0; r < R; ++r) {
        const Number h = hermitian<R>(weight, p.weight_stride1, p.weight_stride2, N, N, k1, base, r);
        x[r] = swapped(x[r] * Number{h.re * p.scale, h.im * p.scale});
      }
      butterfly<float, R>(x);
      AF_UNROLL
      for (int r = 0; r < R; ++r) x[r] = swapped(x[r]);
      scatter<R>(x, row_point(line, place), 1);
    }
    group.sync();
  }

  AF_DEVICE AF_INLINE void inverse(Element element, void* y, int64_t start, int64_t planes) {
    pass<true, true>(
        First(), [&](int line, int first, Number* z) { gather<First::radix>(row_point(line, first), First::span, z); },
        [&](int line, int first, const Number* z) {
          AF_UNROLL
          for (int r = 0; r < First::radix; ++r) {
            const int i2 = first + r * First::span, block = i2 / kPart;
            store(group.of_block(column_point(first_line + line, i2 - block * kPart), block), z[r]);
          }
        });
    group.sync_cluster();
    pass<true, false>(
        Last(), [&](int line, int first, Number* z) { gather<Last::radix>(column_point(first, line), kPitch, z); },
        [&](int line, int first, const Number* z) { scatter<Last::radix>(z, column_point(first, line), kPitch); });
    group.sync();
    pass<true, false>(
        First(),
        [&](int line, int first, Number* z) {
          gather<First::radix>(column_point(first, line), First::span * kPitch, z);
        },
        [&](int line, int first, const Number* z) {
          write_pair<First::radix>(element, y, start + (first * p.stride1 + (first_line + line) * p.stride2),
                                   First::span * p.stride1, p.plane_stride, p.adjacent, planes, z);
        });
  }
};

// Tile `tile` of the filter, a pair of planes; forward only.
template <int N, int kBlocks, class Group>
AF_DEVICE AF_INLINE void cluster_filter(Group& group, const TiledFilter& p, const FilterTensors& t, int64_t tile,
                                        Point* memory) {
  using Tile = ClusterTile<N, kBlocks>;
  const int64_t which = tile / p.group_tiles, i = tile - which * p.group_tiles, repeat = i / p.tiles;
  const int64_t plane = 2 * (i - repeat * p.tiles), planes = p.planes - plane;
  const PlaneOffset of_group = plane_offset(p.groups, which);
  const int64_t start = p.origin + of_group.x + plane_offset(p.repeats, repeat).x + plane * p.plane_stride;
  group.begin();
  Point* const roots = memory + Tile::kColumns + Tile::kRows;
  for (int k = static_cast<int>(group.rank()); k < N; k += static_cast<int>(group.size()))
    store(roots + k, root_of_unity(k, N));
  group.sync();
  ClusterPasses<N, kBlocks, Group> passes{
      group, p, memory, memory + Tile::kColumns, roots, group.block() * Tile::kPart};
  passes.forward(t.element, t.source, start, planes);
  passes.middle(p.weight + of_group.weight);
  passes.inverse(t.element, t.output, start, planes);
}

}  // namespace activefreq::AF_ISA
