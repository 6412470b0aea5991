// Lines of a length N known at compile time, as two passes N = A B through the first-level cache. The column filter
// fuses the second forward pass, the weight and the first inverse pass: the A-th part of the spectrum that one
// butterfly of size B leaves in registers is exactly the input of one butterfly of the inverse with its passes in
// the opposite order.
#pragma once
#include "cpu/line_transform.h"

namespace activefreq::AF_ISA {

// A of N = A B; 1 where N points fit the registers, as 16 do where there are 32 of them. Measured.
template <int N>
constexpr int row_pass() {
  return N <= 16 ? 1 : N == 22 ? 2 : N < 56 ? 4 : 8;
}
// Columns run B twice in a row, so the easier factor goes there; without a factor in common with A where that can be.
template <int N>
constexpr int column_pass() {
  return N % 7 == 0 && N > 14 ? 7 : N % 11 == 0 && N > 11 ? 11 : N == 24 || N == 48 ? 3 : N == 32 ? 8 : row_pass<N>();
}

constexpr bool coprime(int a, int b) { return b == 0 ? a == 1 : coprime(b, a % b); }
// The number under A B that leaves k divided by A, and j divided by B.
constexpr int with_remainders(int k, int A, int j, int B) {
  while (k % B != j) k += A;
  return k;
}

// The order in which columns keep their points and the frequencies of their weights: those that meet in a butterfly
// side by side, which also lets the passes be Good's where A and B have no factor in common. They need no turns then,
// but meet the points in an order that would cost more than the turns if memory were addressed by it.
//   points       butterfly b of size A takes those in places b, b + B, b + 2B, ...
//   frequencies  result j of butterfly k of size B has place kB + j
template <int N>
struct ColumnOrder {
  static constexpr int A = column_pass<N>(), B = N / A;
  static constexpr bool kTurns = !coprime(A, B);
  int point_place[N]{}, frequency_place[N]{}, frequency[N]{};  // the last of a place
  constexpr ColumnOrder() {
    for (int a = 0; a < A; ++a)
      for (int b = 0; b < B; ++b) {
        point_place[kTurns ? b + B * a : (B * a + A * b) % N] = b + B * a;
        frequency[a * B + b] = kTurns ? a + A * b : with_remainders(a, A, b, B);
        frequency_place[frequency[a * B + b]] = a * B + b;
      }
  }
};
template <int N>
inline constexpr ColumnOrder<N> kColumnOrder{};

// t[k * B + b] = e^(-2 pi i bk/N) X_b(k), X_b the transform of the points b, b + B, b + 2B, ...; load(a) is point b +
// Ba. Without turns (ColumnOrder) the factor is 1.
template <class T, int N, int A, bool Turns = true, class Load>
AF_INLINE void first_butterfly(ComplexVector<T>* t, int b, Load load) {
  constexpr int B = N / A;
  ComplexVector<T> u[A];
#pragma GCC unroll 16
  for (int a = 0; a < A; ++a) u[a] = load(a);
  butterfly<T, A>(u);
  t[b] = u[0];
#pragma GCC unroll 16
  for (int k = 1; k < A; ++k)
    t[k * B + b] = Turns ? rotated(u[k], kRoots<T, N>.cosine[b * k], kRoots<T, N>.sine[b * k]) : u[k];
}

template <class T, int N, int A, bool Turns = true, class Load>
AF_INLINE void first_butterflies(ComplexVector<T>* t, Load load) {
  constexpr int B = N / A;
  if constexpr (A == 1) {
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) t[j] = load(j);
    return;
  }
#pragma GCC unroll 1
  for (int b = 0; b < B; ++b)
    first_butterfly<T, N, A, Turns>(t, b, [&](int a) __attribute__((always_inline)) { return load(b + B * a); });
}

// The second butterflies and the separation of two real lines, block by block: part k of the spectrum, Z(k + Aj), meets
// its mirror image Z(N - k - Aj) in part A - k. Parts 0 and A/2 are their own.
template <class T, int N, int A, bool Zero>
AF_INLINE void split_own_part(const ComplexVector<T>* t, ComplexVector<T>* a, ComplexVector<T>* b) {
  constexpr int B = N / A, k = Zero ? 0 : A / 2;
  ComplexVector<T> u[B];
#pragma GCC unroll 16
  for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
  butterfly<T, B>(u);
#pragma GCC unroll 16
  for (int j = 0; 2 * (k + A * j) <= N; ++j)
    split_point<T>(u[j], u[Zero ? (B - j) % B : B - 1 - j], a[k + A * j], b[k + A * j]);
}

