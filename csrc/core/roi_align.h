// roi_align: crops of feature maps, and the gradient of the maps.
//
// A box is (y0, x0, y1, x1) in pixel edges: pixel i covers [i, i + 1) and its centre is at i + 1/2. A crop cuts it into
// crop_height x crop_width bins, and each bin is the mean over samples x samples points, evenly spaced, of the map
// interpolated between pixel centres. Along one axis point k of n = bins * samples lies, counted in pixels from the
// centre of the first one, at
//   at = y0 + (k + 1/2) (y1 - y0) / n - 1/2.
// Up to one pixel outside the map the outermost pixel goes on; farther out, and where `at` is no number, it is zero.
#pragma once
#include "core/portable.h"

namespace activefreq {

template <class T>
struct RoiBoxes {
  const T* boxes;        // (count, 4): y0, x0, y1, x1
  const int64_t* index;  // (count): the image of each box; the crop of an image that is not there is zero
  int64_t count;
  int64_t batch, channels, height, width;    // of the feature maps
  int64_t crop_height, crop_width, samples;  // bins of a crop, and points along each axis of a bin
};

template <class T>
struct RoiAlign {
  RoiBoxes<T> of;
  const T* features;  // (batch, channels, height, width)
  T* crops;           // (count, channels, crop_height, crop_width)
};

template <class T>
struct RoiAlignBackward {
  RoiBoxes<T> of;
  const T* gradient;     // (count, channels, crop_height, crop_width)
  T* features_gradient;  // (batch, channels, height, width)
};

namespace AF_ISA {

// The points of one box along one axis, and the size of the map there.
template <class T>
struct RoiAxis {
  T start, step;
  int64_t size, samples;
};

template <class T>
AF_HOST_DEVICE inline RoiAxis<T> roi_axis(T low, T high, int64_t bins, int64_t samples, int64_t size) {
  return {low, (high - low) / static_cast<T>(bins * samples), size, samples};
}
template <class T>
AF_HOST_DEVICE inline RoiAxis<T> roi_rows(const RoiBoxes<T>& p, int64_t box) {
  return roi_axis(p.boxes[4 * box], p.boxes[4 * box + 2], p.crop_height, p.samples, p.height);
}
template <class T>
AF_HOST_DEVICE inline RoiAxis<T> roi_columns(const RoiBoxes<T>& p, int64_t box) {
  return roi_axis(p.boxes[4 * box + 1], p.boxes[4 * box + 3], p.crop_width, p.samples, p.width);
}

// The two pixels that point k lies between, and what each counts in its bin.
template <class T>
struct RoiTap {
  int64_t below, above;
  T weight_below, weight_above;
};

template <class T>
AF_HOST_DEVICE inline RoiTap<T> roi_tap(const RoiAxis<T>& axis, int64_t k) {
  const T half = static_cast<T>(0.5), last = static_cast<T>(axis.size - 1);
  const T at = axis.start + (static_cast<T>(k) + half) * axis.step - half;
  if (!(at >= T(-1) && at <= static_cast<T>(axis.size))) return {0, 0, T(0), T(0)};
  const T inside = at < T(0) ? T(0) : at > last ? last : at;
  const int64_t below = static_cast<int64_t>(inside);
  const T part = inside - static_cast<T>(below), samples = static_cast<T>(axis.samples);
  return {below, below + 1 < axis.size ? below + 1 : below, (T(1) - part) / samples, part / samples};
}

// The points that can have pixel y as one of their two: those within a pixel of it, and some more. Rounding moves a
// point by less than the 1/64 pixel that the interval is widened by, up to 2^17 pixels.
struct RoiSpan {
  int64_t first, end;
};

template <class T>
AF_HOST_DEVICE inline RoiSpan roi_span(const RoiAxis<T>& axis, int64_t y, int64_t count) {
  const double centre = static_cast<double>(y) + 0.5 - axis.start, reach = 1.0 + 1.0 / 64;
  const double one = (centre - reach) / axis.step, other = (centre + reach) / axis.step;
  double low = (one < other ? one : other) - 1.5, high = (one < other ? other : one) + 1.5;
  const double most = static_cast<double>(count);
  if (!(low <= high)) return {0, count};  // not numbers: every point is looked at
  low = low < 0.0 ? 0.0 : low > most ? most : low;
  high = high < 0.0 ? 0.0 : high > most ? most : high + 1.0 > most ? most : high + 1.0;
  return {static_cast<int64_t>(low), static_cast<int64_t>(high)};
}

// One value of a crop, in the order of operations that all backends share: along rows first.
template <class T>
AF_HOST_DEVICE inline T roi_align_at(const RoiAlign<T>& p, int64_t box, int64_t channel, int64_t row, int64_t column) {
  const RoiBoxes<T>& of = p.of;
  const int64_t image = of.index[box];
  if (image < 0 || image >= of.batch) return T(0);
  const T* plane = p.features + (image * of.channels + channel) * of.height * of.width;
  const RoiAxis<T> rows = roi_rows(of, box), columns = roi_columns(of, box);
  T sum = T(0);
  for (int64_t i = 0; i < of.samples; ++i) {
    const RoiTap<T> y = roi_tap(rows, row * of.samples + i);
    const T *below = plane + y.below * of.width, *above = plane + y.above * of.width;
    T sum_below = T(0), sum_above = T(0);
    for (int64_t j = 0; j < of.samples; ++j) {
      const RoiTap<T> x = roi_tap(columns, column * of.samples + j);
      sum_below += x.weight_below * below[x.below] + x.weight_above * below[x.above];
      sum_above += x.weight_below * above[x.below] + x.weight_above * above[x.above];
    }
    sum += y.weight_below * sum_below + y.weight_above * sum_above;
  }
  return sum;
}

// What pixel `at` counts in the bin of a point.
template <class T>
AF_HOST_DEVICE inline T roi_weight(const RoiTap<T>& tap, int64_t at) {
  return (tap.below == at ? tap.weight_below : T(0)) + (tap.above == at ? tap.weight_above : T(0));
}

// One value of the gradient, gathered from every crop that has the pixel: box by box, row by row, no atomics.
template <class T>
AF_HOST_DEVICE inline T roi_gradient_at(const RoiAlignBackward<T>& p, int64_t image, int64_t channel, int64_t y,
                                        int64_t x) {
  const RoiBoxes<T>& of = p.of;
  T sum = T(0);
  for (int64_t box = 0; box < of.count; ++box) {
    if (of.index[box] != image) continue;
    const T* plane = p.gradient + (box * of.channels + channel) * of.crop_height * of.crop_width;
    const RoiAxis<T> rows = roi_rows(of, box), columns = roi_columns(of, box);
    const RoiSpan tall = roi_span(rows, y, of.crop_height * of.samples);
    const RoiSpan wide = roi_span(columns, x, of.crop_width * of.samples);
    for (int64_t k = tall.first; k < tall.end; ++k) {
      const T weight = roi_weight(roi_tap(rows, k), y);
      if (weight == T(0)) continue;
      const T* line = plane + k / of.samples * of.crop_width;
      T row_sum = T(0);
      for (int64_t l = wide.first; l < wide.end; ++l)
        row_sum += roi_weight(roi_tap(columns, l), x) * line[l / of.samples];
      sum += weight * row_sum;
    }
  }
  return sum;
}

}  // namespace AF_ISA
}  // namespace activefreq
