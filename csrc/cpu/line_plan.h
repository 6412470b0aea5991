// Lines of any length: a Stockham transform over the prime factors, its plan made at run time.
#pragma once
#include <vector>

#include "cpu/line_transform.h"

namespace activefreq::AF_ISA {

template <class T>
class LinePlan {
 public:
  explicit LinePlan(int64_t length) : length_(length), cosine_(length), sine_(length) {
    for (int64_t k = 0; k < length; ++k) {
      const UnitRoot root = unit_root(k, length);
      cosine_[k] = static_cast<T>(root.cosine);
      sine_[k] = static_cast<T>(root.sine);
    }
    for (const int64_t radix : {8, 7, 5, 4, 3, 2})
      while (length % radix == 0) {
        radices_.push_back(radix);
        length /= radix;
      }
    for (int64_t prime = 11; length > 1; prime += 2)
      while (length % prime == 0) {
        radices_.push_back(prime);
        length /= prime;
      }
  }

  // Transforms `from` into one of the two, which is returned; both hold `length` points, `scratch` as many more.
  ComplexVector<T>* transform(ComplexVector<T>* from, ComplexVector<T>* to, ComplexVector<T>* scratch) const {
    int64_t done = 1;  // from holds length/done interleaved transforms of size done
    for (const int64_t radix : radices_) {
      switch (radix) {
        case 2:
          pass<2>(from, to, done);
          break;
        case 3:
          pass<3>(from, to, done);
          break;
        case 4:
          pass<4>(from, to, done);
          break;
        case 5:
          pass<5>(from, to, done);
          break;
        case 7:
          pass<7>(from, to, done);
          break;
        case 8:
          pass<8>(from, to, done);
          break;
        case 11:
          pass<11>(from, to, done);
          break;
        default:
          pass_prime(from, to, done, radix, scratch);
      }
      done *= radix;
      std::swap(from, to);
    }
    return from;
  }

 private:
  // R transforms of size `done`, their points n/R apart, become one of size R done.
  template <int R>
  void pass(const ComplexVector<T>* from, ComplexVector<T>* to, int64_t done) const {
    const int64_t apart = length_ / R, root_step = apart / done;
    for (int64_t k = 0; k < done; ++k)
      for (int64_t block = 0; block < root_step; ++block) {
        ComplexVector<T> u[R];
        const ComplexVector<T>* points = from + block * done + k;
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j)
          u[j] = rotated(points[j * apart], cosine_[j * k * root_step], sine_[j * k * root_step]);
        butterfly<T, R>(u);
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j) to[(block * R + j) * done + k] = u[j];
      }
  }

  // As butterfly_odd, R known at run time: R^2 multiplications.
  void pass_prime(const ComplexVector<T>* from, ComplexVector<T>* to, int64_t done, int64_t radix,
                  ComplexVector<T>* u) const {
    const int64_t apart = length_ / radix, root_step = apart / done;
    for (int64_t k = 0; k < done; ++k)
      for (int64_t block = 0; block < root_step; ++block) {
        const ComplexVector<T>* points = from + block * done + k;
        ComplexVector<T>* out = to + block * radix * done + k;
        for (int64_t j = 0; j < radix; ++j)
          u[j] = rotated(points[j * apart], cosine_[j * k * root_step], sine_[j * k * root_step]);
        ComplexVector<T> all = u[0];
        for (int64_t j = 1; 2 * j < radix; ++j) {
          const ComplexVector<T> sum = u[j] + u[radix - j];
          u[radix - j] = u[j] - u[radix - j];
          u[j] = sum;
          all = all + sum;
        }
        out[0] = all;
        for (int64_t i = 1; 2 * i < radix; ++i) {
          ComplexVector<T> m = u[0], q = {};
          int64_t root = 0;
          for (int64_t j = 1; 2 * j < radix; ++j) {
            root = root + i < radix ? root + i : root + i - radix;
            const T cosine = cosine_[root * apart], sine = sine_[root * apart];
            m = {m.re + u[j].re * cosine, m.im + u[j].im * cosine};
            q = {q.re + u[radix - j].re * sine, q.im + u[radix - j].im * sine};
          }
          out[i * done] = {m.re + q.im, m.im - q.re};
          out[(radix - i) * done] = {m.re - q.im, m.im + q.re};
        }
      }
  }

  int64_t length_;
  std::vector<T> cosine_, sine_;  // e^(-2 pi i k/length) = cosine - i sine
  std::vector<int64_t> radices_;
};

