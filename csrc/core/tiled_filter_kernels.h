// The body of the kernel that filters tiles (core/tiled_filter.h), over a group of ranks (core/group.h).
//
// Passes. Every stage of axis 1, then of axis 2, is a pass over the tile: each rank takes butterflies. The first pass
// reads x and the last writes y; the middle one (last stage of axis 2, times the spectrum, and its inverse) stays in
// registers. Two axes of two stages are 7 passes and 12 accesses to the tile, not 8 and 18; two axes of one stage are
// 3 passes and 4 accesses. Between two passes the group meets.
//
// Lanes. A pass along one axis puts lanes on pairs and on the lines of the other axis: one root of unity for a whole
// warp, distinct banks (row is odd, or a multiple of the pairs). The middle pass puts them on the digit of k2 that is
// contiguous in the weight.
#pragma once
#include "core/tile_access.h"

namespace activefreq::AF_ISA {

// What the middle pass does with the spectrum in its registers.
enum class Spectral {
  filter,   // times H
  record,   // put aside: it is X
  combine,  // X becomes conj(X) G, and G goes times conj(H)
};

// One butterfly of a stage, with its turns: read(first, x) brings its points, write(first, x) takes them.
template <int R, bool kInverse, class StageType, class Read, class Write>
AF_DEVICE AF_INLINE void butterflies(StageType stage, int unit, const Point* root, Read read, Write write) {
  const int block = span_quotient(stage, unit), m = unit - block * stage.span, first = block * stage.span * R + m;
  const int turn = m * stage.step;
  Number x[R];
  read(first, x);
  if (kInverse) {
    if (stage.span > 1) {
      AF_UNROLL
      for (int r = 1; r < R; ++r) x[r] = x[r] * conjugate(load(root + r * turn));
    }
    AF_UNROLL
    for (int r = 0; r < R; ++r) x[r] = swapped(x[r]);
  }
  butterfly<float, R>(x);
  if (kInverse) {
    AF_UNROLL
    for (int r = 0; r < R; ++r) x[r] = swapped(x[r]);
  } else if (stage.span > 1) {
    AF_UNROLL
    for (int r = 1; r < R; ++r) x[r] = x[r] * load(root + r * turn);
  }
  write(first, x);
}
template <int R>
AF_DEVICE AF_INLINE void gather(const Point* at, int step, Number* x) {
  AF_UNROLL
  for (int r = 0; r < R; ++r) x[r] = load(at + r * step);
}
template <int R>
AF_DEVICE AF_INLINE void scatter(const Number* x, Point* at, int step) {
  AF_UNROLL
  for (int r = 0; r < R; ++r) store(at + r * step, x[r]);
}

template <class Tile>
struct TilePasses {
  const TiledFilter& p;
  Tile tile;
  Point* points;
  TileTables tables;

