// Mirrors csrc/cuda/roi_align.cu. Both interpolations are separable: along a row all crops' columns are the same two
// gathers, along a column all of a row's pixels have the same two weights. A task is some channels of one box, or of
// one image for the gradient, which adds up its boxes in their order.
#include "core/roi_align.h"

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/huge_pages.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

// The taps of one axis. Columns are ordered sample by sample: tap j * bins + i is sample j of bin i.
template <class T>
class Taps {
 public:
  void of_rows(const RoiBoxes<T>& p, int64_t box) { make(roi_rows(p, box), p.crop_height, false); }
  void of_columns(const RoiBoxes<T>& p, int64_t box) { make(roi_columns(p, box), p.crop_width, true); }

  const int32_t* below() const { return below_.data(); }
  const int32_t* above() const { return above_.data(); }
  const T* weight_below() const { return weight_below_.data(); }
  const T* weight_above() const { return weight_above_.data(); }

 private:
  void make(const RoiAxis<T>& axis, int64_t bins, bool by_sample) {
    const int64_t count = bins * axis.samples;
    int32_t *below = below_.of(count), *above = above_.of(count);
    T *weight_below = weight_below_.of(count), *weight_above = weight_above_.of(count);
    for (int64_t k = 0; k < count; ++k) {
      const RoiTap<T> tap = roi_tap(axis, k);
      const int64_t at = by_sample ? k % axis.samples * bins + k / axis.samples : k;
      below[at] = static_cast<int32_t>(tap.below);
      above[at] = static_cast<int32_t>(tap.above);
      weight_below[at] = tap.weight_below;
      weight_above[at] = tap.weight_above;
    }
  }

  Buffer<int32_t> below_, above_;
  Buffer<T> weight_below_, weight_above_;
};

template <class T>
struct Workspace {
  Taps<T> rows, columns;
  Buffer<T> lines;

  static Workspace& of_this_thread() {
    thread_local Workspace workspace;
    return workspace;
  }
};

// One row of the map, interpolated at the columns of the crop.
template <class T>
void gather(const T* __restrict line, const Taps<T>& columns, int64_t bins, int64_t samples, T* __restrict out) {
  for (int64_t j = 0; j < samples; ++j) {
    const int32_t *below = columns.below() + j * bins, *above = columns.above() + j * bins;
    const T *weight_below = columns.weight_below() + j * bins, *weight_above = columns.weight_above() + j * bins;
    if (j == 0)
      for (int64_t x = 0; x < bins; ++x) out[x] = weight_below[x] * line[below[x]] + weight_above[x] * line[above[x]];
    else
      for (int64_t x = 0; x < bins; ++x) out[x] += weight_below[x] * line[below[x]] + weight_above[x] * line[above[x]];
  }
}

// The transpose of `gather`: added to a row of the map.
template <class T>
void scatter(const T* __restrict values, const Taps<T>& columns, int64_t bins, int64_t samples, T* __restrict line) {
  for (int64_t j = 0; j < samples; ++j) {
    const int32_t *below = columns.below() + j * bins, *above = columns.above() + j * bins;
    const T *weight_below = columns.weight_below() + j * bins, *weight_above = columns.weight_above() + j * bins;
    for (int64_t x = 0; x < bins; ++x) {
      line[below[x]] += weight_below[x] * values[x];
      line[above[x]] += weight_above[x] * values[x];
    }
  }
}

// out (+)= a * lower + b * upper
template <class T>
void combine(const T* __restrict lower, T a, const T* __restrict upper, T b, bool add, int64_t bins,
             T* __restrict out) {
  if (add)
    for (int64_t x = 0; x < bins; ++x) out[x] += a * lower[x] + b * upper[x];
  else
    for (int64_t x = 0; x < bins; ++x) out[x] = a * lower[x] + b * upper[x];
}

template <class T>
void accumulate(T weight, const T* __restrict values, int64_t bins, T* __restrict out) {
  for (int64_t x = 0; x < bins; ++x) out[x] += weight * values[x];
}

