// Runs and union-find instead of pixels: see cpu/runs.h. Labels are written once, a run at a time.
#include "core/label.h"

#include "cpu/huge_pages.h"
#include "cpu/parallel.h"
#include "cpu/runs.h"

namespace activefreq::AF_ISA {
namespace {

constexpr int kBlock = 8;  // labels per store

// Fills row[x] to row[end), rounded up to whole blocks: what it overwrites to the right is written later.
inline void fill_blocks(int32_t* row, int64_t x, int64_t end, int32_t value) {
  do {
    for (int i = 0; i < kBlock; ++i) row[x + i] = value;
    x += kBlock;
  } while (x < end);
}

void label_image(const Label& p, int64_t image) {
  thread_local Runs runs;
  thread_local Buffer<uint64_t> bits;
  thread_local Buffer<int32_t> line;
  const uint8_t* mask = p.mask + image * p.height * p.width;
  runs.clear(p.height, p.width, p.connectivity);
  uint64_t* words = bits.of(words_of(p.width) + 1);
  for (int64_t y = 0; y < p.height; ++y) {
    bits_of_row(mask + y * p.width, p.width, words);
    runs.add_row(words);
  }

  int32_t* number = runs.parent();
  int32_t components = 0;
  for (int32_t i = 0; i < runs.count(); ++i) number[i] = number[i] == i ? ++components : number[number[i]];
  p.counts[image] = components;

  // Rows are written past their end by up to a block, into the next row, which comes later; the last row goes
  // through a buffer.
  int32_t* labels = p.labels + image * p.height * p.width;
  int32_t* buffer = line.of(p.width + 2 * kBlock);
  for (int64_t y = 0; y < p.height; ++y) {
    const bool within = (y + 1) * p.width + 2 * kBlock <= p.height * p.width;
    int32_t* row = within ? labels + y * p.width : buffer;
    int64_t x = 0;
    for (int32_t run = runs.row()[y]; run < runs.row()[y + 1]; ++run) {
      fill_blocks(row, x, runs.begin()[run], 0);
      x = runs.end()[run] + 1;
      fill_blocks(row, runs.begin()[run], x, number[run]);
    }
    fill_blocks(row, x, p.width, 0);
    if (!within) std::copy(row, row + p.width, labels + y * p.width);
  }
}

}  // namespace

void label(const Label& p, int threads) {
  prefer_huge_pages(p.labels, p.batch * p.height * p.width);
  parallel_for(p.batch, 2 * p.height * p.width, threads, [&](int64_t image) { label_image(p, image); });
}

}  // namespace activefreq::AF_ISA