  // One stage along axis 1: lines are the points of axis 2, for every pair.
  // move(radix, pair, line, first, span): read(x) before the butterfly, write(x) after it.
  template <bool kInverse, class Group, class StageType, class Read, class Write>
  AF_DEVICE AF_INLINE void along1(Group& group, StageType stage, Read read, Write write) {
    with_radix(stage, [&](auto radix) {
      constexpr int R = decltype(radix)::value;
      const int lines = tile.size2() << tile.log2_pairs(), items = tile.size1() / R * lines;
      AF_ROLLED
      for (int item = static_cast<int>(group.rank()); item < items; item += static_cast<int>(group.size())) {
        const int unit = tile.by_lines2(item), rest = item - unit * lines;
        int pair, line;
        if (tile.pairs_first()) {
          line = rest >> tile.log2_pairs();
          pair = rest - (line << tile.log2_pairs());
        } else {
          pair = size_quotient(tile.axis2(), rest);
          line = rest - pair * tile.size2();
        }
        butterflies<R, kInverse>(
            stage, unit, tables.root1, [&](int first, Number* x) { read(radix, pair, line, first, x); },
            [&](int first, const Number* x) { write(radix, pair, line, first, x); });
      }
    });
  }
  template <bool kInverse, class Group, class StageType>
  AF_DEVICE AF_INLINE void along2(Group& group, StageType stage) {
    with_radix(stage, [&](auto radix) {
      constexpr int R = decltype(radix)::value;
      const int lines = tile.size1() << tile.log2_pairs(), items = tile.size2() / R * lines;
      const int step = stage.span * tile.column();
      AF_ROLLED
      for (int item = static_cast<int>(group.rank()); item < items; item += static_cast<int>(group.size())) {
        const int unit = tile.by_lines1(item), rest = item - unit * lines;
        int pair, line;
        if (tile.pairs_first()) {
          line = rest >> tile.log2_pairs();
          pair = rest - (line << tile.log2_pairs());
        } else {
          pair = size_quotient(tile.axis1(), rest);
          line = rest - pair * tile.size1();
        }
        Point* const at = points + (line * tile.row() + pair * tile.depth());
        butterflies<R, kInverse>(
            stage, unit, tables.root2, [&](int first, Number* x) { gather<R>(at + first * tile.column(), step, x); },
            [&](int first, const Number* x) { scatter<R>(x, at + first * tile.column(), step); });
      }
    });
  }
  template <bool kInverse, class Group, class StageType>
  AF_DEVICE AF_INLINE void tile_along1(Group& group, StageType stage) {
    const int step = stage.span * tile.row();
    along1<kInverse>(
        group, stage,
        [&](auto radix, int pair, int line, int first, Number* x) {
          gather<decltype(radix)::value>(at(first, line, pair), step, x);
        },
        [&](auto radix, int pair, int line, int first, const Number* x) {
          scatter<decltype(radix)::value>(x, at(first, line, pair), step);
        });
  }
  AF_DEVICE AF_INLINE Point* at(int i1, int i2, int pair) {
    return points + (i1 * tile.row() + i2 * tile.column() + pair * tile.depth());
  }

  // Every stage but the last of axis 2; `start` is the element of x where the tile's first plane starts, and `planes`
  // how many planes there are from it on. Ends with all ranks together.
  template <class Group>
  AF_DEVICE AF_INLINE void transform(Group& group, Element element, const void* x, int64_t start, int64_t planes) {
    const auto first_of_1 = first_stage(tile.axis1());
    const int step = first_of_1.span * p.stride1, tile_step = first_of_1.span * tile.row();
    along1<false>(
        group, first_of_1,
        [&](auto radix, int pair, int line, int first, Number* z) {
          constexpr int R = decltype(radix)::value;
          read_pair<R>(element, x, start + (2 * pair * p.plane_stride + first * p.stride1 + line * p.stride2), step,
                       p.plane_stride, p.adjacent, planes - 2 * pair, z);
        },
        [&](auto radix, int pair, int line, int first, const Number* z) {
          scatter<decltype(radix)::value>(z, at(first, line, pair), tile_step);
        });
    group.sync();
    after_first(tile.axis1(), [&](auto stage) {
      tile_along1<false>(group, stage);
      group.sync();
    });
    before_last(tile.axis2(), [&](auto stage) {
      along2<false>(group, stage);
      group.sync();
    });
  }
  // The way back; starts with all ranks together.
  template <class Group>
  AF_DEVICE AF_INLINE void transform_back(Group& group, Element element, void* y, int64_t start, int64_t planes) {
    back_from_last(tile.axis2(), [&](auto stage) {
      along2<true>(group, stage);
      group.sync();
    });
    back_to_second(tile.axis1(), [&](auto stage) {
      tile_along1<true>(group, stage);
      group.sync();
    });
    const auto first_of_1 = first_stage(tile.axis1());
    const int step = first_of_1.span * p.stride1, tile_step = first_of_1.span * tile.row();
    along1<true>(
        group, first_of_1,
        [&](auto radix, int pair, int line, int first, Number* z) {
          gather<decltype(radix)::value>(at(first, line, pair), tile_step, z);
        },
        [&](auto radix, int pair, int line, int first, const Number* z) {
          constexpr int R = decltype(radix)::value;
          write_pair<R>(element, y, start + (2 * pair * p.plane_stride + first * p.stride1 + line * p.stride2), step,
                        p.plane_stride, p.adjacent, planes - 2 * pair, z);
        });
  }

