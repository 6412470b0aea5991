// Which planes fill the lanes of one vector, and how their lines come in and go out.
#pragma once
#include <algorithm>

#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

// Up to kLanes planes, by their offsets; a lane whose offset is negative has none. Three ways to move a line, chosen by
// what lies side by side in memory:
//   runs        lanes at consecutive addresses: one masked access per run and point (planes cut along columns)
//   transposed  points of a line at consecutive addresses: rows of the tensor, through a square transpose
//   gathered    neither
// Lanes without a plane hold zero: they add nothing to a sum over planes.
template <class T>
class PlaneLanes {
 public:
  PlaneLanes(const int64_t* offsets, int count, int64_t point_stride)
      : count_(count), full_(count == kWidth), stride_(point_stride) {
    std::fill(offset_, offset_ + kWidth, -1);
    int begin[kWidth], end[kWidth];
    for (int lane = 0; lane < count; ++lane) {
      offset_[lane] = offsets[lane];
      if (offsets[lane] < 0) {
        full_ = false;
        continue;
      }
      if (lane == 0 || offsets[lane - 1] < 0 || offsets[lane] != offsets[lane - 1] + 1) {
        from_[runs_] = offsets[lane] - lane;
        begin[runs_++] = lane;
      }
      end[runs_ - 1] = lane + 1;
    }
    for (int run = 0; run < runs_; ++run) mask_[run] = mask_of(LaneMask<T>{begin[run], end[run]});
    transposed_ = stride_ == 1 && runs_ > 1;
    gathered_ = !transposed_ && 2 * runs_ > count && runs_ > 1;
  }

  // Whether the vectors of a line lie in memory as they are; then point j is at offset() + j * the stride.
  bool whole() const { return runs_ == 1 && full_; }
  int64_t offset() const { return offset_[0]; }

  // line: `length` vectors, rounded up to a multiple of kLanes in memory; line[j] = map(point j, j), or as they are.
  template <class Map>
  void load_line(const T* planes, int64_t length, Vector<T>* line, Map map) const {
    if (transposed_) return load_transposed(planes, length, line, map);
    if (gathered_) return load_gathered(planes, length, line, map);
    if (runs_ == 1) return load_runs(Runs<1>(*this), planes, length, line, map);
    if (runs_ == 2) return load_runs(Runs<2>(*this), planes, length, line, map);
    load_runs(*this, planes, length, line, map);
  }
  void load_line(const T* planes, int64_t length, Vector<T>* line) const {
    load_line(planes, length, line, [](Vector<T> v, int64_t) __attribute__((always_inline)) { return v; });
  }

  // With `streamed`, planes and lines lie so that full vectors are whole lines of memory; see stream().
  void store_line(T* planes, int64_t length, const Vector<T>* line, bool streamed = false) const {
    if (streamed && whole()) return stream_whole(planes, length, line);
    if (transposed_) {
      if (streamed && full_) return store_transposed(planes, length, line, stream<T>);
      return store_transposed(planes, length, line, store<T>);
    }
    if (gathered_) return store_gathered(planes, length, line);
    if (runs_ == 1) return store_runs(Runs<1>(*this), planes, length, line);
    if (runs_ == 2) return store_runs(Runs<2>(*this), planes, length, line);
    store_runs(*this, planes, length, line);
  }

 private:
  static constexpr int kWidth = kLanes<T>;

  // A number of runs that the compiler knows: it keeps them in registers.
  template <int Count>
  struct Runs {
    static constexpr int runs_ = Count;
    int64_t from_[Count], stride_;
    Mask<T> mask_[Count];
    explicit Runs(const PlaneLanes& lanes) : stride_(lanes.stride_) {
      for (int run = 0; run < Count; ++run) {
        from_[run] = lanes.from_[run];
        mask_[run] = lanes.mask_[run];
      }
    }
  };
  template <class R, class Map>
  static void load_runs(const R& r, const T* planes, int64_t length, Vector<T>* line, Map map) {
    for (int64_t j = 0; j < length; ++j) {
      Vector<T> v = {};
      for (int run = 0; run < r.runs_; ++run) v = load_lanes(planes + r.from_[run] + j * r.stride_, r.mask_[run], v);
      line[j] = map(v, j);
    }
  }
  template <class R>
  static void store_runs(const R& r, T* planes, int64_t length, const Vector<T>* line) {
    for (int64_t j = 0; j < length; ++j)
      for (int run = 0; run < r.runs_; ++run) store_lanes(planes + r.from_[run] + j * r.stride_, r.mask_[run], line[j]);
  }

