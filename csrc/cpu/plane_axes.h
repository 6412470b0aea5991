// The planes of a tensor, numbered over the axes that are not transformed, the last axis fastest.
#pragma once
#include "core/spectral_filter.h"

namespace activefreq::AF_ISA {

class PlaneAxes {
 public:
  void add(const FilterAxis& axis) {
    axis_[axes_++] = axis;
    size_ *= axis.size;
  }
  int64_t size() const { return size_; }

  // f(offset in x, offset in the weight) of planes begin to end.
  template <class F>
  void each(int64_t begin, int64_t end, F f) const {
    if (begin >= end) return;
    int64_t index[kMaxPlaneAxes], offset = 0, weight = 0, rest = begin;
    for (int a = axes_ - 1; a >= 0; --a) {
      index[a] = rest % axis_[a].size;
      rest /= axis_[a].size;
      offset += index[a] * axis_[a].stride;
      weight += index[a] * axis_[a].weight_stride;
    }
    for (int64_t plane = begin; plane < end; ++plane) {
      f(offset, weight);
      for (int a = axes_ - 1; a >= 0; --a) {  // to the next, as an odometer
        offset += axis_[a].stride;
        weight += axis_[a].weight_stride;
        if (++index[a] < axis_[a].size) break;
        offset -= axis_[a].size * axis_[a].stride;
        weight -= axis_[a].size * axis_[a].weight_stride;
        index[a] = 0;
      }
    }
  }

 private:
  FilterAxis axis_[kMaxPlaneAxes];
  int axes_ = 0;
  int64_t size_ = 1;
};

}  // namespace activefreq::AF_ISA