  template <class Group>
  AF_DEVICE AF_INLINE void middle(Group& group, Spectral what, const Point* weight, Point* spectrum) {
    const int n1 = tile.size1(), n2 = tile.size2();
    with_radix(last_stage(tile.axis2()), [&](auto radix) {
      constexpr int R = decltype(radix)::value;
      const int heads = n2 / R, lines = heads << tile.log2_pairs(), items = n1 * lines, step = tile.column();
      const float scale = p.scale, scale_im = what == Spectral::combine ? -scale : scale;
      AF_ROLLED
      for (int item = static_cast<int>(group.rank()); item < items; item += static_cast<int>(group.size())) {
        const int i1 = tile.by_heads(item), rest = item - i1 * lines;
        int pair, head;
        if (tile.pairs_first()) {
          head = rest >> tile.log2_pairs();
          pair = rest - (head << tile.log2_pairs());
        } else {
          pair = heads_quotient(tile.axis2(), rest);
          head = rest - pair * heads;
        }
        const int place = i1 * tile.row() + head * R * step + pair * tile.depth();
        const int k1 = frequency_at(tile.axis1(), i1, tables.frequency1);
        const int base = frequency_at(tile.axis2(), head * R, tables.frequency2);
        Number x[R];
        gather<R>(points + place, step, x);
        butterfly<float, R>(x);
        if (what == Spectral::record) {
          scatter<R>(x, spectrum + place, step);
          continue;
        }
        if (what == Spectral::combine) {  // X was written by this very rank
          AF_UNROLL
          for (int r = 0; r < R; ++r) {
            Point* const product = spectrum + (place + r * step);
            store(product, x[r] * conjugate(load(product)));
          }
        }
        AF_UNROLL
        for (int r = 0; r < R; ++r) {
          const Number h = hermitian<R>(weight, p.weight_stride1, p.weight_stride2, n1, n2, k1, base, r);
          x[r] = swapped(x[r] * Number{h.re * scale, h.im * scale_im});
        }
        butterfly<float, R>(x);
        AF_UNROLL
        for (int r = 0; r < R; ++r) x[r] = swapped(x[r]);
        scatter<R>(x, points + place, step);
      }
    });
  }