  // Squares of kLanes planes and as many points, the last of a line perhaps narrower.
  static Mask<T> narrow(int64_t points) { return mask_of(LaneMask<T>{0, static_cast<int>(points)}); }

  template <class Map>
  void load_transposed(const T* planes, int64_t length, Vector<T>* line, Map map) const {
    int64_t j = 0;
    if (full_)
      for (; j + kWidth <= length; j += kWidth)
        load_square(
            line + j, [&](int lane) __attribute__((always_inline)) { return load<T>(planes + offset_[lane] + j); },
            map);
    for (; j < length; j += kWidth) {
      const Mask<T> mask = narrow(std::min<int64_t>(kWidth, length - j));
      const auto of_plane = [&](int lane) __attribute__((always_inline)) {
        return load_lanes(planes + offset_[lane] + j, mask, Vector<T>{});
      };
      if (full_)
        load_square(line + j, of_plane, map);
      else
        load_square(
            line + j,
            [&](int lane) __attribute__((always_inline)) { return offset_[lane] >= 0 ? of_plane(lane) : Vector<T>{}; },
            map);
    }
  }
  // The squares begin at even points, so map may tell even from odd ones.
  template <class Load, class Map>
  static AF_INLINE void load_square(Vector<T>* line, Load load, Map map) {
    Vector<T> row[kWidth];
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth; ++lane) row[lane] = load(lane);
    transpose<T>(row);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) line[i] = map(row[i], i);
  }

  void stream_whole(T* planes, int64_t length, const Vector<T>* line) const {
    for (int64_t j = 0; j < length; ++j) stream<T>(planes + offset() + j * stride_, line[j]);
  }

  // put: store or stream.
  template <class Put>
  AF_INLINE void store_transposed(T* planes, int64_t length, const Vector<T>* line, Put put) const {
    int64_t j = 0;
    if (full_)
      for (; j + kWidth <= length; j += kWidth)
        store_square(line + j,
                     [&](int lane, Vector<T> v) __attribute__((always_inline)) { put(planes + offset_[lane] + j, v); });
    for (; j < length; j += kWidth) {
      const Mask<T> mask = narrow(std::min<int64_t>(kWidth, length - j));
      const auto to_plane = [&](int lane, Vector<T> v)
                                __attribute__((always_inline)) { store_lanes(planes + offset_[lane] + j, mask, v); };
      if (full_)
        store_square(line + j, to_plane);
      else
        store_square(line + j, [&](int lane, Vector<T> v) __attribute__((always_inline)) {
          if (offset_[lane] >= 0) to_plane(lane, v);
        });
    }
  }
  template <class Store>
  static AF_INLINE void store_square(const Vector<T>* line, Store store) {
    Vector<T> row[kWidth];
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) row[i] = line[i];
    transpose<T>(row);
#pragma GCC unroll 16
    for (int lane = 0; lane < kWidth; ++lane) store(lane, row[lane]);
  }

  template <class Map>
  void load_gathered(const T* planes, int64_t length, Vector<T>* line, Map map) const {
    for (int64_t j = 0; j < length; ++j) {
      alignas(kVectorBytes) T lanes[kWidth] = {};
      for (int lane = 0; lane < count_; ++lane)
        if (offset_[lane] >= 0) lanes[lane] = planes[offset_[lane] + j * stride_];
      line[j] = map(load<T>(lanes), j);
    }
  }

  void store_gathered(T* planes, int64_t length, const Vector<T>* line) const {
    for (int64_t j = 0; j < length; ++j)
      for (int lane = 0; lane < count_; ++lane)
        if (offset_[lane] >= 0) planes[offset_[lane] + j * stride_] = line[j][lane];
  }

  int64_t offset_[kWidth];
  int64_t from_[kWidth];  // of each run: where its lane 0 would be
  Mask<T> mask_[kWidth];
  int count_;
  bool full_;  // every lane has a plane
  int runs_ = 0;
  int64_t stride_;
  bool transposed_, gathered_;
};

}  // namespace activefreq::AF_ISA