template <class T>
void plan_forward(const LineTransform<T>& line, const T* a, const T* b, int64_t stride, ComplexVector<T>* spectrum_a,
                  ComplexVector<T>* spectrum_b, ComplexVector<T>* scratch) {
  const int64_t n = line.length;
  for (int64_t j = 0; j < n; ++j) scratch[j] = {load<T>(a + j * stride), load<T>(b + j * stride)};
  const ComplexVector<T>* z = line.plan->transform(scratch, scratch + n, scratch + 2 * n);
  for (int64_t k = 0; 2 * k <= n; ++k) split_point<T>(z[k], z[k ? n - k : 0], spectrum_a[k], spectrum_b[k]);
}

template <class T>
void plan_inverse(const LineTransform<T>& line, const ComplexVector<T>* spectrum_a, const ComplexVector<T>* spectrum_b,
                  T* a, T* b, int64_t stride, ComplexVector<T>* scratch) {
  const int64_t n = line.length;
  for (int64_t k = 0; 2 * k <= n; ++k) {
    const bool real = 2 * k % n == 0;
    scratch[k] = joined_swapped<T>(spectrum_a[k], spectrum_b[k], real, false);
    if (!real) scratch[n - k] = joined_swapped<T>(spectrum_a[k], spectrum_b[k], false, true);
  }
  const ComplexVector<T>* z = line.plan->transform(scratch, scratch + n, scratch + 2 * n);
  for (int64_t j = 0; j < n; ++j) {
    store<T>(a + j * stride, z[j].im);
    store<T>(b + j * stride, z[j].re);
  }
}

template <class T, bool Gradient>
void plan_columns(const LineTransform<T>& line, const Columns<T>& c, ComplexVector<T>* scratch) {
  const int64_t n = line.length;
  ComplexVector<T>*points = scratch, *other = scratch + n, *spare = scratch + 3 * n;
  for (int64_t column = 0; column < c.count; ++column) {
    const ComplexVector<T>* x = nullptr;
    if constexpr (Gradient) {
      for (int64_t j = 0; j < n; ++j) scratch[2 * n + j] = c.input[j * c.stride + column];
      x = line.plan->transform(scratch + 2 * n, other, spare);
      other = x == other ? scratch + 2 * n : other;
    }
    for (int64_t j = 0; j < n; ++j) points[j] = c.buffer[j * c.stride + column];
    ComplexVector<T>* z = line.plan->transform(points, other, spare);
    for (int64_t j = 0; j < n; ++j) {
      const int64_t own = j * c.weight_stride + column;
      if constexpr (Gradient) add_product<T>(c.products[own], x[j], z[j]);
      z[j] = swapped(c.weight ? z[j] * c.weight[own] : z[j] * c.shared_weight[column * n + j]);
    }
    z = line.plan->transform(z, z == points ? other : points, spare);
    for (int64_t j = 0; j < n; ++j) c.buffer[j * c.stride + column] = swapped(z[j]);
    other = scratch + n;
  }
}

// All columns in place, without a weight: the third axis of a volume.
template <class T>
void transform_columns(const LinePlan<T>& plan, int64_t n, ComplexVector<T>* buffer, int64_t stride, int64_t count,
                       bool inverse, ComplexVector<T>* scratch) {
  for (int64_t column = 0; column < count; ++column) {
    ComplexVector<T>* points = buffer + column;
    for (int64_t j = 0; j < n; ++j) scratch[j] = inverse ? swapped(points[j * stride]) : points[j * stride];
    const ComplexVector<T>* z = plan.transform(scratch, scratch + n, scratch + 2 * n);
    for (int64_t j = 0; j < n; ++j) points[j * stride] = inverse ? swapped(z[j]) : z[j];
  }
}

template <class T>
void plan_transform(const LineTransform<T>& line, ComplexVector<T>* buffer, int64_t stride, int64_t count, bool inverse,
                    ComplexVector<T>* scratch) {
  transform_columns<T>(*line.plan, line.length, buffer, stride, count, inverse, scratch);
}

// The plan for a length, made at its first use and kept.
const LinePlan<float>& line_plan(int64_t length, float);
const LinePlan<double>& line_plan(int64_t length, double);

}  // namespace activefreq::AF_ISA