  // partial (n1, n2) = or += the products of the tile's pairs, added up in their order.
  template <class Group>
  AF_DEVICE AF_INLINE void add_products(Group& group, const Point* products, Point* partial, bool first) {
    const int n1 = tile.size1(), n2 = tile.size2();
    AF_ROLLED
    for (int i = static_cast<int>(group.rank()); i < n1 * n2; i += static_cast<int>(group.size())) {
      const int i1 = size_quotient(tile.axis2(), i), i2 = i - i1 * n2;
      Number sum = first ? Number{0.f, 0.f} : load(partial + i);
      const Point* product = products + (i1 * tile.row() + i2 * tile.column());
      AF_ROLLED
      for (int pair = 0; pair < 1 << tile.log2_pairs(); ++pair) sum = sum + load(product + pair * tile.depth());
      store(partial + i, sum);
    }
  }
};

// Block `block` of a filter: its slice of a group's tiles. `memory`: the tile; backward the products, unless p.spectrum
// has room for them; the tables.
template <class Tile, class Group>
AF_DEVICE AF_INLINE void filter_block(Group& group, const TiledFilter& p, Tile tile, const FilterTensors& t,
                                      int64_t block, Point* memory) {
  const int64_t which = block / p.slices, slice = block - which * p.slices;
  const PlaneOffset of_group = plane_offset(p.groups, which);
  const Point* const weight = p.weight + of_group.weight;
  const bool products_outside = p.spectrum != nullptr;
  Point* const products = products_outside ? p.spectrum + block * tile.tile_points() : memory + tile.tile_points();
  Point* const after = memory + tile.tile_points() * (t.backward && !products_outside ? 2 : 1);
  const TileTables tables = make_tables(group, p.axis1, p.axis2, after);
  group.sync();
  TilePasses<Tile> passes{p, tile, memory, tables};
  AF_ROLLED
  for (int64_t i = slice; i < p.group_tiles; i += p.slices) {
    const int64_t repeat = i / p.tiles, plane = (i - repeat * p.tiles) << (tile.log2_pairs() + 1);
    const int64_t start = p.origin + of_group.x + plane_offset(p.repeats, repeat).x + plane * p.plane_stride;
    const int64_t planes = p.planes - plane;
    AF_ROLLED
    for (int turn = t.backward ? 0 : 1; turn < 2; ++turn) {  // x, then the gradient
      passes.transform(group, t.element, turn ? t.source : t.input, start, planes);
      passes.middle(group,
                    turn == 0    ? Spectral::record
                    : t.backward ? Spectral::combine
                                 : Spectral::filter,
                    weight, products);
      group.sync();
    }
    if (t.backward) passes.add_products(group, products, p.partial + block * tile.size1() * tile.size2(), i == slice);
    passes.transform_back(group, t.element, t.output, start, planes);
  }  // no sync: the next tile's first pass writes what this very rank has just read
}

// The weight's gradient from the partial sums, in the order of the slices. `lanes` neighbouring outputs belong to a
// block, whose other ranks share the slices; `scratch` holds a Point per rank.
AF_HOST_DEVICE inline int64_t gradient_outputs(const TiledFilter& p) {
  return p.groups.combinations * p.axis1.size * (p.axis2.size / 2 + 1);
}
template <class Group>
AF_DEVICE inline void sum_gradient(Group& group, const TiledFilter& p, int64_t block, Point* scratch) {
  const int size = static_cast<int>(group.size()), rank = static_cast<int>(group.rank());
  const int lanes = size < 32 ? size : 32, rows = size / lanes, row = rank / lanes, lane = rank - row * lanes;
  const int64_t output = block * lanes + lane;
  const bool valid = output < gradient_outputs(p) && row < rows;
  const int n1 = p.axis1.size, n2 = p.axis2.size, half = n2 / 2 + 1;
  const int64_t line = output / half, which = line / n1;
  const int k2 = static_cast<int>(output - line * half), k1 = static_cast<int>(line - which * n1);
  Number sum = {0.f, 0.f};
  if (valid) {
    const int here = position_of(p.axis1, k1) * n2 + position_of(p.axis2, k2);
    const int mirror = position_of(p.axis1, k1 ? n1 - k1 : 0) * n2 + position_of(p.axis2, k2 ? n2 - k2 : 0);
    for (int64_t s = row; s < p.slices; s += rows) {
      const Point* from = p.partial + (which * p.slices + s) * n1 * n2;
      sum = sum + load(from + here) + conjugate(load(from + mirror));
    }
  }
  store(scratch + rank, sum);
  group.sync();
  if (row > 0 || !valid) return;
  for (int r = 1; r < rows; ++r) sum = sum + load(scratch + r * lanes + lane);
  const float scale = k2 == 0 || 2 * k2 == n2 ? 0.5f * p.scale : p.scale;
  const int64_t at = plane_offset(p.groups, which).weight + static_cast<int64_t>(k1) * p.weight_stride1 +
                     static_cast<int64_t>(k2) * p.weight_stride2;
  store(p.weight_gradient + at, {sum.re * scale, sum.im * scale});
}

}  // namespace activefreq::AF_ISA
