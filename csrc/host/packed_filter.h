// Runs a packed filter (core/packed_filter.h) on the host, with a transform by definition in cuFFT's place; mirrors
// csrc/cuda/packed_filter.cu.
#pragma once
#include <complex>

#include "core/packed_filter_kernels.h"
#include "host/mix_blocks.h"

namespace activefreq::AF_ISA {

// In place, unscaled, along every axis of a volume.
inline void transform_by_definition(const PackedFilter& p, bool inverse, Point* volume) {
  int64_t stride = 1;
  for (int axis = 2; axis >= 0; stride *= p.axis[axis--].size) {
    const int64_t n = p.axis[axis].size;
    std::vector<std::complex<double>> root(n), line(n);
    for (int64_t k = 0; k < n; ++k) root[k] = std::polar(1.0, (inverse ? 2 : -2) * 3.14159265358979323846 * k / n);
    for (int64_t first = 0; first < p.points; ++first) {
      if (first / stride % n) continue;
      for (int64_t j = 0; j < n; ++j) line[j] = {volume[first + j * stride].re, volume[first + j * stride].im};
      for (int64_t k = 0; k < n; ++k) {
        std::complex<double> sum = 0;
        for (int64_t j = 0; j < n; ++j) sum += line[j] * root[j * k % n];
        volume[first + k * stride] = {static_cast<float>(sum.real()), static_cast<float>(sum.imag())};
      }
    }
  }
}

inline void run_packed_filter(const Run& run, const PackedFilter& p, const FilterTensors& t) {
  Carver count(nullptr);
  carve(p, t.backward, count);
  std::vector<Point> memory(static_cast<size_t>(count.used()) / sizeof(Point) + 1, Point{NAN, NAN});
  Carver carver(memory.data());
  const PackedWorkspace w = carve(p, t.backward, carver);
  const auto each = [&](int64_t items, auto body) {
    for (int64_t i = 0; i < items; ++i)
      run_group(run, [&](auto& group) {
        AnyRank any(group);
        body(any, i);
      });
  };
  for (int64_t begin = 0; begin < p.pairs; begin += p.chunk) {
    const int64_t pairs = std::min(p.chunk, p.pairs - begin);
    const auto transform = [&](bool inverse, Point* data) {
      for (int64_t i = 0; i < pairs; ++i) transform_by_definition(p, inverse, data + i * p.points);
    };
    each(pairs, [&](AnyRank& group, int64_t i) {
      pack_pair(group, p, t.element, t.source, begin + i, w.source + i * p.points);
    });
    transform(false, w.source);
    if (t.backward) {
      each(pairs, [&](AnyRank& group, int64_t i) {
        pack_pair(group, p, t.element, t.input, begin + i, w.input + i * p.points);
      });
      transform(false, w.input);
      const int64_t first = begin / p.group_pairs, groups = (begin + pairs - 1) / p.group_pairs - first + 1;
      each(groups, [&](AnyRank& group, int64_t i) {
        combine_pairs(group, p, first + i, begin, pairs, w.input, w.source, w.sums);
      });
    } else {
      each(pairs, [&](AnyRank& group, int64_t i) { multiply_pair(group, p, begin + i, w.source + i * p.points); });
    }
    transform(true, w.source);
    each(pairs, [&](AnyRank& group, int64_t i) {
      unpack_pair(group, p, t.element, w.source + i * p.points, begin + i, t.output);
    });
  }
  if (t.backward) each(p.groups.combinations, [&](AnyRank& group, int64_t i) { finish_gradient(group, p, i, w.sums); });
}

}  // namespace activefreq::AF_ISA
