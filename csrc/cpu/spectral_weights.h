// The weights of a filter in the order in which columns use them, and the way back for their gradient.
//
// Prepared weights are scaled, and conjugated where the filter says so. A chunk's own weights keep their order, as
// vectors [outer][middle][half]; with two rows in the lanes, half / 2 vectors of two frequencies. A shared weight lies
// as numbers [middle][half][outer], the outer axis in the order of its transform.
#pragma once
#include "cpu/half_lanes.h"
#include "cpu/line_transform.h"
#include "cpu/spectral_chunks.h"
#include "cpu/workspace.h"

namespace activefreq::AF_ISA {

template <class T>
class SpectralWeights {
 public:
  explicit SpectralWeights(const SpectralChunks<T>& chunks)
      : chunks_(chunks),
        filter_(chunks.filter()),
        outer_line_(line_transform(filter_.outer.size, T())),
        frequencies_(chunks.frequencies()),
        scale_(T(1) / static_cast<T>(chunks.points())) {}

  // One chunk's weights into `prepared`, the memory of all of them.
  void prepare(const Chunk<T>& chunk, void* prepared) const {
    char* block = static_cast<char*>(prepared) + chunk.prepared;
    if (chunks_.shared_weight()) return prepare_shared(reinterpret_cast<Complex<T>*>(block));
    if (chunks_.copied_weight()) return prepare_copies(reinterpret_cast<ComplexVector<T>*>(block));
    prepare_own(chunk, reinterpret_cast<ComplexVector<T>*>(block));
  }

  // The gradient of one chunk's weights: its products of all slices, in their order, then its lanes in theirs.
  void finish_gradient(const Chunk<T>& chunk, const void* products, int64_t slices, T* gradient) const {
    const int width = chunks_.shared_weight() ? 1 : chunk.weights;
    const bool dense = chunks_.dense_weight();
    const PlaneLanes<T> lanes(chunk.weight_offset, width, dense ? 1 : filter_.half.weight_stride);
    const Workspace memory((2 * frequencies_ + kLanes<T>)*sizeof(Vector<T>));
    Vector<T>* line = static_cast<Vector<T>*>(memory.data());
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      for (int64_t m = 0; m < filter_.middle.size; ++m) {
        for (int64_t k = 0; k < frequencies_; ++k) {
          const ComplexVector<T> sum = summed(chunk, static_cast<const ComplexVector<T>*>(products), slices, j, m, k);
          line[dense ? 2 * k : k] = sum.re;
          line[dense ? 2 * k + 1 : k + frequencies_] = sum.im;
        }
        T* to = gradient + j * filter_.outer.weight_stride + m * filter_.middle.weight_stride;
        lanes.store_line(to, dense ? 2 * frequencies_ : frequencies_, line);
        if (!dense) lanes.store_line(to + 1, frequencies_, line + frequencies_);
      }
  }

 private:
  // Products of all slices at one point of the weight; lane w is the sum of all lanes that have weight w.
  ComplexVector<T> summed(const Chunk<T>& chunk, const ComplexVector<T>* products, int64_t slices, int64_t j, int64_t m,
                          int64_t k) const {
    const ComplexVector<T>* from = products + (j * filter_.middle.size + m) * frequencies_ + k / chunk.rows;
    ComplexVector<T> sum = *from;
    for (int64_t slice = 1; slice < slices; ++slice) sum = sum + from[slice * chunks_.weight_points()];
    const bool once = k == 0 || 2 * k == filter_.half.size;
    const T factor = (once ? T(0.25) : T(0.5)) * scale_;  // a quarter: both spectra are doubled
    sum = {sum.re * factor, sum.im * factor};
    if (chunk.rows == 2) return k % 2 ? ComplexVector<T>{high_half_twice<T>(sum.re), high_half_twice<T>(sum.im)} : sum;
    const int width = chunks_.shared_weight() ? 1 : chunk.weights;
    return {lanes_added(sum.re, width), lanes_added(sum.im, width)};
  }

  // To the first `width` lanes the following ones, `width` at a time.
  static Vector<T> lanes_added(Vector<T> v, int width) {
    if (2 * width > kLanes<T>) return v;
    if (2 * width == kLanes<T>) return v + high_half_twice<T>(v);
    for (int lane = 0; lane < width; ++lane) {
      T sum = v[lane];
      for (int next = lane + width; next < kLanes<T> / width * width; next += width) sum += v[next];
      v[lane] = sum;
    }
    return v;
  }

  void prepare_shared(Complex<T>* to) const {
    const T re_scale = T(0.5) * scale_, im_scale = filter_.conjugate ? -re_scale : re_scale;
    for (int64_t m = 0; m < filter_.middle.size; ++m)
      for (int64_t k = 0; k < frequencies_; ++k, to += filter_.outer.size)
        for (int64_t j = 0; j < filter_.outer.size; ++j) {
          const T* from = filter_.weight + j * filter_.outer.weight_stride + m * filter_.middle.weight_stride +
                          k * filter_.half.weight_stride;
          to[place(j)] = {from[0] * re_scale, from[1] * im_scale};
        }
  }

