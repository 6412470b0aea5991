// Small discrete Fourier transforms with their constants known at compile time, over any type that adds and
// multiplies: a vector of planes on the CPU, one number per thread on a GPU. All are forward and unnormalised,
// X(k) = sum_j x(j) e^(-2 pi i jk/N), in natural order. Inverse: swap real and imaginary part before and after.
#pragma once
#include "core/portable.h"

#define AF_INLINE inline __attribute__((always_inline))
#ifdef __CUDACC__
#define AF_UNROLL _Pragma("unroll")
#else
#define AF_UNROLL _Pragma("GCC unroll 16")
#endif

namespace activefreq::AF_ISA {

template <class V>
struct Complex {
  V re, im;
};

template <class V>
AF_HOST_DEVICE AF_INLINE Complex<V> operator+(Complex<V> a, Complex<V> b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
AF_HOST_DEVICE AF_INLINE Complex<V> operator-(Complex<V> a, Complex<V> b) {
  return {a.re - b.re, a.im - b.im};
}
// U is V, or a scalar that applies to all lanes.
template <class V, class U>
AF_HOST_DEVICE AF_INLINE Complex<V> operator*(Complex<V> a, Complex<U> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
template <class V>
AF_HOST_DEVICE AF_INLINE Complex<V> swapped(Complex<V> a) {
  return {a.im, a.re};
}
// a (cosine - i sine)
template <class V, class T>
AF_HOST_DEVICE AF_INLINE Complex<V> rotated(Complex<V> a, T cosine, T sine) {
  return {a.re * cosine + a.im * sine, a.im * cosine - a.re * sine};
}

struct UnitRoot {
  double cosine, sine;
};

// cos and sin of 2 pi k / n, to the last bit or two of a double: reduced to an eighth of a turn with integers, then
// Taylor. constexpr, where <cmath> is not.
constexpr UnitRoot unit_root(int64_t k, int64_t n) {
  k %= n;
  if (2 * k > n) {
    const UnitRoot mirrored = unit_root(n - k, n);
    return {mirrored.cosine, -mirrored.sine};
  }
  if (4 * k > n) {
    const UnitRoot mirrored = unit_root(n - 2 * k, 2 * n);
    return {-mirrored.cosine, mirrored.sine};
  }
  if (8 * k > n) {
    const UnitRoot mirrored = unit_root(n - 4 * k, 4 * n);
    return {mirrored.sine, mirrored.cosine};
  }
  const double angle = 6.283185307179586476925 * static_cast<double>(k) / static_cast<double>(n);
  const double square = angle * angle;
  double cosine = 1, sine = 1;
  for (int i = 18; i > 0; i -= 2) {
    cosine = 1 - cosine * square / ((i - 1) * i);
    sine = 1 - sine * square / (i * (i + 1));
  }
  return {cosine, sine * angle};
}

template <class T, int N>
struct Roots {
  T cosine[N]{}, sine[N]{};
  constexpr Roots() {
    for (int k = 0; k < N; ++k) {
      const UnitRoot root = unit_root(k, N);
      cosine[k] = static_cast<T>(root.cosine);
      sine[k] = static_cast<T>(root.sine);
    }
  }
};
template <class T, int N>
inline constexpr Roots<T, N> kRoots{};

// cos and sin of 2 pi k / N, where k is known to the compiler after unrolling.
template <class T, int N>
AF_HOST_DEVICE AF_INLINE T root_cosine(int k) {
#ifdef __CUDA_ARCH__
  constexpr Roots<T, N> roots{};  // device code cannot read a constant array of the host
  return roots.cosine[k];
#else
  return kRoots<T, N>.cosine[k];
#endif
}
template <class T, int N>
AF_HOST_DEVICE AF_INLINE T root_sine(int k) {
#ifdef __CUDA_ARCH__
  constexpr Roots<T, N> roots{};
  return roots.sine[k];
#else
  return kRoots<T, N>.sine[k];
#endif
}

// a e^(-2 pi i e/N). Where e is known to the compiler, quarter and eighth turns cost no or two multiplications.
template <class T, int N, class V>
AF_HOST_DEVICE AF_INLINE Complex<V> turned(Complex<V> a, int e) {
  constexpr T half = static_cast<T>(0.707106781186547524401);
  if (e == 0) return a;
  if (4 * e == N) return {a.im, -a.re};
  if (8 * e == N) return {(a.re + a.im) * half, (a.im - a.re) * half};
  if (8 * e == 3 * N) return {(a.im - a.re) * half, -((a.re + a.im) * half)};
  return rotated(a, root_cosine<T, N>(e), root_sine<T, N>(e));
}

template <class T, int R, class V>
AF_HOST_DEVICE AF_INLINE void butterfly(Complex<V>* x);

// Odd R: with t_j = x_j + x_(R-j) and d_j = x_j - x_(R-j), X(k) and X(R-k) are m -/+ i q,
// m = x_0 + sum_j cos(2 pi jk/R) t_j, q = sum_j sin(2 pi jk/R) d_j.
template <class T, int R, class V>
AF_HOST_DEVICE AF_INLINE void butterfly_odd(Complex<V>* x) {
  constexpr int H = R / 2;
  Complex<V> t[H], d[H], all = x[0];
  const Complex<V> first = x[0];
  AF_UNROLL
  for (int j = 0; j < H; ++j) {
    t[j] = x[j + 1] + x[R - 1 - j];
    d[j] = x[j + 1] - x[R - 1 - j];
    all = all + t[j];
  }
  x[0] = all;
  AF_UNROLL
  for (int k = 1; k <= H; ++k) {
    Complex<V> m = first, q = {d[0].re * root_sine<T, R>(k), d[0].im * root_sine<T, R>(k)};
    AF_UNROLL
    for (int j = 0; j < H; ++j) {
      const T cosine = root_cosine<T, R>((j + 1) * k % R);
      m = {m.re + t[j].re * cosine, m.im + t[j].im * cosine};
    }
    AF_UNROLL
    for (int j = 1; j < H; ++j) {
      const T sine = root_sine<T, R>((j + 1) * k % R);
      q = {q.re + d[j].re * sine, q.im + d[j].im * sine};
    }
    x[k] = {m.re + q.im, m.im - q.re};
    x[R - k] = {m.re - q.im, m.im + q.re};
  }
}

// R = A B in registers: B transforms of size A, turns, A transforms of size B (Cooley and Tukey).
template <class T, int A, int B, class V>
AF_HOST_DEVICE AF_INLINE void butterfly_composed(Complex<V>* x) {
  Complex<V> t[A * B];
  AF_UNROLL
  for (int b = 0; b < B; ++b) {
    Complex<V> u[A];
    AF_UNROLL
    for (int a = 0; a < A; ++a) u[a] = x[b + B * a];
    butterfly<T, A>(u);
    AF_UNROLL
    for (int k = 0; k < A; ++k) t[k * B + b] = turned<T, A * B>(u[k], b * k);
  }
  AF_UNROLL
  for (int k = 0; k < A; ++k) {
    butterfly<T, B>(t + k * B);
    AF_UNROLL
    for (int j = 0; j < B; ++j) x[k + A * j] = t[k * B + j];
  }
}

template <class T, int R, class V>
AF_HOST_DEVICE AF_INLINE void butterfly(Complex<V>* x) {
  if constexpr (R == 2) {
    const Complex<V> a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
  } else if constexpr (R == 4) {
    const Complex<V> a = x[0] + x[2], b = x[0] - x[2], c = x[1] + x[3], d = x[1] - x[3];
    x[0] = a + c;
    x[1] = {b.re + d.im, b.im - d.re};
    x[2] = a - c;
    x[3] = {b.re - d.im, b.im + d.re};
  } else if constexpr (R % 2 == 1 && R > 1 && R != 9 && R != 15) {
    butterfly_odd<T, R>(x);
  } else if constexpr (R == 8) {
    butterfly_composed<T, 2, 4>(x);
  } else if constexpr (R == 16) {
    butterfly_composed<T, 4, 4>(x);
  } else if constexpr (R % 4 == 0) {
    butterfly_composed<T, R / 4, 4>(x);
  } else if constexpr (R % 2 == 0) {
    butterfly_composed<T, 2, R / 2>(x);
  } else {
    static_assert(R == 1, "butterfly: no codelet of this size");
  }
}

}  // namespace activefreq::AF_ISA
