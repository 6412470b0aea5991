// A task is a volume, or some depths of one where there are fewer volumes than threads. All its work is `multiply`:
// height to bins, width to bins, and back again, on the large grid and on the centre's.
#include "core/band_split.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/huge_pages.h"
#include "cpu/lanes.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

// result[r][c] = base[r][c] + sum over k of matrix[k][r] input[k][c], a matrix being terms x rows. Sums run over k in
// order in every lane, so no result depends on how columns are shared out.
template <class T>
struct Product {
  const std::vector<T>* matrix;
  int64_t terms, rows;
  const T* input;
  int64_t input_pitch;
  const T* base;  // null: zero
  int64_t base_pitch;
  T* result;
  int64_t result_pitch;
};

// Columns go in strips of so many vectors, packed so that rows far apart do not fall into the same sets of a cache.
constexpr int kStrip = 4;
// Sums of a block stay in registers.
constexpr int kMostRows = kVectorBytes == 64 ? 8 : 4;

template <class T>
constexpr int64_t kStripColumns = int64_t{kStrip} * kLanes<T>;

template <class T>
AF_INLINE Vector<T> load_some(const T* from, int64_t lanes) {
  if (lanes >= kLanes<T>) return load(from);
  return load_lanes(from, mask_of(LaneMask<T>{0, static_cast<int>(lanes)}), Vector<T>{});
}
template <class T>
AF_INLINE void store_some(T* to, int64_t lanes, Vector<T> v) {
  if (lanes >= kLanes<T>)
    store(to, v);
  else
    store_lanes(to, mask_of(LaneMask<T>{0, static_cast<int>(lanes)}), v);
}

// kRows rows from `row` on, kVectors vectors from `column` on, of a strip with `columns` columns.
template <class T, int kRows, int kVectors>
AF_INLINE void multiply_block(const Product<T>& p, const T* packed, int64_t row, int64_t column, int64_t first,
                              int64_t columns) {
  Vector<T> sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = column + v * kLanes<T>;
      sum[r][v] = Vector<T>{};
      if (p.base && at < columns) sum[r][v] = load_some(p.base + (row + r) * p.base_pitch + first + at, columns - at);
    }
  const T* factors = p.matrix->data() + row;
  const T* input = packed + column;
  for (int64_t k = 0; k < p.terms; ++k, factors += p.rows, input += kStripColumns<T>) {
    Vector<T> values[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) values[v] = load(input + v * kLanes<T>);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] += factors[r] * values[v];
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const int64_t at = column + v * kLanes<T>;
      if (at < columns) store_some(p.result + (row + r) * p.result_pitch + first + at, columns - at, sum[r][v]);
    }
}

template <class T, int kRows>
AF_INLINE int64_t multiply_rows(const Product<T>& p, const T* packed, int64_t row, int64_t first, int64_t columns) {
  constexpr int vectors = kRows >= 4 ? 2 : kStrip;
  for (; row + kRows <= p.rows; row += kRows)
    for (int64_t column = 0; column < columns; column += vectors * kLanes<T>)
      multiply_block<T, kRows, vectors>(p, packed, row, column, first, columns);
  return row;
}

template <class T>
void multiply(const Product<T>& p, int64_t columns) {
  thread_local Buffer<T> strip;
  T* packed = strip.of(p.terms * kStripColumns<T>);
  for (int64_t first = 0; first < columns; first += kStripColumns<T>) {
    const int64_t here = std::min(kStripColumns<T>, columns - first);
    for (int64_t k = 0; k < p.terms; ++k)
      for (int64_t at = 0; at < kStripColumns<T>; at += kLanes<T>)
        store(packed + k * kStripColumns<T> + at,
              at < here ? load_some(p.input + k * p.input_pitch + first + at, here - at) : Vector<T>{});
    int64_t row = multiply_rows<T, kMostRows>(p, packed, 0, first, here);
    row = multiply_rows<T, 4>(p, packed, row, first, here);
    row = multiply_rows<T, 2>(p, packed, row, first, here);
    multiply_rows<T, 1>(p, packed, row, first, here);
  }
}

// ---- Matrices ------------------------------------------------------------------------------------------------------
template <class T>
std::vector<T> transposed(const std::vector<T>& matrix, int64_t rows) {
  const int64_t terms = static_cast<int64_t>(matrix.size()) / rows;
  std::vector<T> result(matrix.size());
  for (int64_t k = 0; k < terms; ++k)
    for (int64_t r = 0; r < rows; ++r) result[r * terms + k] = matrix[k * rows + r];
  return result;
}

