// Which planes fill the lanes of one vector, and how their lines come in and go out.
#pragma once
#include <algorithm>

#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

// Up to kLanes planes, by their offsets. Three ways to move a line, chosen by what lies side by side in memory:
//   runs        lanes at consecutive addresses: one masked access per run and point (planes cut along columns)
//   transposed  points of a line at consecutive addresses: rows of the tensor, through a square transpose
//   gathered    neither
// Lanes without a plane hold zero: they add nothing to a sum over planes.
template <class T>
class PlaneLanes {
 public:
  PlaneLanes(const int64_t* offsets, int count, int64_t point_stride) : count_(count), stride_(point_stride) {
    for (int lane = 0; lane < count; ++lane) {
      offset_[lane] = offsets[lane];
      if (lane > 0 && offsets[lane] == offsets[lane - 1] + 1) continue;
      begin_[runs_++] = lane;
    }
    begin_[runs_] = count;
    for (int run = 0; run < runs_; ++run) mask_[run] = mask_of(LaneMask<T>{begin_[run], begin_[run + 1]});
    transposed_ = stride_ == 1 && runs_ > 1;
    gathered_ = !transposed_ && 2 * runs_ > count && runs_ > 1;
  }

  // line: `length` vectors, rounded up to a multiple of kLanes in memory.
  void load_line(const T* planes, int64_t length, Vector<T>* line) const {
    if (transposed_) return load_transposed(planes, length, line);
    if (gathered_) return load_gathered(planes, length, line);
    if (runs_ == 1 && count_ == kLanes<T>) {
      for (int64_t j = 0; j < length; ++j) line[j] = load<T>(planes + offset_[0] + j * stride_);
      return;
    }
    for (int64_t j = 0; j < length; ++j) {
      Vector<T> v = {};
      for (int run = 0; run < runs_; ++run)
        v = load_lanes(planes + offset_[begin_[run]] - begin_[run] + j * stride_, mask_[run], v);
      line[j] = v;
    }
  }

  void store_line(T* planes, int64_t length, const Vector<T>* line) const {
    if (transposed_) return store_transposed(planes, length, line);
    if (gathered_) return store_gathered(planes, length, line);
    if (runs_ == 1 && count_ == kLanes<T>) {
      for (int64_t j = 0; j < length; ++j) store<T>(planes + offset_[0] + j * stride_, line[j]);
      return;
    }
    for (int64_t j = 0; j < length; ++j)
      for (int run = 0; run < runs_; ++run)
        store_lanes(planes + offset_[begin_[run]] - begin_[run] + j * stride_, mask_[run], line[j]);
  }

 private:
  static constexpr int kWidth = kLanes<T>;

  void load_transposed(const T* planes, int64_t length, Vector<T>* line) const {
    for (int64_t j = 0; j < length; j += kWidth) {
      Vector<T> row[kWidth];
      if (length - j >= kWidth && count_ == kWidth) {
#pragma GCC unroll 16
        for (int lane = 0; lane < kWidth; ++lane) row[lane] = load<T>(planes + offset_[lane] + j);
      } else {
        const Mask<T> mask = mask_of(LaneMask<T>{0, static_cast<int>(std::min<int64_t>(kWidth, length - j))});
        for (int lane = 0; lane < kWidth; ++lane)
          row[lane] = lane < count_ ? load_lanes(planes + offset_[lane] + j, mask, Vector<T>{}) : Vector<T>{};
      }
      transpose<T>(row);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) line[j + i] = row[i];
    }
  }

  void store_transposed(T* planes, int64_t length, const Vector<T>* line) const {
    for (int64_t j = 0; j < length; j += kWidth) {
      Vector<T> row[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) row[i] = line[j + i];
      transpose<T>(row);
      if (length - j >= kWidth && count_ == kWidth) {
#pragma GCC unroll 16
        for (int lane = 0; lane < kWidth; ++lane) store<T>(planes + offset_[lane] + j, row[lane]);
      } else {
        const Mask<T> mask = mask_of(LaneMask<T>{0, static_cast<int>(std::min<int64_t>(kWidth, length - j))});
        for (int lane = 0; lane < count_; ++lane) store_lanes(planes + offset_[lane] + j, mask, row[lane]);
      }
    }
  }

  void load_gathered(const T* planes, int64_t length, Vector<T>* line) const {
    for (int64_t j = 0; j < length; ++j) {
      alignas(kVectorBytes) T lanes[kWidth] = {};
      for (int lane = 0; lane < count_; ++lane) lanes[lane] = planes[offset_[lane] + j * stride_];
      line[j] = load<T>(lanes);
    }
  }

  void store_gathered(T* planes, int64_t length, const Vector<T>* line) const {
    for (int64_t j = 0; j < length; ++j)
      for (int lane = 0; lane < count_; ++lane) planes[offset_[lane] + j * stride_] = line[j][lane];
  }

  int64_t offset_[kWidth];
  int begin_[kWidth + 1];
  Mask<T> mask_[kWidth];
  int count_;
  int runs_ = 0;
  int64_t stride_;
  bool transposed_, gathered_;
};

}  // namespace activefreq::AF_ISA
