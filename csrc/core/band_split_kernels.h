// The bodies of the kernels of band_split and band_merge over a group of ranks that never meet (core/group.h), and the
// order in which they run: the matrices once, then one product after another. A rank sums up to kBandRows rows of one
// column, whose neighbours are its neighbours' columns.
#pragma once
#include <cmath>

#include "core/band_split.h"
#include "core/element_types.h"

namespace activefreq {

struct BandCall {
  BandGrid grid;
  Element element;
  bool merge;
  const void* volume;  // split: x; merge: border
  void* centre;        // split: written; merge: read
  void* result;        // split: border; merge: merged
  float* workspace;    // band_workspace(grid) numbers
  double scale;
};

// From `parts` parts of the samples of one side to the bins with their parts side by side: (parts size) x (2 count).
struct BandMatrix {
  float* entries;
  int64_t size, count, frequency, parts;
};
constexpr int kBandMatrices = 4;
struct BandMatrices {
  BandMatrix each[kBandMatrices];
};

// result[b][r][c] = base[b][r][c] + factor * sum over k of matrix[k][r] input[b][k][c]; transposed: matrix[r][k].
struct BandProduct {
  const float* matrix;
  bool transposed;
  int64_t batches, terms, rows, columns;
  const void* input;
  int64_t input_pitch;
  Element input_element;
  const void* base;  // null: zero; laid out as the result, of its element
  void* result;
  int64_t result_pitch;
  Element result_element;
  float factor;
};

constexpr int kBandRows = 8;   // that a rank sums at a time
constexpr int kBandTerms = 4;  // that it reads before it uses the first

AF_HOST_DEVICE inline int64_t band_entries(const BandMatrix& m) { return 2 * m.parts * m.size * m.count; }
AF_HOST_DEVICE inline int64_t band_ranks(const BandProduct& p) {
  return p.batches * ((p.rows + kBandRows - 1) / kBandRows) * p.columns;
}

namespace AF_ISA {

AF_DEVICE inline void fill_entry(const BandMatrix& m, int64_t at) {
  const int64_t q = at % 2, bin = at / 2 % m.count, line = at / 2 / m.count;
  const int64_t turns = band_turns({m.size, m.count, m.frequency}, line % m.size, bin);
  double sine, cosine;
#ifdef __CUDA_ARCH__
  sincospi(2.0 * static_cast<double>(turns) / static_cast<double>(m.size), &sine, &cosine);
#else
  const double angle = 6.283185307179586476925286766559 * static_cast<double>(turns) / static_cast<double>(m.size);
  sine = std::sin(angle), cosine = std::cos(angle);
#endif
  m.entries[at] = static_cast<float>(band_entry(cosine, sine, line / m.size, q));
}

template <class Group>
AF_DEVICE inline void band_matrices(Group& group, const BandMatrices& p) {
  for (const BandMatrix& m : p.each)
    for (int64_t at = group.rank(); at < band_entries(m); at += group.size()) fill_entry(m, at);
}

AF_DEVICE inline float read_element(Element element, const void* values, int64_t at) {
  float value = 0.f;
  with_element(element, [&](auto type) { value = to_float(static_cast<const decltype(type)*>(values)[at]); });
  return value;
}

template <class Group>
AF_DEVICE inline void band_multiply(Group& group, const BandProduct& p) {
  const int64_t blocks = (p.rows + kBandRows - 1) / kBandRows;
  const int64_t across = p.transposed ? p.terms : 1, along = p.transposed ? 1 : p.rows;
  for (int64_t item = group.rank(); item < band_ranks(p); item += group.size()) {
    const int64_t line = item / p.columns, column = item - line * p.columns;
    const int64_t batch = line / blocks, row = (line - batch * blocks) * kBandRows;
    const int64_t input = batch * p.terms * p.input_pitch + column;
    const int64_t result = (batch * p.rows + row) * p.result_pitch + column;
    const float* factors[kBandRows];  // rows after the last repeat it
    float sum[kBandRows];
    for (int r = 0; r < kBandRows; ++r) {
      factors[r] = p.matrix + (row + r < p.rows ? row + r : p.rows - 1) * across;
      sum[r] = 0.f;
    }
    with_element(p.input_element, [&](auto type) {
      const auto* values = static_cast<const decltype(type)*>(p.input) + input;
      for (int64_t k = 0; k < p.terms; k += kBandTerms) {
        float value[kBandTerms];
        for (int t = 0; t < kBandTerms; ++t)
          value[t] = k + t < p.terms ? to_float(values[(k + t) * p.input_pitch]) : 0.f;
        for (int t = 0; t < kBandTerms && k + t < p.terms; ++t)
          for (int r = 0; r < kBandRows; ++r) sum[r] += factors[r][(k + t) * along] * value[t];
      }
    });
    for (int r = 0; r < kBandRows && row + r < p.rows; ++r) {
      const int64_t at = result + r * p.result_pitch;
      const float base = p.base ? read_element(p.result_element, p.base, at) : 0.f;
      with_element(p.result_element, [&](auto type) {
        from_float(base + p.factor * sum[r], static_cast<decltype(type)*>(p.result)[at]);
      });
    }
  }
}

}  // namespace AF_ISA

// Floats that a call needs beside its tensors: four matrices, lines of the large grid, bins, lines of the centre.
inline int64_t band_workspace(const BandGrid& g) {
  const int64_t matrices =
      2 * g.height.count * (g.height.size + g.height.count) + 4 * g.width.count * (g.width.size + g.width.count);
  return matrices + 2 * g.volumes * g.height.count * (g.width.size + 2 * g.width.count) * g.depth;
}

// One call, as fill(matrices) and then multiply(product) in order.
template <class Fill, class Multiply>
void band_steps(const BandCall& call, Fill fill, Multiply multiply) {
  const BandGrid& g = call.grid;
  const BandAxis &h = g.height, &w = g.width;
  float* free = call.workspace;
  const auto take = [&free](int64_t count) { return free += count, free - count; };
  BandMatrices m = {};
  m.each[0] = {nullptr, h.size, h.count, h.frequency, 1};
  m.each[1] = {nullptr, w.size, w.count, w.frequency, 2};
  m.each[2] = {nullptr, h.count, h.count, h.centre_frequency, 1};
  m.each[3] = {nullptr, w.count, w.count, w.centre_frequency, 2};
  for (BandMatrix& matrix : m.each) matrix.entries = take(band_entries(matrix));
  const float *height = m.each[0].entries, *width = m.each[1].entries;
  const float *centre_height = m.each[2].entries, *centre_width = m.each[3].entries;
  const int64_t planes = g.volumes * h.count, large = w.size * g.depth, small = w.count * g.depth;
  float *lines = take(2 * planes * large), *bins = take(2 * planes * small), *centre_lines = take(2 * planes * small);

  fill(m);
  constexpr Element real = Element::float32;
  multiply(BandProduct{height, false, g.volumes, h.size, 2 * h.count, large, call.volume, large, call.element, nullptr,
                       lines, large, real, 1.f});
  multiply(BandProduct{width, false, planes, 2 * w.size, 2 * w.count, g.depth, lines, g.depth, real, nullptr, bins,
                       g.depth, real, 1.f});
  if (call.merge) {
    multiply(BandProduct{centre_height, false, g.volumes, h.count, 2 * h.count, small, call.centre, small, call.element,
                         nullptr, centre_lines, small, real, 1.f});
    multiply(BandProduct{centre_width, false, planes, 2 * w.count, 2 * w.count, g.depth, centre_lines, g.depth, real,
                         bins, bins, g.depth, real, static_cast<float>(-call.scale)});
  } else {
    const double centre_points = static_cast<double>(h.count * w.count);
    multiply(BandProduct{centre_width, true, planes, 2 * w.count, 2 * w.count, g.depth, bins, g.depth, real, nullptr,
                         centre_lines, g.depth, real, 1.f});
    multiply(BandProduct{centre_height, true, g.volumes, 2 * h.count, h.count, small, centre_lines, small, real,
                         nullptr, call.centre, small, call.element, static_cast<float>(call.scale / centre_points)});
  }
  const double points = static_cast<double>(h.size * w.size);
  multiply(BandProduct{width, true, planes, 2 * w.count, 2 * w.size, g.depth, bins, g.depth, real, nullptr, lines,
                       g.depth, real, 1.f});
  multiply(BandProduct{height, true, g.volumes, 2 * h.count, h.size, large, lines, large, real, call.volume,
                       call.result, large, call.element, static_cast<float>(-1 / points)});
}

}  // namespace activefreq
