// Depth-wise 3x3 convolution with zero padding 1, forward and backward, one plane at a time.
//
// The plane is copied into rows with zeros around them; then each block of kLanes columns walks down the rows: an
// input row is loaded once (left, centre, right) and adds to the three output rows that it reaches.
#pragma once
#include <algorithm>

#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

template <class T>
class Depthwise {
 public:
  Depthwise(int64_t height, int64_t width)
      : height_(height),
        width_(width),
        pitch_((width / kLanes<T> + 1) * kLanes<T>),  // at least one zero behind each row, which is before the next
        tail_(mask_of(LaneMask<T>{0, static_cast<int>((width - 1) % kLanes<T>) + 1})) {}

  int64_t padded_size() const { return (height_ + 2) * pitch_ + 2 * kLanes<T>; }

  // Returns the place of the plane's first point in `memory`, padded_size() long.
  const T* pad(const T* plane, T* memory) const {
    T* begin = memory + kLanes<T> + pitch_;
    std::fill(memory, begin, T{0});
    for (int64_t y = 0; y < height_; ++y) {
      const T* row = plane + y * width_;
      T* to = begin + y * pitch_;
      int64_t x = 0;
      for (; x + kLanes<T> <= width_; x += kLanes<T>) store<T>(to + x, load<T>(row + x));
      store<T>(to + x, x < width_ ? load_lanes(row + x, tail_, Vector<T>{}) : Vector<T>{});
    }
    std::fill(begin + height_ * pitch_, memory + padded_size(), T{0});
    return begin;
  }

  // y = bias + sum over taps of weight[tap] x; flipped: the adjoint.
  void filter(const T* padded, const T* weight, bool flipped, T bias, T* y) const {
    T tap[9];
    for (int i = 0; i < 9; ++i) tap[i] = weight[flipped ? 8 - i : i];
    for (int64_t column = 0; column < width_; column += kLanes<T>) {
      const bool whole = column + kLanes<T> <= width_;
      Vector<T> here = Vector<T>{} + bias, below = here;  // sums so far of this row and of the next
      for (int64_t row = -1; row <= height_; ++row) {     // of the input
        const T* x = padded + row * pitch_ + column;
        const Vector<T> left = load<T>(x - 1), centre = load<T>(x), right = load<T>(x + 1);
        const Vector<T> above = here + left * tap[6] + centre * tap[7] + right * tap[8];
        here = below + left * tap[3] + centre * tap[4] + right * tap[5];
        below = left * tap[0] + centre * tap[1] + right * tap[2] + bias;
        if (row < 1) continue;
        T* out = y + (row - 1) * width_ + column;
        whole ? store<T>(out, above) : store_lanes(out, tail_, above);
      }
    }
  }

  // sums[tap] += g x at that tap, sums[9] += g, per lane. Both padded: the gradient's zeros end the sums.
  void add_gradient(const T* padded, const T* padded_gradient, Vector<T>* sums) const {
    Vector<T> sum[10];
    for (int i = 0; i < 10; ++i) sum[i] = sums[i];
    for (int64_t column = 0; column < width_; column += kLanes<T>) {
      Vector<T> above = {}, here = {};  // gradient rows row - 1 and row
      for (int64_t row = -1; row <= height_; ++row) {
        const T* x = padded + row * pitch_ + column;
        const Vector<T> left = load<T>(x - 1), centre = load<T>(x), right = load<T>(x + 1);
        const Vector<T> below = row < height_ ? load<T>(padded_gradient + (row + 1) * pitch_ + column) : Vector<T>{};
        const Vector<T> gradient[3] = {below, here, above};
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
          sum[3 * i] += gradient[i] * left;
          sum[3 * i + 1] += gradient[i] * centre;
          sum[3 * i + 2] += gradient[i] * right;
        }
        sum[9] += here;
        above = here;
        here = below;
      }
    }
    for (int i = 0; i < 10; ++i) sums[i] = sum[i];
  }

 private:
  int64_t height_, width_, pitch_;
  Mask<T> tail_;
};

}  // namespace activefreq::AF_ISA
