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

// Columns lie side by side: point j of column k at buffer[p * stride + k], p the place of point j. The weight of its
// frequency f is either one vector, each plane its own, at weight[f * weight_stride + k], or one number that all planes
// share, at shared_weight[k * n + q], q the place of frequency f.
template <class T>
struct Columns {
  ComplexVector<T>* buffer;
  int64_t stride, count;
  const ComplexVector<T>* weight;
  int64_t weight_stride;
  const Complex<T>* shared_weight;
  const ComplexVector<T>* input;  // columns_gradient: the columns of x, laid out as buffer
  ComplexVector<T>* products;     // columns_gradient: laid out as weight, whether or not that is shared
};

template <class T>
struct LineTransform {
  int64_t length;
  int64_t place_of_point(int64_t j) const { return point_place ? point_place[j] : j; }
  int64_t place_of_frequency(int64_t f) const { return frequency_place ? frequency_place[f] : f; }

  const LinePlan<T>* plan;                   // null where the codelet needs none
  const int *point_place, *frequency_place;  // of columns and columns_gradient; null: in order
  // Point j of a line is the vector at a + j * stride.
  void (*forward)(const LineTransform&, const T* a, const T* b, int64_t stride, ComplexVector<T>* spectrum_a,
                  ComplexVector<T>* spectrum_b, ComplexVector<T>* scratch);
  void (*inverse)(const LineTransform&, const ComplexVector<T>* spectrum_a, const ComplexVector<T>* spectrum_b, T* a,
                  T* b, int64_t stride, ComplexVector<T>* scratch);
  void (*columns)(const LineTransform&, const Columns<T>&, ComplexVector<T>* scratch);
  void (*columns_gradient)(const LineTransform&, const Columns<T>&, ComplexVector<T>* scratch);
  void (*transform)(const LineTransform&, ComplexVector<T>* buffer, int64_t stride, int64_t count, bool inverse,
                    ComplexVector<T>* scratch);
};

// Vectors of scratch that any of them may use.
inline int64_t line_scratch(int64_t length) { return 4 * length; }

// Twice A(k) and B(k) from p = Z(k) and q = Z(n-k).
template <class T>
AF_INLINE void split_point(ComplexVector<T> p, ComplexVector<T> q, ComplexVector<T>& a, ComplexVector<T>& b) {
  a = {p.re + q.re, p.im - q.im};
  b = {p.im + q.im, q.re - p.re};
}

// Z(k) = A(k) + iB(k), or mirrored Z(n-k), with real and imaginary part swapped: the inverse is a forward transform of
// swapped numbers. Real: without the imaginary parts, at DC and Nyquist.
template <class T>
AF_INLINE ComplexVector<T> joined_swapped(const ComplexVector<T>& a, const ComplexVector<T>& b, bool real,
                                          bool mirrored) {
  if (real) return {b.re, a.re};
  if (mirrored) return {b.re - a.im, a.re + b.im};
  return {a.im + b.re, a.re - b.im};
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
