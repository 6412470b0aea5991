// A mask as runs of foreground pixels, joined to connected components by union-find, row by row.
//
// Two runs of neighbouring rows touch where one of them starts on or beside the other. For 4-connectivity that is
// literal: starts & row_above | starts_above & row. For 8-connectivity let every run reach one pixel further to the
// right (its pixels' corners instead of its pixels); runs are at least one pixel apart, so a reached position still
// belongs to one run, and the same formula gives every touching pair exactly once. The run at a position is the one
// that started last: the number of start bits up to it, a population count.
#pragma once
#include "cpu/bit_words.h"
#include "cpu/buffer.h"

namespace activefreq::AF_ISA {

class Runs {
 public:
  void clear(int64_t height, int64_t width, int connectivity) {
    width_ = width, words_ = words_of(width), reach_ = connectivity == 8 ? 1 : 0;
    rows_ = 0, count_ = 0, above_empty_ = true;
    row_.of(height + 1)[0] = 0;
    here_.of(words_), above_.of(words_);
  }

  // Append a row: words_of(width) words and a zero word after them.
  void add_row(const uint64_t* bits) {
    const int64_t most = count_ + (width_ + 1) / 2;
    uint16_t *begin = begin_.grow(most, count_), *end = end_.grow(most, count_);
    int32_t* parent = parent_.grow(most, count_);
    int32_t begins = count_, ends = count_;
    uint64_t before = 0;  // bit 0: the pixel before the word
    for (int64_t k = 0; k < words_; ++k) {
      const uint64_t word = bits[k], shifted = word << 1 | before;
      before = word >> 63;
      const uint64_t starts = word & ~shifted, stops = word & ~(word >> 1 | bits[k + 1] << 63);
      const uint64_t reached = reach_ ? word | shifted : word;
      here_[k] = {starts, reached, begins};
      const int column = static_cast<int>(64 * k);
      for (uint64_t left = starts; left; left &= left - 1, ++begins) {
        begin[begins] = static_cast<uint16_t>(column + lowest_bit(left));
        parent[begins] = begins;
      }
      for (uint64_t left = stops; left; left &= left - 1, ++ends)
        end[ends] = static_cast<uint16_t>(column + lowest_bit(left));
      if (above_empty_) continue;
      const Word& above = above_[k];
      for (uint64_t left = (starts & above.reached) | (above.starts & reached); left; left &= left - 1)
        unite(parent, here_[k].run_at(left), above.run_at(left));
    }
    above_empty_ = begins == count_;
    count_ = begins;
    row_[++rows_] = count_;
    std::swap(here_, above_);
  }
  void add_empty_row() {
    above_empty_ = true;
    row_[++rows_] = count_;
  }

  // The run that holds column x of the row added last.
  int32_t run_at(int64_t x) const { return above_[x / 64].run_at(uint64_t{1} << x % 64); }

  int32_t count() const { return count_; }
  const int32_t* row() const { return row_.data(); }       // runs of row y: row()[y] to row()[y + 1]
  const uint16_t* begin() const { return begin_.data(); }  // first column of a run
  const uint16_t* end() const { return end_.data(); }      // last column
  int32_t* parent() { return parent_.data(); }             // at most the run itself; a component's first run is its own

 private:
  struct Word {
    uint64_t starts, reached;
    int32_t base;  // runs that started before this word
    // `bits` holds the position as its lowest bit
    int32_t run_at(uint64_t bits) const { return base - 1 + count_bits(starts & (bits ^ (bits - 1))); }
  };

  static int32_t root(int32_t* parent, int32_t run) {
    while (parent[run] != run) run = parent[run] = parent[parent[run]];
    return run;
  }
  static void unite(int32_t* parent, int32_t a, int32_t b) {
    a = root(parent, a), b = root(parent, b);
    parent[std::max(a, b)] = std::min(a, b);
  }

  Buffer<uint16_t> begin_, end_;
  Buffer<int32_t> parent_, row_;
  Buffer<Word> here_, above_;
  int64_t width_ = 0, words_ = 0, rows_ = 0;
  int32_t count_ = 0;
  bool reach_ = false, above_empty_ = true;
};

}  // namespace activefreq::AF_ISA