  void prepare_own(const Chunk<T>& chunk, ComplexVector<T>* to) const {
    const int64_t rows = filter_.outer.size * filter_.middle.size, row = 2 * frequencies_;
    const bool dense = chunks_.dense_weight();
    const bool consecutive = dense && filter_.outer.weight_stride == filter_.middle.size * row &&
                             (filter_.middle.size == 1 || filter_.middle.weight_stride == row);
    if (consecutive && row * rows * int64_t{sizeof(T)} <= kShort)
      for (int w = 0; w < chunk.weights; ++w) bring_in(filter_.weight + chunk.weight_offset[w], row * rows);
    if (chunk.rows == 2) return prepare_two_rows(chunk, to);
    const PlaneLanes<T> lanes = lanes_of(chunk, 0, dense ? 1 : filter_.half.weight_stride);
    if (consecutive) return load_scaled(lanes, filter_.weight, row * rows, to);  // rows are one line
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      for (int64_t m = 0; m < filter_.middle.size; ++m, to += frequencies_) {
        const T* from = filter_.weight + j * filter_.outer.weight_stride + m * filter_.middle.weight_stride;
        dense ? load_scaled(lanes, from, row, to) : load_apart(lanes, from, to);
      }
  }

  // Two rows in the lanes, one weight in all of a half.
  void prepare_copies(ComplexVector<T>* to) const {
    const T scale = T(0.5) * scale_, im_scale = filter_.conjugate ? -scale : scale;
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      for (int64_t k = 0; k < frequencies_; k += 2) {
        const T* from = filter_.weight + j * filter_.outer.weight_stride + 2 * k;
        const bool last = k + 1 == frequencies_;
        to[j * frequencies_ + k / 2] = {halves<T>(from[0] * scale, last ? T(0) : from[2] * scale),
                                        halves<T>(from[1] * im_scale, last ? T(0) : from[3] * im_scale)};
      }
  }

  // A line of real and imaginary parts in turn.
  void load_scaled(const PlaneLanes<T>& lanes, const T* from, int64_t length, ComplexVector<T>* to) const {
    const T scale = T(0.5) * scale_, im_scale = filter_.conjugate ? -scale : scale;
    lanes.load_line(from, length, reinterpret_cast<Vector<T>*>(to),
                    [=](Vector<T> v, int64_t j)
                        __attribute__((always_inline)) { return v * (j % 2 ? im_scale : scale); });
  }

  // Frequencies that do not lie side by side.
  void load_apart(const PlaneLanes<T>& lanes, const T* from, ComplexVector<T>* to) const {
    const Workspace memory(2 * (frequencies_ + kLanes<T>)*sizeof(Vector<T>));
    Vector<T>*re = static_cast<Vector<T>*>(memory.data()), *im = re + frequencies_ + kLanes<T>;
    lanes.load_line(from, frequencies_, re);
    lanes.load_line(from + 1, frequencies_, im);
    for (int64_t k = 0; k < frequencies_; ++k) to[k] = scaled({re[k], im[k]});
  }

  // Outer indices j to j + block - 1 come into the low halves and the `block` after them into the high ones; exchanged,
  // a vector has two frequencies of one index. Several indices make one line, which takes fewer squares to transpose.
  void prepare_two_rows(const Chunk<T>& chunk, ComplexVector<T>* to) const {
    const int64_t n = filter_.outer.size, index = filter_.outer.weight_stride;
    const int64_t block = n % 8 == 0 && 4 * index <= kLine ? 4 : 2;
    const PlaneLanes<T> lanes = lanes_of(chunk, block * index, 1);
    const Workspace memory((block * index + kLanes<T>)*sizeof(Vector<T>));
    const Vector<T>* line = static_cast<Vector<T>*>(memory.data());
    for (int64_t first = 0; first < n; first += 2 * block) {
      lanes.load_line(filter_.weight + first * index, block * index, static_cast<Vector<T>*>(memory.data()));
      for (int64_t j = 0; j < block; ++j)
        for (int64_t k = 0; k < frequencies_; k += 2) {
          const auto at = [&](int64_t f) { return scaled({line[j * index + 2 * f], line[j * index + 2 * f + 1]}); };
          ComplexVector<T>& weight = to[(first + j) * frequencies_ + k / 2];
          ComplexVector<T>& later = to[(first + block + j) * frequencies_ + k / 2];
          weight = at(k);
          later = k + 1 < frequencies_ ? at(k + 1) : ComplexVector<T>{Vector<T>{}, Vector<T>{}};
          exchange_halves<T>(weight, later);
        }
    }
  }

  // Of the weights: one copy per sample; with two rows in the lanes, the second `apart` numbers behind the first.
  PlaneLanes<T> lanes_of(const Chunk<T>& chunk, int64_t apart, int64_t stride) const {
    int64_t offsets[kLanes<T>] = {};
    const int count = chunk.weights * chunk.samples * chunk.rows;
    for (int lane = 0; lane < count; ++lane)
      offsets[lane] = chunk.weight_offset[lane % chunk.weights] + (chunk.rows == 2 ? lane / chunk.weights * apart : 0);
    return PlaneLanes<T>(offsets, count, stride);
  }

  ComplexVector<T> scaled(ComplexVector<T> weight) const {
    const T scale = T(0.5) * scale_;
    return {weight.re * scale, weight.im * (filter_.conjugate ? -scale : scale)};
  }

  int64_t place(int64_t j) const { return outer_line_.place_of_frequency(j); }

  // Bytes of one weight. Longer ones are read as so many streams that the processor foresees each of them.
  static constexpr int64_t kShort = 2048;
  static constexpr int64_t kLine = 256;  // points of a line that stays in the first-level cache with its squares

  const SpectralChunks<T>& chunks_;
  const SpectralFilter<T>& filter_;
  LineTransform<T> outer_line_;
  int64_t frequencies_;  // of the half axis
  T scale_;
};

}  // namespace activefreq::AF_ISA