// (parts size) x (2 count): from `parts` parts of the samples, part after part, to the bins with their parts side by
// side.
template <class T>
std::vector<T> to_bins(const BandSide& side, int64_t parts, double factor) {
  constexpr double kTurn = 6.283185307179586476925286766559;
  std::vector<double> cosine(side.size), sine(side.size);
  for (int64_t k = 0; k < side.size; ++k) {
    const double angle = kTurn * static_cast<double>(k) / static_cast<double>(side.size);
    cosine[k] = factor * std::cos(angle), sine[k] = factor * std::sin(angle);
  }
  std::vector<T> matrix(parts * side.size * 2 * side.count);
  for (int64_t part = 0, at = 0; part < parts; ++part)
    for (int64_t sample = 0; sample < side.size; ++sample)
      for (int64_t bin = 0; bin < side.count; ++bin) {
        const int64_t turns = band_turns(side, sample, bin);
        for (int64_t q = 0; q < 2; ++q) matrix[at++] = static_cast<T>(band_entry(cosine[turns], sine[turns], part, q));
      }
  return matrix;
}

template <class T>
struct Matrices {
  std::vector<T> height_to_bins, width_to_bins, bins_to_width, bins_to_height;  // the last with -1 / (N_h N_w)
  std::vector<T> centre_height_to_bins, centre_width_to_bins;                   // the first with -scale
  std::vector<T> bins_to_centre_width, bins_to_centre_height;                   // the last with scale / (m_h m_w)

  Matrices() = default;
  Matrices(const BandGrid& g, double scale) {
    const double samples = static_cast<double>(g.height.size * g.width.size);
    const double bins = static_cast<double>(g.height.count * g.width.count);
    height_to_bins = to_bins<T>(large_side(g.height), 1, 1);
    bins_to_height = transposed(to_bins<T>(large_side(g.height), 1, -1 / samples), 2 * g.height.count);
    width_to_bins = to_bins<T>(large_side(g.width), 2, 1);
    bins_to_width = transposed(width_to_bins, 2 * g.width.count);
    centre_height_to_bins = to_bins<T>(small_side(g.height), 1, -scale);
    bins_to_centre_height = transposed(to_bins<T>(small_side(g.height), 1, scale / bins), 2 * g.height.count);
    centre_width_to_bins = to_bins<T>(small_side(g.width), 2, 1);
    bins_to_centre_width = transposed(centre_width_to_bins, 2 * g.width.count);
  }
};

bool same(const BandAxis& a, const BandAxis& b) {
  return a.size == b.size && a.count == b.count && a.frequency == b.frequency &&
         a.centre_frequency == b.centre_frequency;
}

// Those of the last call on this thread are kept: a network calls with one size and few scales.
template <class T>
const Matrices<T>& matrices_of(const BandGrid& grid, double scale) {
  struct Kept {
    BandAxis height = {}, width = {};
    double scale = 0;
    Matrices<T> matrices;
  };
  constexpr int kKept = 4;
  thread_local Kept kept[kKept];
  thread_local int next = 0;
  for (const Kept& k : kept)
    if (same(k.height, grid.height) && same(k.width, grid.width) && k.scale == scale) return k.matrices;
  Kept& k = kept[next++ % kKept];
  k = {grid.height, grid.width, scale, Matrices<T>(grid, scale)};
  return k.matrices;
}

// ---- The steps ------------------------------------------------------------------------------------------------------
// `width` depths of one volume, from `start` on. Tensors keep their depth; what is computed between is packed.
struct Slab {
  const BandGrid& g;
  int64_t volume, start, width;

  bool whole() const { return width == g.depth; }
  int64_t large(int64_t y, int64_t x) const {
    return ((volume * g.height.size + y) * g.width.size + x) * g.depth + start;
  }
  int64_t small(int64_t y, int64_t x) const {
    return ((volume * g.height.count + y) * g.width.count + x) * g.depth + start;
  }
};

// A product along height. Where the slab has all depths, all columns of the volume are one run of memory; else the
// depths at each place along width are one.
template <class T, class At>
void along_height(const Slab& slab, int64_t places, At product_at) {
  if (slab.whole())
    multiply(product_at(0), places * slab.width);
  else
    for (int64_t x = 0; x < places; ++x) multiply(product_at(x), slab.width);
}

template <class T>
struct Workspace {
  Buffer<T> lines, bins, centre;
};

// Bins of the volume at `from`, [m_h][m_w][2][width] in the workspace.
template <class T>
void bins_of(const Slab& s, const Matrices<T>& m, const T* from, Workspace<T>& work) {
  const int64_t rows = s.g.height.count, columns = s.g.width.count, places = s.g.width.size;
  const int64_t line = places * s.width;
  T* lines = work.lines.of(2 * rows * line);
  T* bins = work.bins.of(2 * rows * columns * s.width);
  along_height<T>(s, places, [&](int64_t x) {
    return Product<T>{&m.height_to_bins,
                      s.g.height.size,
                      2 * rows,
                      from + s.large(0, x),
                      places * s.g.depth,
                      nullptr,
                      0,
                      lines + x * s.width,
                      line};
  });
  for (int64_t a = 0; a < rows; ++a)
    multiply(Product<T>{&m.width_to_bins, 2 * places, 2 * columns, lines + 2 * a * line, s.width, nullptr, 0,
                        bins + 2 * a * columns * s.width, s.width},
             s.width);
}

