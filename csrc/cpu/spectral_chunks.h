// How the planes of one filter are cut into tasks. A task is a group of planes that fill the lanes of a vector; the
// planes that share one weight are spread over groups, and a chunk is what one block of prepared weights serves:
//
//   shared weight      one chunk; lanes are consecutive planes. No more planes than half a vector has lanes take
//                      copies of the weight as their own (forward alone: its gradient sums over them)
//   own weights        a chunk is up to kLanes weights; where there are fewer, the lanes repeat them for several
//                      samples: lane = sample * weights + weight; or, where half a vector of weights meets one
//                      sample, for rows r and r + 2 (half_lanes.h): lane = row * weights + weight. A row's partner in
//                      its complex line is r + 1 here as elsewhere: results do not depend on the batch
#pragma once
#include <algorithm>
#include <numeric>
#include <vector>

#include "cpu/cache_blocks.h"
#include "cpu/plane_axes.h"
#include "cpu/plane_lanes.h"

namespace activefreq::AF_ISA {

template <class T>
struct Chunk {
  int weights;  // lanes of one sample
  int samples;  // samples of one group
  int rows;     // in the lanes: 1 or 2
  int64_t groups;
  size_t prepared;                                      // offset of the prepared weights, in bytes
  int64_t offset[kLanes<T>], weight_offset[kLanes<T>];  // of each weight: its first plane in x (-1: none), and itself
};

template <class T>
class SpectralChunks {
 public:
  // `threads` share the tasks: it decides on the use of their caches, and on nothing that changes a result. With `sums`
  // over the planes of a weight, those of a shared one do not become its copies' own.
  SpectralChunks(const SpectralFilter<T>& filter, int threads, bool sums = false) : filter_(filter) {
    bool own_weights = false;
    for (int i = 0; i < filter.plane_axes; ++i) {
      const FilterAxis& axis = filter.plane[i];
      (axis.weight_stride ? own_ : shared_).add(axis);
      own_weights = own_weights || axis.weight_stride;
    }
    shared_weight_ = !own_weights;
    block_ = block_points();
    out_of_cache_ = block_ && 2 * filter.plane[0].size * filter.plane[0].stride * int64_t{sizeof(T)} >= kOutOfCache;
    streams_ = out_of_cache_ && writes_whole_lines();
    // Few samples for several threads: a block would come into one thread's cache and go on to the others'.
    const bool scattered = shared_weight_ && !out_of_cache_ && threads > 1 && filter.plane[0].size < 4 * threads;
    brings_in_ = block_ && !scattered;
    copied_ = shared_weight_ && !sums && two_rows_fit() && filter.plane_axes > 0 && filter.plane[0].size == 1 &&
              2 * shared_.size() <= kLanes<T>;
    if (copied_) {
      std::swap(own_, shared_);
      shared_weight_ = false;
    }
    cut();
  }

  const SpectralFilter<T>& filter() const { return filter_; }
  const std::vector<Chunk<T>>& all() const { return chunks_; }
  bool shared_weight() const { return shared_weight_; }  // one for all planes
  bool copied_weight() const { return copied_; }         // one for all planes, which take it as their own
  size_t prepared_bytes() const { return prepared_bytes_; }
  int64_t points() const { return filter_.outer.size * filter_.middle.size * filter_.half.size; }
  int64_t frequencies() const { return filter_.half.size / 2 + 1; }  // of the half axis
  int64_t weight_points() const { return filter_.outer.size * filter_.middle.size * frequencies(); }

  // The usual weight has its frequencies side by side: one line of real and imaginary parts in turn.
  bool dense_weight() const { return filter_.half.weight_stride == 2; }

  PlaneLanes<T> lanes_of(const Chunk<T>& chunk, int64_t group) const {
    int64_t offsets[kLanes<T>];
    int count = 0;
    const int64_t begin = group * chunk.samples, end = std::min<int64_t>(begin + chunk.samples, shared_.size());
    shared_.each(begin, end, [&](int64_t shared, int64_t) {
      for (int row = 0; row < chunk.rows; ++row)
        for (int w = 0; w < chunk.weights; ++w)
          offsets[count++] = chunk.offset[w] < 0 ? -1 : shared + chunk.offset[w] + 2 * row * filter_.outer.stride;
    });
    return PlaneLanes<T>(offsets, count, filter_.half.stride);
  }

  // Whether the output goes past the caches.
  bool streams() const { return streams_; }

  // Whether the two lines of a pair are one line of the tensor, of twice the length: fewer squares to transpose.
  bool adjacent_lines() const {
    return filter_.middle.size == 1 && filter_.half.stride == 1 && filter_.outer.stride == filter_.half.size;
  }

  // Groups that one task takes together. Where it claims memory they are whole samples, which no other task writes.
  int64_t groups_together(const Chunk<T>& chunk) const {
    return out_of_cache_ ? planes_of_sample() / std::gcd(planes_of_sample(), int64_t{chunk.samples}) : 1;
  }
  int64_t tasks(const Chunk<T>& chunk) const {
    const int64_t together = groups_together(chunk);
    return (chunk.groups + together - 1) / together;
  }

