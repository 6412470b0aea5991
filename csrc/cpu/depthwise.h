// Depth-wise 3x3 convolution with zero padding 1, forward and backward, one plane at a time.
//
// Each block of kLanes columns walks down the rows: an input row is loaded once (left, centre, right) and adds to the
// three output rows that it reaches. Where masks cost nothing they stand for the zeros beside a row; elsewhere the
// plane is first copied into rows with zeros between them.
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
        // copied rows: at least one zero behind each, which is before the next
        pitch_(kCheapMasks ? width : (width / kLanes<T> + 1) * kLanes<T>),
        tail_(mask_of(LaneMask<T>{0, static_cast<int>(width % kLanes<T>)})) {}

  size_t memory_bytes() const { return 2 * copy_bytes(); }  // of the memory that both functions work in

  // y = bias + sum over taps of weight[tap] x; flipped: the adjoint.
  void filter(const T* x, const T* weight, bool flipped, T bias, T* y, void* memory) const {
    T tap[9];
    for (int i = 0; i < 9; ++i) tap[i] = weight[flipped ? 8 - i : i];
    const T* rows = copied(x, memory);
    for_blocks([&](auto block) { filter_block(block, rows + block.column, tap, bias, y + block.column); });
  }

  // sums[tap] += g x at that tap, sums[9] += g, per lane.
  void add_gradient(const T* x, const T* gradient, Vector<T>* sums, void* memory) const {
    Vector<T> sum[10];
    for (int i = 0; i < 10; ++i) sum[i] = sums[i];
    const T* rows = copied(x, memory);
    const T* gradients = copied(gradient, static_cast<char*>(memory) + copy_bytes());
    for_blocks([&](auto block) { add_block(block, rows + block.column, gradients + block.column, sum); });
    for (int i = 0; i < 10; ++i) sums[i] = sum[i];
  }

 private:
  struct Inner {  // every neighbour is in the plane
    int64_t column;
    Vector<T> left(const T* x) const { return load<T>(x - 1); }
    Vector<T> centre(const T* x) const { return load<T>(x); }
    Vector<T> right(const T* x) const { return load<T>(x + 1); }
    void put(T* y, Vector<T> v) const { store<T>(y, v); }
  };
  struct Edge {
    int64_t column;
    Mask<T> with_left, inside, with_right;
    Vector<T> left(const T* x) const { return load_lanes(x - 1, with_left, Vector<T>{}); }
    Vector<T> centre(const T* x) const { return load_lanes(x, inside, Vector<T>{}); }
    Vector<T> right(const T* x) const { return load_lanes(x + 1, with_right, Vector<T>{}); }
    void put(T* y, Vector<T> v) const { store_lanes(y, inside, v); }
  };

  struct Copied {  // zeros beside the rows
    int64_t column;
    bool whole;
    Mask<T> inside;
    Vector<T> left(const T* x) const { return load<T>(x - 1); }
    Vector<T> centre(const T* x) const { return load<T>(x); }
    Vector<T> right(const T* x) const { return load<T>(x + 1); }
    void put(T* y, Vector<T> v) const { whole ? store<T>(y, v) : store_lanes(y, inside, v); }
  };

  size_t copy_bytes() const { return kCheapMasks ? 0 : ((height_ + 2) * pitch_ + 2 * kLanes<T>)*sizeof(T); }

  // The place of the plane's first point in the copy, or in the plane itself.
  const T* copied(const T* plane, void* memory) const {
    if (kCheapMasks) return plane;
    T* const copy = static_cast<T*>(memory);
    T* const begin = copy + kLanes<T> + pitch_;
    std::fill(copy, begin, T{0});
    for (int64_t y = 0; y < height_; ++y) {
      const T* row = plane + y * width_;
      T* to = begin + y * pitch_;
      int64_t x = 0;
      for (; x + kLanes<T> <= width_; x += kLanes<T>) store<T>(to + x, load<T>(row + x));
      store<T>(to + x, x < width_ ? load_lanes(row + x, tail_, Vector<T>{}) : Vector<T>{});
    }
    std::fill(begin + height_ * pitch_, copy + copy_bytes() / sizeof(T), T{0});
    return begin;
  }

  template <class F>
  void for_blocks(F f) const {
    for (int64_t column = 0; column < width_; column += kLanes<T>) {
      if (!kCheapMasks) {
        f(Copied{column, column + kLanes<T> <= width_, tail_});
        continue;
      }
      if (column > 0 && column + kLanes<T> < width_) {
        f(Inner{column});
        continue;
      }
      const auto lanes = [&](int begin, int64_t columns) {
        const int end = static_cast<int>(std::min<int64_t>(kLanes<T>, columns - column));
        return mask_of(LaneMask<T>{std::min(begin, end), end});
      };
      f(Edge{column, lanes(column == 0, width_), lanes(0, width_), lanes(0, width_ - 1)});
    }
  }

  template <class Block>
  void filter_block(const Block& block, const T* x, const T* tap, T bias, T* y) const {
    Vector<T> here = Vector<T>{} + bias, below = here;  // sums so far of this row and of the next
    for (int64_t row = 0; row < height_; ++row, x += pitch_) {
      const Vector<T> left = in_register(block.left(x)), centre = in_register(block.centre(x)),
                      right = in_register(block.right(x));
      const Vector<T> above = here + left * tap[6] + centre * tap[7] + right * tap[8];
      here = below + left * tap[3] + centre * tap[4] + right * tap[5];
      below = left * tap[0] + centre * tap[1] + right * tap[2] + bias;
      if (row > 0) block.put(y + (row - 1) * width_, above);
    }
    block.put(y + (height_ - 1) * width_, here);
  }

  template <class Block>
  void add_block(const Block& block, const T* x, const T* gradient, Vector<T>* sum) const {
    Vector<T> above = {}, here = block.centre(gradient);  // gradient rows row - 1 and row
    for (int64_t row = 0; row < height_; ++row, x += pitch_, gradient += pitch_) {
      const Vector<T> left = in_register(block.left(x)), centre = in_register(block.centre(x)),
                      right = in_register(block.right(x));
      const Vector<T> below = row + 1 < height_ ? block.centre(gradient + pitch_) : Vector<T>{};
      const Vector<T> rows[3] = {below, here, above};
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) {
        sum[3 * i] += rows[i] * left;
        sum[3 * i + 1] += rows[i] * centre;
        sum[3 * i + 2] += rows[i] * right;
      }
      sum[9] += here;
      above = here;
      here = below;
    }
  }

  int64_t height_, width_, pitch_;
  Mask<T> tail_;  // what whole vectors leave of a row
};

}  // namespace activefreq::AF_ISA
