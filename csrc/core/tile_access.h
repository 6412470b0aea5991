// What a tile is and how its points come in and go out: shapes known at run time or at compile time, tables of roots,
// pairs of planes as complex numbers, and the spectrum's symmetric half. core/tiled_filter_kernels.h does the rest.
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

}  // namespace activefreq::AF_ISA
