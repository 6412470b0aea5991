// A task is some pairs of rows. The bands lie row after row over all planes, so a pair of rows is known by one number.
#include "core/haar.h"

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/huge_pages.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

template <class T>
void analyse_rows(const T* __restrict top, const T* __restrict bottom, int64_t width, bool repeat, T* __restrict ll,
                  T* __restrict lh, T* __restrict hl, T* __restrict hh) {
  const int64_t whole = width / 2;
  for (int64_t j = 0; j < whole; ++j) {
    const HaarBlock<T> block = haar_block(top[2 * j], top[2 * j + 1], bottom[2 * j], bottom[2 * j + 1]);
    ll[j] = block.v[0];
    lh[j] = block.v[1];
    hl[j] = block.v[2];
    hh[j] = block.v[3];
  }
  if (width % 2) {
    const T a = top[width - 1], c = bottom[width - 1];
    const HaarBlock<T> block = haar_block(a, repeat ? a : T(0), c, repeat ? c : T(0));
    ll[whole] = block.v[0];
    lh[whole] = block.v[1];
    hl[whole] = block.v[2];
    hh[whole] = block.v[3];
  }
}

template <class T>
void synthesise_rows(const T* __restrict ll, const T* __restrict lh, const T* __restrict hl, const T* __restrict hh,
                     int64_t width, bool repeat, T* __restrict top, T* __restrict bottom) {
  const int64_t whole = width / 2;
  for (int64_t j = 0; j < whole; ++j) {
    const HaarBlock<T> block = haar_block(ll[j], lh[j], hl[j], hh[j]);
    top[2 * j] = block.v[0];
    top[2 * j + 1] = block.v[1];
    bottom[2 * j] = block.v[2];
    bottom[2 * j + 1] = block.v[3];
  }
  if (width % 2) {
    const HaarBlock<T> block = haar_block(ll[whole], lh[whole], hl[whole], hh[whole]);
    top[width - 1] = repeat ? block.v[0] + block.v[1] : block.v[0];
    bottom[width - 1] = repeat ? block.v[2] + block.v[3] : block.v[2];
  }
}

// body(first, last) over the row pairs of all planes.
template <class Body>
void over_row_pairs(int64_t planes, int64_t height, int64_t width, int threads, Body&& body) {
  const int64_t pairs = planes * ((height + 1) / 2);
  const int64_t share = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, 2 * width));
  parallel_for((pairs + share - 1) / share, share * 2 * width, threads,
               [&](int64_t i) { body(i * share, std::min(pairs, (i + 1) * share)); });
}

template <class T>
void analyse(const HaarAnalysis<T>& p, int threads) {
  const int64_t rows = (p.height + 1) / 2, columns = (p.width + 1) / 2;
  for (T* band : p.band) prefer_huge_pages(band, p.planes * rows * columns);
  over_row_pairs(p.planes, p.height, p.width, threads, [&](int64_t first, int64_t last) {
    thread_local Buffer<T> missing;
    T* zeros = missing.of(p.width);  // the row after the last
    std::fill_n(zeros, p.width, T(0));
    for (int64_t pair = first; pair < last; ++pair) {
      const int64_t row = pair % rows * 2;
      const T* top = p.input + (pair / rows * p.height + row) * p.width;
      const T* bottom = row + 1 < p.height ? top + p.width : p.repeat ? top : zeros;
      const int64_t at = pair * columns;
      analyse_rows(top, bottom, p.width, p.repeat, p.band[0] + at, p.band[1] + at, p.band[2] + at, p.band[3] + at);
    }
  });
}

template <class T>
void synthesise(const HaarSynthesis<T>& p, int threads) {
  const int64_t rows = (p.height + 1) / 2, columns = (p.width + 1) / 2;
  prefer_huge_pages(p.output, p.planes * p.height * p.width);
  over_row_pairs(p.planes, p.height, p.width, threads, [&](int64_t first, int64_t last) {
    thread_local Buffer<T> missing;
    T* below = p.height % 2 ? missing.of(p.width) : nullptr;  // the row after the last
    for (int64_t pair = first; pair < last; ++pair) {
      const int64_t row = pair % rows * 2, at = pair * columns;
      const bool whole = row + 1 < p.height;
      T* top = p.output + (pair / rows * p.height + row) * p.width;
      synthesise_rows(p.band[0] + at, p.band[1] + at, p.band[2] + at, p.band[3] + at, p.width, p.repeat, top,
                      whole ? top + p.width : below);
      if (!whole && p.repeat)
        for (int64_t x = 0; x < p.width; ++x) top[x] += below[x];
    }
  });
}

}  // namespace

void haar_dwt2(const HaarAnalysis<float>& p, int threads) { analyse(p, threads); }
void haar_dwt2_double(const HaarAnalysis<double>& p, int threads) { analyse(p, threads); }
void haar_idwt2(const HaarSynthesis<float>& p, int threads) { synthesise(p, threads); }
void haar_idwt2_double(const HaarSynthesis<double>& p, int threads) { synthesise(p, threads); }

}  // namespace activefreq::AF_ISA