template <class T>
void crop_plane(const RoiBoxes<T>& p, const T* plane, Workspace<T>& work, T* crop) {
  // Neighbouring points share rows of the map: the last two interpolated ones are kept, of odd and even rows apart.
  T* kept[2] = {work.lines.of(2 * p.crop_width), work.lines.data() + p.crop_width};
  int64_t holds[2] = {-1, -1};
  const auto interpolated = [&](int64_t row) {
    T* line = kept[row & 1];
    if (holds[row & 1] != row) gather(plane + row * p.width, work.columns, p.crop_width, p.samples, line);
    holds[row & 1] = row;
    return line;
  };
  for (int64_t k = 0; k < p.crop_height * p.samples; ++k) {
    const T* lower = interpolated(work.rows.below()[k]);
    const T* upper = interpolated(work.rows.above()[k]);
    combine(lower, work.rows.weight_below()[k], upper, work.rows.weight_above()[k], k % p.samples != 0, p.crop_width,
            crop + k / p.samples * p.crop_width);
  }
}

template <class T>
void add_crop(const RoiBoxes<T>& p, const T* gradient, Workspace<T>& work, T* plane) {
  const int64_t points = p.crop_height * p.samples;
  const int32_t *below = work.rows.below(), *above = work.rows.above();
  const int64_t first = *std::min_element(below, below + points), end = *std::max_element(above, above + points) + 1;
  T* lines = work.lines.of((end - first) * p.crop_width);
  std::fill_n(lines, (end - first) * p.crop_width, T(0));
  for (int64_t k = 0; k < points; ++k) {
    const T* values = gradient + k / p.samples * p.crop_width;
    accumulate(work.rows.weight_below()[k], values, p.crop_width, lines + (below[k] - first) * p.crop_width);
    accumulate(work.rows.weight_above()[k], values, p.crop_width, lines + (above[k] - first) * p.crop_width);
  }
  for (int64_t row = first; row < end; ++row)
    scatter(lines + (row - first) * p.crop_width, work.columns, p.crop_width, p.samples, plane + row * p.width);
}

// body(outer, first channel, end of channels), with about kGrain elements a task.
template <class Body>
void over_channels(int64_t outer, int64_t channels, int64_t plane, int threads, Body&& body) {
  const int64_t share = std::min(channels, std::max<int64_t>(1, kGrain / plane));
  const int64_t shares = (channels + share - 1) / share;
  parallel_for(outer * shares, share * plane, threads, [&](int64_t i) {
    const int64_t first = i % shares * share;
    body(i / shares, first, std::min(channels, first + share));
  });
}

template <class T>
void crop(const RoiAlign<T>& p, int threads) {
  const RoiBoxes<T>& of = p.of;
  const int64_t plane = of.height * of.width, bins = of.crop_height * of.crop_width;
  prefer_huge_pages(p.crops, of.count * of.channels * bins);
  over_channels(of.count, of.channels, bins, threads, [&](int64_t box, int64_t first, int64_t end) {
    T* crops = p.crops + box * of.channels * bins;
    const int64_t image = of.index[box];
    if (image < 0 || image >= of.batch) {
      std::fill(crops + first * bins, crops + end * bins, T(0));
      return;
    }
    Workspace<T>& work = Workspace<T>::of_this_thread();
    work.rows.of_rows(of, box);
    work.columns.of_columns(of, box);
    for (int64_t channel = first; channel < end; ++channel)
      crop_plane(of, p.features + (image * of.channels + channel) * plane, work, crops + channel * bins);
  });
}

template <class T>
void crop_backward(const RoiAlignBackward<T>& p, int threads) {
  const RoiBoxes<T>& of = p.of;
  const int64_t plane = of.height * of.width, bins = of.crop_height * of.crop_width;
  prefer_huge_pages(p.features_gradient, of.batch * of.channels * plane);
  over_channels(of.batch, of.channels, std::max(plane, bins), threads, [&](int64_t image, int64_t first, int64_t end) {
    T* planes = p.features_gradient + image * of.channels * plane;
    std::fill(planes + first * plane, planes + end * plane, T(0));
    Workspace<T>& work = Workspace<T>::of_this_thread();
    for (int64_t box = 0; box < of.count; ++box) {
      if (of.index[box] != image) continue;
      work.rows.of_rows(of, box);
      work.columns.of_columns(of, box);
      for (int64_t channel = first; channel < end; ++channel)
        add_crop(of, p.gradient + (box * of.channels + channel) * bins, work, planes + channel * plane);
    }
  });
}

}  // namespace

void roi_align(const RoiAlign<float>& p, int threads) { crop(p, threads); }
void roi_align_double(const RoiAlign<double>& p, int threads) { crop(p, threads); }
void roi_align_backward(const RoiAlignBackward<float>& p, int threads) { crop_backward(p, threads); }
void roi_align_backward_double(const RoiAlignBackward<double>& p, int threads) { crop_backward(p, threads); }

}  // namespace activefreq::AF_ISA
