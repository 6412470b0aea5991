// One row of the exact distance transform. Given the distance c(s) to the nearest background pixel of each column s,
// d^2(x) = min over s of c(s)^2 + (x - s)^2, where c is 0 on both sides of the row.
//
// Short distances: 64 pixels at a time, over offsets 1, 2, 3, ... until no pixel can improve. In 16 bits: columns are
// cut at 181, 181^2 + 181^2 < 2^16, so a result below 181^2 is exact.
//
// Long distances: per run of foreground. The best s grows with x (two parabolas of equal width cross once), so a
// run is halved until 16 pixels are left, and the best columns of the neighbouring middles bound the search: the work
// per level is the length of the run, whatever the distances.
#pragma once
#include "cpu/bit_words.h"
#include "cpu/buffer.h"

namespace activefreq::AF_ISA {

class DistanceRow {
 public:
  // column: c(s) of `width` columns; squared: the row's result.
  void operator()(const uint16_t* column, int64_t width, int32_t* squared) {
    uint16_t* near = near_.of(width + 2 * kMargin + kBlock) + kMargin;
    std::fill(near - kMargin, near, uint16_t{0});
    std::fill(near + width, near + width + kMargin + kBlock, uint16_t{0});
    for (int64_t x = 0; x < width; ++x) {
      const auto cut = std::min<uint16_t>(column[x], kReach);
      near[x] = static_cast<uint16_t>(cut * cut);
    }
    int64_t done = 0;  // pixels before it have their result
    for (int64_t x = 0; x < width; x += kBlock) {
      const int64_t first = std::max(done, x), end = std::min(x + kBlock, width);
      if (first >= end) continue;
      uint16_t best[kBlock];
      if (search_block(near + x, best)) {
        for (int64_t i = first; i < end; ++i) squared[i] = best[i - x];
        continue;
      }
      for (done = first; done < end;) {
        if (column[done] == 0) {
          squared[done++] = 0;
          continue;
        }
        int64_t begin = done;
        while (begin > 0 && column[begin - 1] != 0) --begin;
        while (done < width && column[done] != 0) ++done;
        long_run(column, begin, done, squared);
      }
    }
  }

 private:
  static constexpr int kBlock = 64, kReach = 181, kMargin = 192, kLanes = 16;
  static constexpr int kPatience = 96;           // offsets after which the other method is cheaper
  static constexpr int32_t kNoColumn = 1 << 29;  // more than any squared distance, and leaves room to add one
  typedef uint16_t Block __attribute__((vector_size(2 * kBlock)));
  typedef int32_t Lanes __attribute__((vector_size(4 * kLanes)));
  static constexpr Lanes kLane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

  template <class Vector, class Value>
  static void load(Vector& vector, const Value* values) {  // not returned: that would depend on the instruction set
    std::memcpy(&vector, values, sizeof vector);
  }

  // False where some pixel is farther than kPatience.
  static bool search_block(const uint16_t* near, uint16_t* result) {
    Block best, left, right;
    load(best, near);
    for (int offset = 1; any_above(best, static_cast<uint16_t>(offset * offset)); ++offset) {
      if (offset > kPatience) return false;
      load(left, near - offset), load(right, near + offset);
      const Block nearer = (left < right ? left : right) + static_cast<uint16_t>(offset * offset);
      best = nearer < best ? nearer : best;
    }
    std::memcpy(result, &best, sizeof best);
    return true;
  }

  // Foreground [begin, end) with background, or the outside, on both sides.
  void long_run(const uint16_t* column, int64_t begin, int64_t end, int32_t* squared) {
    const int64_t length = end - begin;
    int32_t* height = height_.of(length + 2 + kLanes);  // c^2 of columns begin - 1 to end
    height[0] = 0;
    for (int64_t i = 0; i < length; ++i) height[i + 1] = column[begin + i] * column[begin + i];
    height[length + 1] = 0;
    std::fill_n(height + length + 2, kLanes, kNoColumn);
    divide(height, squared + begin - 1, 1, length + 1, 0, length + 1);
  }

  // Results for positions [first, last), whose best columns lie in [low, high].
  static void divide(const int32_t* height, int32_t* squared, int64_t first, int64_t last, int64_t low, int64_t high) {
    while (last - first > kLanes) {
      const int64_t middle = first + (last - first) / 2;
      const int64_t best = best_column(height, middle, low, high);
      divide(height, squared, first, middle, low, best);
      first = middle, low = best;
    }
    const Lanes offset = kLane + static_cast<int32_t>(first - low);
    Lanes result = Lanes{} + kNoColumn, distance = offset * offset, odd = 1 - 2 * offset;
    for (int64_t s = low; s <= high; ++s) {
      const Lanes here = distance + height[s];
      result = here < result ? here : result;
      distance += odd, odd += 2;  // (o - 1)^2 = o^2 + 1 - 2 o
    }
    std::memcpy(squared + first, &result, static_cast<size_t>(last - first) * sizeof(int32_t));
  }

  // A column in [low, high] that is nearest to x. Columns beyond `high` may be looked at: they are no nearer.
  static int64_t best_column(const int32_t* height, int64_t x, int64_t low, int64_t high) {
    Lanes best = Lanes{} + INT32_MAX, where = {}, column = kLane + static_cast<int32_t>(low);
    Lanes offset = static_cast<int32_t>(x) - column;
    for (int64_t s = low; s <= high; s += kLanes) {
      Lanes here;
      load(here, height + s);
      here += offset * offset;
      where = here < best ? column : where;
      best = here < best ? here : best;
      column += kLanes, offset -= kLanes;
    }
    int lane = 0;
    for (int i = 1; i < kLanes; ++i)
      if (best[i] < best[lane]) lane = i;
    return std::min<int64_t>(where[lane], high);
  }

  Buffer<uint16_t> near_;
  Buffer<int32_t> height_;
};

}  // namespace activefreq::AF_ISA