  // read(offset, points) and, where the output is to be claimed, write(offset, points), of the blocks of memory whose
  // first plane is in these groups: later groups of the same samples find them in the cache.
  template <class Read, class Write>
  void for_new_blocks(const Chunk<T>& chunk, int64_t begin, int64_t end, Read read, Write write) const {
    if (!brings_in_) return;
    const FilterAxis& samples = filter_.plane[0];
    const auto sample_from = [&](int64_t group) {
      return std::min(samples.size, (group * chunk.samples + planes_of_sample() - 1) / planes_of_sample());
    };
    for (int64_t sample = sample_from(begin); sample < sample_from(end); ++sample)
      for (int w = 0, next, blocks = copied_ ? 1 : chunk.weights; w < blocks; w = next) {
        for (next = w + 1; next < blocks && chunk.offset[next] == chunk.offset[next - 1] + block_;) ++next;
        const int64_t offset = sample * samples.stride + chunk.offset[w];
        read(offset, (next - w) * block_);
        if (out_of_cache_ && !streams_) write(offset, (next - w) * block_);
      }
  }

 private:
  void cut() {
    const int64_t own = own_.size(), shared = shared_.size();
    chunks_.reserve((own + kLanes<T> - 1) / kLanes<T>);
    for (int64_t first = 0; first < own; first += kLanes<T>) {
      const int weights = copied_ ? kLanes<T> / 2 : static_cast<int>(std::min<int64_t>(kLanes<T>, own - first));
      const int samples = static_cast<int>(std::min<int64_t>(kLanes<T> / weights, shared));
      const bool two_rows = !shared_weight_ && 2 * weights == kLanes<T> && shared == 1 && two_rows_fit();
      const int64_t groups = samples ? (shared + samples - 1) / samples : 0;
      chunks_.push_back({weights, samples, two_rows ? 2 : 1, groups, prepared_bytes_, {}, {}});
      std::fill(std::begin(chunks_.back().offset), std::end(chunks_.back().offset), -1);
      int w = 0;
      own_.each(first, std::min(own, first + weights), [&](int64_t offset, int64_t weight) {
        chunks_.back().offset[w] = offset;
        chunks_.back().weight_offset[w++] = weight;
      });
      prepared_bytes_ += shared_weight_ ? weight_points() * sizeof(Complex<T>)
                                        : weight_points() * sizeof(ComplexVector<T>) + kLanes<T> * sizeof(Vector<T>);
    }
  }

  bool two_rows_fit() const { return dense_weight() && filter_.middle.size == 1 && filter_.outer.size % 4 == 0; }

  // Whether every full vector of the output is a line of memory: the points of a line, or consecutive planes.
  bool writes_whole_lines() const {
    const auto fits = [](int64_t points) { return points % kLanes<T> == 0; };
    if (kVectorBytes != 64 || reinterpret_cast<uintptr_t>(filter_.output) % kVectorBytes) return false;
    const bool pairs = adjacent_lines() && filter_.outer.size % 2 == 0;
    if (!fits((pairs ? 2 : 1) * filter_.outer.stride) || !fits(filter_.middle.size > 1 ? filter_.middle.stride : 0))
      return false;
    bool consecutive = false;
    for (int i = 0; i < filter_.plane_axes; ++i) {
      const FilterAxis& axis = filter_.plane[i];
      consecutive = consecutive || (axis.stride == 1 && fits(axis.size));
      if (axis.stride != 1 && axis.size > 1 && !fits(axis.stride)) return false;
    }
    if (filter_.half.stride != 1) return consecutive && fits(filter_.half.stride);
    return fits((pairs ? 2 : 1) * filter_.half.size);
  }

  int64_t planes_of_sample() const { return shared_.size() / filter_.plane[0].size; }

  // Points of a sample that belong to one weight, where they lie in x without gaps; else 0.
  int64_t block_points() const {
    if (filter_.plane_axes == 0 || filter_.plane[0].weight_stride || filter_.plane[0].size == 0) return 0;
    int64_t points = 1, extent = 1;
    const auto add = [&](const FilterAxis& axis) {
      points *= axis.size;
      extent += (axis.size - 1) * axis.stride;
    };
    add(filter_.outer);
    add(filter_.middle);
    add(filter_.half);
    for (int i = 1; i < filter_.plane_axes; ++i)
      if (!filter_.plane[i].weight_stride) add(filter_.plane[i]);
    return points == extent ? points : 0;
  }

  SpectralFilter<T> filter_;
  PlaneAxes own_, shared_;  // planes that differ in their weight, and those that share each weight
  bool shared_weight_, copied_;
  int64_t block_;   // see block_points()
  bool brings_in_;  // blocks of the input
  bool out_of_cache_, streams_;
  std::vector<Chunk<T>> chunks_;
  size_t prepared_bytes_ = 0;
};

}  // namespace activefreq::AF_ISA