template <class T, int N, int A>
AF_INLINE void split_parts(ComplexVector<T>* t, ComplexVector<T>* a, ComplexVector<T>* b) {
  constexpr int B = N / A;
  static_assert(A % 2 == 0 || A == 1);
  split_own_part<T, N, A, true>(t, a, b);
  if constexpr (A > 1) split_own_part<T, N, A, false>(t, a, b);
#pragma GCC unroll 1
  for (int k = 1; 2 * k < A; ++k) {
    ComplexVector<T> u[B], *mirror = t + (A - k) * B;
    butterfly<T, B>(mirror);
#pragma GCC unroll 16
    for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
    butterfly<T, B>(u);
#pragma GCC unroll 16
    for (int j = 0; j < B; ++j) {
      if (2 * j < B)
        split_point<T>(u[j], mirror[B - 1 - j], a[k + A * j], b[k + A * j]);
      else
        split_point<T>(mirror[B - 1 - j], u[j], a[N - k - A * j], b[N - k - A * j]);
    }
  }
}

template <class T, int N>
void codelet_forward(const LineTransform<T>&, const T* a, const T* b, int64_t stride, ComplexVector<T>* spectrum_a,
                     ComplexVector<T>* spectrum_b, ComplexVector<T>*) {
  constexpr int A = row_pass<N>();
  ComplexVector<T> t[N];
  first_butterflies<T, N, A>(t, [&](int j) __attribute__((always_inline)) {
    return ComplexVector<T>{load<T>(a + j * stride), load<T>(b + j * stride)};
  });
  split_parts<T, N, A>(t, spectrum_a, spectrum_b);
}

template <class T, int N>
void codelet_inverse(const LineTransform<T>&, const ComplexVector<T>* spectrum_a, const ComplexVector<T>* spectrum_b,
                     T* a, T* b, int64_t stride, ComplexVector<T>*) {
  constexpr int A = row_pass<N>(), B = N / A;
  ComplexVector<T> t[N];
  const auto joined = [&](int j, bool mirrored) __attribute__((always_inline)) {
    const int k = mirrored ? N - j : j;
    return joined_swapped<T>(spectrum_a[k], spectrum_b[k], 2 * k % N == 0, mirrored);
  };
  if constexpr (A == 1) {
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) t[j] = joined(j, 2 * j > N);
  } else {
    first_butterfly<T, N, A>(t, 0, [&](int i) __attribute__((always_inline)) { return joined(B * i, 2 * i > A); });
#pragma GCC unroll 1
    for (int j = 1; j < B; ++j)
      first_butterfly<T, N, A>(t, j, [&](int i) __attribute__((always_inline)) {
        const bool mirrored = 2 * i >= A;
        const int k = mirrored ? N - j - B * i : j + B * i;
        return joined_swapped<T>(spectrum_a[k], spectrum_b[k], false, mirrored);
      });
  }
#pragma GCC unroll 1
  for (int k = 0; k < A; ++k) {
    ComplexVector<T> u[B];
#pragma GCC unroll 16
    for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
    butterfly<T, B>(u);
#pragma GCC unroll 16
    for (int j = 0; j < B; ++j) {
      store<T>(a + (k + A * j) * stride, u[j].im);
      store<T>(b + (k + A * j) * stride, u[j].re);
    }
  }
}

// The inverse passes of one column, after middle(k, u): the second butterflies, weights and swap of part k.
template <class T, int N, class Middle>
AF_INLINE void filter_column(ComplexVector<T>* t, ComplexVector<T>* column, int64_t stride, Middle middle) {
  constexpr int A = column_pass<N>(), B = N / A;
  constexpr bool turns = ColumnOrder<N>::kTurns;
  if constexpr (A == 1) {
    ComplexVector<T> u[N];
    middle(0, u);
    butterfly<T, N>(u);
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) column[j * stride] = swapped(u[j]);
    return;
  }
#pragma GCC unroll 1
  for (int k = 0; k < A; ++k) {
    ComplexVector<T> u[B];
    middle(k, u);
    butterfly<T, B>(u);
    t[k * B] = u[0];
#pragma GCC unroll 16
    for (int j = 1; j < B; ++j)
      t[k * B + j] = turns ? rotated(u[j], kRoots<T, N>.cosine[j * k], kRoots<T, N>.sine[j * k]) : u[j];
  }
#pragma GCC unroll 1
  for (int j = 0; j < B; ++j) {
    ComplexVector<T> u[A];
#pragma GCC unroll 16
    for (int k = 0; k < A; ++k) u[k] = t[k * B + j];
    butterfly<T, A>(u);
#pragma GCC unroll 16
    for (int k = 0; k < A; ++k) column[(j + B * k) * stride] = swapped(u[k]);
  }
}

// v, the frequency at this place, times its weight
template <class T, int N, bool Shared>
AF_INLINE ComplexVector<T> weighted(ComplexVector<T> v, const Columns<T>& c, int64_t column, int place) {
  if constexpr (Shared) return v * c.shared_weight[column * N + place];
  return v * c.weight[kColumnOrder<N>.frequency[place] * c.weight_stride + column];
}

