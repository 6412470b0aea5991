// Depth-wise 3x3 convolution with zero padding 1, forward and backward.
//
// A plane is one run of height x width points, so that narrow planes fill the lanes too. A tap to the left is then
// the point before, which for the first column lies in the row above: its sum is masked out there, once for the
// three taps of a side, and likewise on the right. Above and below, a padded copy holds zeros.
#pragma once
#include <algorithm>

#include "cpu/lanes.h"
#include "cpu/workspace.h"

namespace activefreq::AF_ISA {

template <class T>
class Depthwise {
 public:
  Depthwise(int64_t height, int64_t width)
      : width_(width), points_(height * width), lead_(round_up(width + 1)), masks_(2 * round_up(points_) * sizeof(T)) {
    Integer *first = not_first(), *last = not_last();
    std::fill(first, first + points_, Integer{-1});
    std::fill(last, last + points_, Integer{-1});
    for (int64_t i = 0; i < points_; i += width) {
      first[i] = 0;
      last[i + width - 1] = 0;
    }
    std::fill(first + points_, first + round_up(points_), Integer{0});
    std::fill(last + points_, last + round_up(points_), Integer{0});
  }

  int64_t padded_size() const { return lead_ + round_up(points_) + round_up(width_ + 1 + kLanes<T>); }

  // Returns the plane's first point in `memory`, padded_size() long; zeros before and behind it.
  const T* pad(const T* plane, T* memory) const {
    T* begin = memory + lead_;
    std::fill(memory, begin, T{0});
    std::memcpy(begin, plane, points_ * sizeof(T));
    std::fill(begin + points_, memory + padded_size(), T{0});
    return begin;
  }

  // y = bias + sum over taps of weight[tap] x; flipped: the adjoint.
  void filter(const T* padded, const T* weight, bool flipped, T bias, T* y) const {
    T tap[9];
    for (int i = 0; i < 9; ++i) tap[i] = weight[flipped ? 8 - i : i];
    const auto block = [&](int64_t i) __attribute__((always_inline)) {
      Vector<T> side[3];
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) {
        const T* x = padded + i + s - 1;
        side[s] = load<T>(x - width_) * tap[s] + load<T>(x) * tap[3 + s] + load<T>(x + width_) * tap[6 + s];
      }
      return side[1] + bias + masked(side[0], not_first() + i) + masked(side[2], not_last() + i);
    };
    int64_t i = 0;
    for (; i + kLanes<T> <= points_; i += kLanes<T>) store<T>(y + i, block(i));
    if (i < points_) store_lanes(y + i, mask_of(LaneMask<T>{0, static_cast<int>(points_ - i)}), block(i));
  }

  // sums[tap] += g x at that tap, sums[9] += g, per lane.
  void add_gradient(const T* padded, const T* padded_gradient, Vector<T>* sums) const {
    Vector<T> sum[10];
    for (int i = 0; i < 10; ++i) sum[i] = sums[i];
    for (int64_t i = 0; i < points_; i += kLanes<T>) {
      const Vector<T> g = load<T>(padded_gradient + i);
      const Vector<T> side[3] = {masked(g, not_first() + i), g, masked(g, not_last() + i)};
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) {
        const T* x = padded + i + s - 1;
        sum[s] += side[s] * load<T>(x - width_);
        sum[3 + s] += side[s] * load<T>(x);
        sum[6 + s] += side[s] * load<T>(x + width_);
      }
      sum[9] += g;
    }
    for (int i = 0; i < 10; ++i) sums[i] = sum[i];
  }

 private:
  using Integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

  static int64_t round_up(int64_t n) { return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
  Integer* not_first() const { return static_cast<Integer*>(masks_.data()); }
  Integer* not_last() const { return not_first() + round_up(points_); }

  static AF_INLINE Vector<T> masked(Vector<T> v, const Integer* mask) {
    const Vector<Integer> bits = load<Integer>(mask);
    return (Vector<T>)((Vector<Integer>)v & bits);
  }

  int64_t width_, points_, lead_;
  Workspace masks_;
};

}  // namespace activefreq::AF_ISA
