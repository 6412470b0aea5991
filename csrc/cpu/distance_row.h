// One row of the exact distance transform. Given the distance c(s) to the nearest background pixel of each column s,
// d^2(x) = min over s of c(s)^2 + (x - s)^2, where c is 0 on both sides of the row.
//
// Short distances: 64 pixels at a time, over offsets 1, 2, 3, ... until no pixel can improve. In 16 bits: columns are
// cut at 181, 181^2 + 181^2 < 2^16, so a result below 181^2 is exact.
//
// Long distances: per run of foreground. The best s grows with x (two parabolas of equal width cross once), so a
// run is halved until 32 pixels are left, and the best columns of the neighbouring middles bound the search: the work
// per level is the length of the run, whatever the distances. Where a pixel of the row before was far, its run is
// measured so at once: neighbouring rows are alike, and a search in vain costs more than the run.
#pragma once
#include "cpu/bit_words.h"
#include "cpu/buffer.h"
#include "cpu/pack.h"

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
    const Run expected = expected_run(column, width, squared);
    int64_t done = 0;  // pixels before it have their result, as those of the expected run
    for (int64_t x = 0; x < width; x += kBlock) {
      int64_t first = std::max(done, x), end = std::min(x + kBlock, width);
      if (expected.begin <= first && first < expected.end) first = expected.end;
      if (first < expected.begin) end = std::min(end, expected.begin);
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
        const Run run = run_of(column, width, done);
        long_run(column, run, squared);
        done = run.end;
      }
      far_ = std::max_element(squared + first, squared + end) - squared;
    }
  }

 private:
  static constexpr int kBlock = 64, kReach = 181, kMargin = 192, kLanes = 16, kLeaf = 32;
  static constexpr int kPatience = 96;           // offsets after which the other method is cheaper
  static constexpr int32_t kNoColumn = 1 << 29;  // more than any squared distance, and leaves room to add one
  using Block = Pack<uint16_t, kBlock>;
  using Lanes = Pack<int32_t, kLanes>;
  using Leaf = Pack<int32_t, kLeaf>;

  struct Run {  // of foreground, with background, or the outside, on both sides
    int64_t begin, end;
  };

  static Run run_of(const uint16_t* column, int64_t width, int64_t x) {
    Run run = {x, x + 1};
    while (run.begin > 0 && column[run.begin - 1] != 0) --run.begin;
    while (run.end < width && column[run.end] != 0) ++run.end;
    return run;
  }

  // The run, measured, of the pixel that was far in the row before; an empty one at the end where there is none. A run
  // that begins and ends within one block would hide what is behind it; one with a far pixel is longer.
  Run expected_run(const uint16_t* column, int64_t width, int32_t* squared) {
    if (far_ < 0 || far_ >= width || column[far_] == 0) return {width, width};
    const Run run = run_of(column, width, far_);
    if (run.end - run.begin < kBlock) return {width, width};
    long_run(column, run, squared);
    if (squared[far_] <= kPatience * kPatience) far_ = -1;
    return run;
  }

  // False where some pixel is farther than kPatience.
  static bool search_block(const uint16_t* near, uint16_t* result) {
    Block best = Block::load(near);
    for (int offset = 1; any_above(best.part, static_cast<uint16_t>(offset * offset)); ++offset) {
      if (offset > kPatience) return false;
      const Block nearer = min(Block::load(near - offset), Block::load(near + offset));
      best = min(best, nearer + Block::all(static_cast<uint16_t>(offset * offset)));
    }
    best.store(result);
    return true;
  }

  void long_run(const uint16_t* column, Run run, int32_t* squared) {
    const int64_t begin = run.begin, length = run.end - run.begin;
    int32_t* height = height_.of(length + 2 + kLanes);  // c^2 of columns begin - 1 to end
    height[0] = 0;
    for (int64_t i = 0; i < length; ++i) height[i + 1] = column[begin + i] * column[begin + i];
    height[length + 1] = 0;
    std::fill_n(height + length + 2, kLanes, kNoColumn);
    divide(height, squared + begin - 1, 1, length + 1, 0, length + 1);
  }

  // Results for positions [first, last), whose best columns lie in [low, high].
  static void divide(const int32_t* height, int32_t* squared, int64_t first, int64_t last, int64_t low, int64_t high) {
    while (last - first > kLeaf) {
      const int64_t middle = first + (last - first) / 2;
      const int64_t best = best_column(height, middle, low, high);
      divide(height, squared, first, middle, low, best);
      first = middle, low = best;
    }
    const Leaf offset = Leaf::counting_from(static_cast<int32_t>(first - low));
    Leaf result = Leaf::all(kNoColumn), distance = offset * offset;
    Leaf odd = Leaf::all(1) - (offset + offset);
    for (int64_t s = low; s <= high; ++s) {
      result = min(result, distance + Leaf::all(height[s]));
      distance = distance + odd, odd = odd + Leaf::all(2);  // (o - 1)^2 = o^2 + 1 - 2 o
    }
    result.store(squared + first, last - first);
  }

  // A column in [low, high] that is nearest to x. Columns beyond `high` may be looked at: they are no nearer.
  static int64_t best_column(const int32_t* height, int64_t x, int64_t low, int64_t high) {
    Lanes column = Lanes::counting_from(static_cast<int32_t>(low)), best = Lanes::all(INT32_MAX), where = column;
    Lanes offset = Lanes::all(static_cast<int32_t>(x)) - column;
    for (int64_t s = low; s <= high; s += kLanes) {
      const Lanes here = Lanes::load(height + s) + offset * offset;
      where = where_less(here, best, column, where);
      best = min(best, here);
      column = column + Lanes::all(kLanes), offset = offset - Lanes::all(kLanes);
    }
    const Lanes nearest = Lanes::all(best.least());
    return std::min<int64_t>(where_less(nearest, best, Lanes::all(INT32_MAX), where).least(), high);
  }

  Buffer<uint16_t> near_;
  Buffer<int32_t> height_;
  int64_t far_ = -1;  // a pixel of the last row that was farther than kPatience
};

}  // namespace activefreq::AF_ISA