template <class T, int N, bool Shared>
void codelet_columns(const LineTransform<T>&, const Columns<T>& c, ComplexVector<T>*) {
  constexpr int A = column_pass<N>(), B = N / A;
  constexpr bool turns = ColumnOrder<N>::kTurns;
  for (int64_t column = 0; column < c.count; ++column) {
    ComplexVector<T>* points = c.buffer + column;
    ComplexVector<T> t[N];
    first_butterflies<T, N, A, turns>(t, [&](int j) __attribute__((always_inline)) { return points[j * c.stride]; });
    filter_column<T, N>(t, points, c.stride, [&](int k, ComplexVector<T>* u) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
      butterfly<T, B>(u);
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) u[j] = swapped(weighted<T, N, Shared>(u[j], c, column, k * B + j));
    });
  }
}

template <class T, int N, bool Shared>
void codelet_columns_gradient(const LineTransform<T>&, const Columns<T>& c, ComplexVector<T>*) {
  constexpr int A = column_pass<N>(), B = N / A;
  constexpr bool turns = ColumnOrder<N>::kTurns;
  for (int64_t column = 0; column < c.count; ++column) {
    ComplexVector<T>* points = c.buffer + column;
    const ComplexVector<T>* input = c.input + column;
    ComplexVector<T> t[N], x[N];
    first_butterflies<T, N, A, turns>(x, [&](int j) __attribute__((always_inline)) { return input[j * c.stride]; });
    first_butterflies<T, N, A, turns>(t, [&](int j) __attribute__((always_inline)) { return points[j * c.stride]; });
    filter_column<T, N>(t, points, c.stride, [&](int k, ComplexVector<T>* u) __attribute__((always_inline)) {
      butterfly<T, B>(x + k * B);
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
      butterfly<T, B>(u);
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) {
        const int place = k * B + j;
        add_product<T>(c.products[kColumnOrder<N>.frequency[place] * c.weight_stride + column], x[place], u[j]);
        u[j] = swapped(weighted<T, N, Shared>(u[j], c, column, place));
      }
    });
  }
}

// The whole transform of one line: both butterflies.
template <class T, int N, class Load, class Store>
AF_INLINE void transform_line(Load load, Store store) {
  constexpr int A = row_pass<N>(), B = N / A;
  if constexpr (A == 1) {
    ComplexVector<T> u[N];
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) u[j] = load(j);
    butterfly<T, N>(u);
#pragma GCC unroll 16
    for (int j = 0; j < N; ++j) store(j, u[j]);
  } else {
    ComplexVector<T> t[N];
    first_butterflies<T, N, A>(t, load);
#pragma GCC unroll 1
    for (int k = 0; k < A; ++k) {
      ComplexVector<T> u[B];
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) u[j] = t[k * B + j];
      butterfly<T, B>(u);
#pragma GCC unroll 16
      for (int j = 0; j < B; ++j) store(k + A * j, u[j]);
    }
  }
}

template <class T, int N>
void codelet_transform(const LineTransform<T>&, ComplexVector<T>* buffer, int64_t stride, int64_t count, bool inverse,
                       ComplexVector<T>*) {
  for (int64_t column = 0; column < count; ++column) {
    ComplexVector<T>* points = buffer + column;
    if (inverse)
      transform_line<T, N>([&](int k) __attribute__((always_inline)) { return swapped(points[k * stride]); },
                           [&](int j, ComplexVector<T> v)
                               __attribute__((always_inline)) { points[j * stride] = swapped(v); });
    else
      transform_line<T, N>([&](int j) __attribute__((always_inline)) { return points[j * stride]; },
                           [&](int k, ComplexVector<T> v) __attribute__((always_inline)) { points[k * stride] = v; });
  }
}

template <class T, int N>
LineTransform<T> codelet() {
  return {N,
          nullptr,
          kColumnOrder<N>.point_place,
          kColumnOrder<N>.frequency_place,
          codelet_forward<T, N>,
          codelet_inverse<T, N>,
          [](const LineTransform<T>& line, const Columns<T>& c, ComplexVector<T>* scratch) {
            c.weight ? codelet_columns<T, N, false>(line, c, scratch) : codelet_columns<T, N, true>(line, c, scratch);
          },
          [](const LineTransform<T>& line, const Columns<T>& c, ComplexVector<T>* scratch) {
            c.weight ? codelet_columns_gradient<T, N, false>(line, c, scratch)
                     : codelet_columns_gradient<T, N, true>(line, c, scratch);
          },
          codelet_transform<T, N>};
}

}  // namespace activefreq::AF_ISA