// to = from - the inverse transform of the bins in the workspace.
template <class T>
void take_away_bins(const Slab& s, const Matrices<T>& m, const T* from, T* to, Workspace<T>& work) {
  const int64_t rows = s.g.height.count, columns = s.g.width.count, places = s.g.width.size;
  const int64_t line = places * s.width, pitch = places * s.g.depth;
  T* lines = work.lines.data();
  for (int64_t a = 0; a < rows; ++a)
    multiply(Product<T>{&m.bins_to_width, 2 * columns, 2 * places, work.bins.data() + 2 * a * columns * s.width,
                        s.width, nullptr, 0, lines + 2 * a * line, s.width},
             s.width);
  along_height<T>(s, places, [&](int64_t x) {
    return Product<T>{
        &m.bins_to_height,  2 * rows, s.g.height.size, lines + x * s.width, line, from + s.large(0, x), pitch,
        to + s.large(0, x), pitch};
  });
}

template <class T>
void split(const BandSplit<T>& p, const Matrices<T>& m, const Slab& s, Workspace<T>& work) {
  const int64_t rows = s.g.height.count, columns = s.g.width.count, line = columns * s.width;
  bins_of(s, m, p.x, work);
  take_away_bins(s, m, p.x, p.border, work);
  T* lines = work.centre.of(2 * rows * line);
  for (int64_t a = 0; a < rows; ++a)
    multiply(Product<T>{&m.bins_to_centre_width, 2 * columns, 2 * columns, work.bins.data() + 2 * a * line, s.width,
                        nullptr, 0, lines + 2 * a * line, s.width},
             s.width);
  along_height<T>(s, columns, [&](int64_t x) {
    return Product<T>{&m.bins_to_centre_height, 2 * rows,           rows, lines + x * s.width, line, nullptr, 0,
                      p.centre + s.small(0, x), columns * s.g.depth};
  });
}

template <class T>
void merge(const BandMerge<T>& p, const Matrices<T>& m, const Slab& s, Workspace<T>& work) {
  const int64_t rows = s.g.height.count, columns = s.g.width.count, line = columns * s.width;
  bins_of(s, m, p.border, work);
  T* lines = work.centre.of(2 * rows * line);
  along_height<T>(s, columns, [&](int64_t x) {
    return Product<T>{
        &m.centre_height_to_bins, rows, 2 * rows, p.centre + s.small(0, x), columns * s.g.depth, nullptr, 0,
        lines + x * s.width,      line};
  });
  for (int64_t a = 0; a < rows; ++a) {
    T* bins = work.bins.data() + 2 * a * line;
    multiply(Product<T>{&m.centre_width_to_bins, 2 * columns, 2 * columns, lines + 2 * a * line, s.width, bins, s.width,
                        bins, s.width},
             s.width);
  }
  take_away_bins(s, m, p.border, p.merged, work);
}

// body(slab) over all volumes.
template <class T, class Body>
void over_slabs(const BandGrid& g, int threads, Body&& body) {
  const int64_t most = std::max<int64_t>(1, g.depth / kLanes<T>);
  const int64_t pieces = std::clamp<int64_t>((threads + g.volumes - 1) / g.volumes, 1, most);
  const int64_t width = (g.depth + pieces - 1) / pieces;
  const int64_t slabs = (g.depth + width - 1) / width, cost = g.height.size * g.width.size * width;
  parallel_for(g.volumes * slabs, cost, threads, [&](int64_t i) {
    const int64_t start = i % slabs * width;
    body(Slab{g, i / slabs, start, std::min(width, g.depth - start)});
  });
}

int64_t points(const BandGrid& g) { return g.volumes * g.height.size * g.width.size * g.depth; }

template <class T>
void run(const BandSplit<T>& p, int threads) {
  prefer_huge_pages(p.border, points(p.grid));
  const Matrices<T>& m = matrices_of<T>(p.grid, p.scale);
  over_slabs<T>(p.grid, threads, [&](const Slab& slab) {
    thread_local Workspace<T> work;
    split(p, m, slab, work);
  });
}

template <class T>
void run(const BandMerge<T>& p, int threads) {
  prefer_huge_pages(p.merged, points(p.grid));
  const Matrices<T>& m = matrices_of<T>(p.grid, p.scale);
  over_slabs<T>(p.grid, threads, [&](const Slab& slab) {
    thread_local Workspace<T> work;
    merge(p, m, slab, work);
  });
}

}  // namespace

void band_split(const BandSplit<float>& p, int threads) { run(p, threads); }
void band_split_double(const BandSplit<double>& p, int threads) { run(p, threads); }
void band_merge(const BandMerge<float>& p, int threads) { run(p, threads); }
void band_merge_double(const BandMerge<double>& p, int threads) { run(p, threads); }

}  // namespace activefreq::AF_ISA
