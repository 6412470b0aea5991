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
#include "core/fft_codelets.h"
#include "core/tiled_filter.h"

#ifdef __CUDA_ARCH__
#define AF_ROLLED _Pragma("unroll 1")
#else
#define AF_ROLLED
#include <cmath>
#endif

#define AF_NOINLINE __attribute__((noinline))

namespace activefreq::AF_ISA {

using Number = Complex<float>;

AF_DEVICE AF_INLINE Number load(const Point* from) {
  const Point p = *from;
  return {p.re, p.im};
}
AF_DEVICE AF_INLINE void store(Point* to, Number z) { *to = Point{z.re, z.im}; }
AF_DEVICE AF_INLINE Number conjugate(Number z) { return {z.re, -z.im}; }

// e^(-2 pi i k / n), 0 <= k < n, to two units in the last place: reduced to an eighth of a turn with integers, where
// the argument of a sine is accurate.
AF_DEVICE inline Number root_of_unity(int k, int n) {
  const bool mirrored = 2 * k > n;
  int turn = 4 * (mirrored ? n - k : k);  // of 4n, in [0, 2n]
  const bool left = turn > n;             // beyond a quarter
  if (left) turn = 2 * n - turn;
  const bool steep = 2 * turn > n;  // beyond an eighth
  if (steep) turn = n - turn;
  const float half_turns = static_cast<float>(turn) / static_cast<float>(2 * n);
  float sine, cosine;
#ifdef __CUDA_ARCH__
  sincospif(half_turns, &sine, &cosine);
#else
  sine = static_cast<float>(std::sin(3.14159265358979323846 * half_turns));
  cosine = static_cast<float>(std::cos(3.14159265358979323846 * half_turns));
#endif
  if (steep) {
    const float swap = sine;
    sine = cosine;
    cosine = swap;
  }
  return {left ? -cosine : cosine, mirrored ? sine : -sine};
}

// What a tile's size and layout are where they are known at run time ..
struct GeneralTile {
  const TiledFilter& p;
  AF_DEVICE const GeneralAxis& axis1() const { return p.axis1; }
  AF_DEVICE const GeneralAxis& axis2() const { return p.axis2; }
  AF_DEVICE int size1() const { return p.axis1.size; }
  AF_DEVICE int size2() const { return p.axis2.size; }
  AF_DEVICE int log2_pairs() const { return p.log2_pairs; }
  AF_DEVICE bool pairs_first() const { return p.pairs_first; }
  AF_DEVICE int row() const { return p.row; }
  AF_DEVICE int column() const { return p.column; }
  AF_DEVICE int depth() const { return p.depth; }
  AF_DEVICE int tile_points() const { return p.tile_points; }
  AF_DEVICE int by_lines1(int n) const { return divide(n, p.by_lines1); }
  AF_DEVICE int by_lines2(int n) const { return divide(n, p.by_lines2); }
  AF_DEVICE int by_heads(int n) const { return divide(n, p.by_heads); }
};

// .. and at compile time. lay_out (core/freq_mix_plan.h) makes the same numbers.
template <int N1, int N2, int kLog2Pairs, bool kPairsFirst>
struct FixedTile {
  static constexpr int kPairs = 1 << kLog2Pairs, kPitch = N2 | 1;
  static constexpr int kHeads = N2 / FixedAxis<N2>::kLast * kPairs;
  AF_DEVICE static FixedAxis<N1> axis1() { return {}; }
  AF_DEVICE static FixedAxis<N2> axis2() { return {}; }
  AF_DEVICE static constexpr int size1() { return N1; }
  AF_DEVICE static constexpr int size2() { return N2; }
  AF_DEVICE static constexpr int log2_pairs() { return kLog2Pairs; }
  AF_DEVICE static constexpr bool pairs_first() { return kPairsFirst; }
  AF_DEVICE static constexpr int row() { return kPairsFirst ? kPitch * kPairs : kPitch; }
  AF_DEVICE static constexpr int column() { return kPairsFirst ? kPairs : 1; }
  AF_DEVICE static constexpr int depth() { return kPairsFirst ? 1 : N1 * kPitch | 1; }
  AF_DEVICE static constexpr int tile_points() { return kPairsFirst ? N1 * kPitch * kPairs : depth() * kPairs; }
  AF_DEVICE static int by_lines1(int n) { return n / (N1 * kPairs); }
  AF_DEVICE static int by_lines2(int n) { return n / (N2 * kPairs); }
  AF_DEVICE static int by_heads(int n) { return n / kHeads; }
};

// Tables of one tile shape in shared memory: roots of unity of both axes, frequencies of their positions.
struct TileTables {
  Point *root1, *root2;
  int *frequency1, *frequency2;
};

constexpr int64_t tile_table_bytes(int64_t n1, int64_t n2) { return (n1 + n2) * 12 + 8; }

template <class Group>
AF_DEVICE inline TileTables make_tables(Group& group, const GeneralAxis& axis1, const GeneralAxis& axis2,
                                        Point* memory) {
  const int n1 = axis1.size, n2 = axis2.size;
  int* const numbers = reinterpret_cast<int*>(memory + n1 + n2);
  const TileTables tables = {memory, memory + n1, numbers, numbers + n1};
  for (int i = static_cast<int>(group.rank()); i < n1 + n2; i += static_cast<int>(group.size())) {
    const bool first = i < n1;
    const int position = first ? i : i - n1;
    store(memory + i, root_of_unity(position, first ? n1 : n2));
    numbers[i] = frequency_of(first ? axis1 : axis2, position);
  }
  return tables;
}

// Offsets of a combination in x and in the weight.
struct PlaneOffset {
  int64_t x, weight;
};
AF_DEVICE inline PlaneOffset plane_offset(const PlaneAxes& axes, int64_t combination) {
  PlaneOffset offset = {0, 0};
  for (int a = axes.count - 1; a >= 0; --a) {
    const int64_t rest = combination / axes.axis[a].size, i = combination - rest * axes.axis[a].size;
    offset.x += i * axes.axis[a].stride;
    offset.weight += i * axes.axis[a].weight_stride;
    combination = rest;
  }
  return offset;
}

// R points of pair (a, b), `step` elements apart, the b plane `next` elements after a. `planes` counts the planes from
// a to the end of the tensor: what is not there is zero, and is not written.
template <int R>
AF_DEVICE AF_INLINE void read_pair(Element element, const void* x, int64_t start, int step, int next, bool adjacent,
                                   int64_t planes, Number* z) {
  with_element(element, [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(x) + start;
    if (adjacent && planes > 1) {
      AF_UNROLL
      for (int r = 0; r < R; ++r) {
        const auto pair = *reinterpret_cast<const Neighbours<T>*>(from + r * step);
        z[r] = {to_float(pair.first), to_float(pair.second)};
      }
    } else {
      AF_UNROLL
      for (int r = 0; r < R; ++r)
        z[r] = {planes > 0 ? to_float(from[r * step]) : 0.f, planes > 1 ? to_float(from[r * step + next]) : 0.f};
    }
  });
}
template <int R>
AF_DEVICE AF_INLINE void write_pair(Element element, void* y, int64_t start, int step, int next, bool adjacent,
                                    int64_t planes, const Number* z) {
  with_element(element, [&](auto type) {
    using T = decltype(type);
    T* to = static_cast<T*>(y) + start;
    if (adjacent && planes > 1) {
      AF_UNROLL
      for (int r = 0; r < R; ++r) {
        Neighbours<T> pair;
        from_float(z[r].re, pair.first);
        from_float(z[r].im, pair.second);
        *reinterpret_cast<Neighbours<T>*>(to + r * step) = pair;
      }
    } else {
      AF_UNROLL
      for (int r = 0; r < R; ++r) {
        if (planes > 0) from_float(z[r].re, to[r * step]);
        if (planes > 1) from_float(z[r].im, to[r * step + next]);
      }
    }
  });
}

// H at frequency (k1, base + r n2 / R), base < n2 / R. Which half of the spectrum that is, is known at compile time for
// all r but the first and the middle one, and only those can be DC or Nyquist.
template <int R>
AF_DEVICE AF_INLINE Number hermitian(const Point* weight, int stride1, int stride2, int n1, int n2, int k1, int base,
                                     int r) {
  const int k2 = base + r * (n2 / R), mirror1 = k1 ? n1 - k1 : 0;
  if (r == 0 || r == R / 2) {
    if (k2 == 0 || 2 * k2 == n2) {
      const Number a = load(weight + k1 * stride1 + k2 * stride2), b = load(weight + mirror1 * stride1 + k2 * stride2);
      return {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
    }
    if (2 * k2 < n2) return load(weight + k1 * stride1 + k2 * stride2);
    return conjugate(load(weight + mirror1 * stride1 + (n2 - k2) * stride2));
  }
  if (2 * r < R) return load(weight + k1 * stride1 + k2 * stride2);
  return conjugate(load(weight + mirror1 * stride1 + (n2 - k2) * stride2));
}

// What the middle pass does with the spectrum in its registers.
enum class Spectral {
  filter,   // times H
  record,   // put aside: it is X
  combine,  // X becomes conj(X) G, and G goes times conj(H)
};

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
  AF_DEVICE AF_INLINE static void gather(const Point* at, int step, Number* x) {
    AF_UNROLL
    for (int r = 0; r < R; ++r) x[r] = load(at + r * step);
  }
  template <int R>
  AF_DEVICE AF_INLINE static void scatter(const Number* x, Point* at, int step) {
    AF_UNROLL
    for (int r = 0; r < R; ++r) store(at + r * step, x[r]);
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
