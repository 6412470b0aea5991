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
  static constexpr int kPatience = 48;  // offsets after which the other method is cheaper
  typedef uint16_t Block __attribute__((vector_size(2 * kBlock)));

  static Block load(const uint16_t* values) {
    Block block;
    std::memcpy(&block, values, sizeof block);
    return block;
  }

  // False where some pixel is farther than kPatience.
  static bool search_block(const uint16_t* near, uint16_t* result) {
    Block best = load(near);
    int farthest = kReach * kReach;
    for (int offset = 1; offset * offset < farthest; ++offset) {
      if (offset > kPatience) return false;
      const Block left = load(near - offset), right = load(near + offset);
      const Block nearer = (left < right ? left : right) + static_cast<uint16_t>(offset * offset);
      best = nearer < best ? nearer : best;
      if (offset % 4 == 1) farthest = largest(best);
    }
    std::memcpy(result, &best, sizeof best);
    return true;
  }

  static int largest(const Block& block) {
    uint16_t values[kBlock], most = 0;
    std::memcpy(values, &block, sizeof values);
    for (const uint16_t value : values) most = std::max(most, value);
    return most;
  }

  // Foreground [begin, end) with background, or the outside, on both sides.
  void long_run(const uint16_t* column, int64_t begin, int64_t end, int32_t* squared) {
    // Index 0 of height_ is column begin - 1.
    const int64_t length = end - begin;
    int32_t* height = height_.of(length + 2);
    height[0] = height[length + 1] = 0;
    for (int64_t i = 0; i < length; ++i) {
      const int32_t c = column[begin + i];
      height[i + 1] = c * c;
    }
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
    int32_t result[kLanes], distance[kLanes], odd[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const int32_t offset = static_cast<int32_t>(first + i - low);
      result[i] = INT32_MAX, distance[i] = offset * offset, odd[i] = 1 - 2 * offset;
    }
    for (int64_t s = low; s <= high; ++s) {
      const int32_t top = height[s];
      for (int i = 0; i < kLanes; ++i) {
        result[i] = std::min(result[i], distance[i] + top);
        distance[i] += odd[i], odd[i] += 2;  // (o - 1)^2 = o^2 + 1 - 2 o
      }
    }
    std::copy(result, result + (last - first), squared + first);
  }

  static int64_t best_column(const int32_t* height, int64_t x, int64_t low, int64_t high) {
    int32_t best = INT32_MAX;
    for (int64_t s = low; s <= high; ++s) {
      const int32_t offset = static_cast<int32_t>(x - s);
      best = std::min(best, height[s] + offset * offset);
    }
    for (int64_t s = low;; ++s) {
      const int32_t offset = static_cast<int32_t>(x - s);
      if (height[s] + offset * offset == best) return s;
    }
  }

  Buffer<uint16_t> near_;
  Buffer<int32_t> height_;
};

}  // namespace activefreq::AF_ISA
