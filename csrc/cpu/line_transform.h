// Transforms along one axis, for a vector of planes at once. Everything a filter does to a line of n points:
//
//   forward           two real lines as one complex transform: z = a + ib, then A(k) = Z(k) + conj Z(n-k) and
//                     B(k) = -i (Z(k) - conj Z(n-k)). Both are twice the half spectrum; the caller's scale knows.
//   inverse           back, unnormalised. Imaginary parts at DC and Nyquist are not read.
//   columns           for each of `count` columns: transform, times weight, inverse, in place.
//   columns_gradient  the same on the gradient, and products += conj(X) G on the way;
//   transform         `count` columns alone, forward or inverse, unnormalised, in place; point j of column k lies at
//                     buffer[j * stride + k].
//
// line_codelet.h has the sizes that networks use, line_plan.h every other size.
#pragma once
#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

template <class T>
class LinePlan;

// Columns lie side by side: point j of column k at buffer[j * stride + k], its weight at [k * n + j], as one vector
// per point (each plane its own weight) or as one number (all planes share it).
template <class T>
struct Columns {
  ComplexVector<T>* buffer;
  int64_t stride, count;
  const ComplexVector<T>* weight;   // either this
  const Complex<T>* shared_weight;  // or this
  const ComplexVector<T>* input;    // columns_gradient: the columns of x, laid out as buffer
  ComplexVector<T>* products;       // columns_gradient: laid out as weight
};

template <class T>
struct LineTransform {
  int64_t length;
  const LinePlan<T>* plan;  // null where the codelet needs none
  void (*forward)(const LineTransform&, const Vector<T>* a, const Vector<T>* b, ComplexVector<T>* spectrum_a,
                  ComplexVector<T>* spectrum_b, ComplexVector<T>* scratch);
  void (*inverse)(const LineTransform&, const ComplexVector<T>* spectrum_a, const ComplexVector<T>* spectrum_b,
                  Vector<T>* a, Vector<T>* b, ComplexVector<T>* scratch);
  void (*columns)(const LineTransform&, const Columns<T>&, ComplexVector<T>* scratch);
  void (*columns_gradient)(const LineTransform&, const Columns<T>&, ComplexVector<T>* scratch);
  void (*transform)(const LineTransform&, ComplexVector<T>* buffer, int64_t stride, int64_t count, bool inverse,
                    ComplexVector<T>* scratch);
};

// Vectors of scratch that any of them may use.
inline int64_t line_scratch(int64_t length) { return 4 * length; }

template <class T>
AF_INLINE void split_pair(const ComplexVector<T>* z, int64_t n, ComplexVector<T>* a, ComplexVector<T>* b) {
  a[0] = {z[0].re + z[0].re, Vector<T>{}};
  b[0] = {z[0].im + z[0].im, Vector<T>{}};
  for (int64_t k = 1; k <= n / 2; ++k) {
    const ComplexVector<T> p = z[k], q = z[n - k];
    a[k] = {p.re + q.re, p.im - q.im};
    b[k] = {p.im + q.im, q.re - p.re};
  }
}

// z = a + ib with real and imaginary part swapped: the inverse is a forward transform of swapped numbers.
template <class T>
AF_INLINE void join_pair_swapped(const ComplexVector<T>* a, const ComplexVector<T>* b, int64_t n, ComplexVector<T>* z) {
  z[0] = {b[0].re, a[0].re};
  for (int64_t k = 1; 2 * k < n; ++k) {
    z[k] = {a[k].im + b[k].re, a[k].re - b[k].im};
    z[n - k] = {b[k].re - a[k].im, a[k].re + b[k].im};
  }
  if (n % 2 == 0) z[n / 2] = {b[n / 2].re, a[n / 2].re};
}

template <class T, bool Shared>
AF_INLINE ComplexVector<T> weighted(ComplexVector<T> v, const Columns<T>& c, int64_t i) {
  if constexpr (Shared) return v * c.shared_weight[i];
  return v * c.weight[i];
}

// products += conj(x) g
template <class T>
AF_INLINE void add_product(ComplexVector<T>& products, ComplexVector<T> x, ComplexVector<T> g) {
  products = {products.re + x.re * g.re + x.im * g.im, products.im + x.re * g.im - x.im * g.re};
}

// The transform for a length: a codelet where there is one, else a plan made once and kept.
LineTransform<float> line_transform(int64_t length, float);
LineTransform<double> line_transform(int64_t length, double);

}  // namespace activefreq::AF_ISA
