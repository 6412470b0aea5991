// How one filter is cut into tasks. A task is a group of planes that fill the lanes of a vector; the planes that
// share one weight are spread over groups, and a chunk is what one block of prepared weights serves:
//
//   shared weight      one chunk; lanes are consecutive planes
//   own weights        a chunk is up to kLanes weights; where there are fewer, the lanes repeat them for several
//                      samples: lane = sample * weights + weight; or, where half a vector of weights meets one
//                      sample, for two rows (half_lanes.h): lane = row * weights + weight
//
// Prepared weights are scaled, conjugated where the filter says so, and in the order in which columns use them:
// [column of (middle, half)][outer]. With two rows in the lanes, a column is two frequencies.
#pragma once
#include <algorithm>
#include <vector>

#include "core/spectral_filter.h"
#include "cpu/half_lanes.h"
#include "cpu/line_plan.h"
#include "cpu/plane_lanes.h"
#include "cpu/workspace.h"

namespace activefreq::AF_ISA {

template <class T>
class SpectralPlan {
 public:
  struct Chunk {
    int64_t first;  // weight
    int weights;    // lanes of one sample
    int samples;    // samples of one group
    int rows;       // in the lanes: 1 or 2
    int64_t groups;
    size_t prepared;  // offset of the prepared weights, in bytes
  };

  explicit SpectralPlan(const SpectralFilter<T>& filter)
      : filter_(filter),
        column_line_(line_transform(filter.outer.size, T())),
        row_line_(line_transform(filter.half.size, T())),
        frequencies_(filter.half.size / 2 + 1),
        pitch_(frequencies_ | 1) {  // odd: columns of a power of two would share cache sets
    own_.assign(1, {0, 0});
    shared_.assign(1, 0);
    bool own_weights = false;
    for (int i = 0; i < filter.plane_axes; ++i) {
      const FilterAxis& axis = filter.plane[i];
      if (axis.weight_stride) {
        own_weights = true;
        own_ = product<Own>(own_, axis, [&](Own o, int64_t k) {
          return Own{o.offset + k * axis.stride, o.weight + k * axis.weight_stride};
        });
      } else {
        shared_ = product<int64_t>(shared_, axis, [&](int64_t o, int64_t k) { return o + k * axis.stride; });
      }
    }
    shared_weight_ = !own_weights;
    const int64_t points = filter.outer.size * filter.middle.size * filter.half.size;
    scale_ = T(1) / static_cast<T>(points);
    cut();
  }

  const std::vector<Chunk>& chunks() const { return chunks_; }
  size_t prepared_bytes() const { return prepared_bytes_; }
  int64_t points() const { return filter_.outer.size * filter_.middle.size * filter_.half.size; }
  int64_t planes_of_group(const Chunk& chunk) const { return int64_t{chunk.weights} * chunk.samples; }

  // One chunk's weights into `prepared`, the memory of all of them.
  void prepare(const Chunk& chunk, void* prepared) const {
    char* block = static_cast<char*>(prepared) + chunk.prepared;
    if (shared_weight_) return prepare_shared(reinterpret_cast<Complex<T>*>(block));
    prepare_own(chunk, reinterpret_cast<ComplexVector<T>*>(block));
  }

  size_t filter_bytes() const { return spectrum_bytes() + line_bytes(); }
  void filter_group(const Chunk& chunk, int64_t group, const void* prepared, void* scratch) const {
    char* memory = static_cast<char*>(scratch);
    ComplexVector<T>* spectrum = reinterpret_cast<ComplexVector<T>*>(memory);
    const PlaneLanes<T> lanes = lanes_of(chunk, group);
    memory += spectrum_bytes();
    forward(lanes, chunk.rows, filter_.input, spectrum, memory);
    Columns<T> columns = columns_of(chunk, prepared, spectrum);
    for (int64_t m = 0; m < filter_.middle.size; ++m, advance(columns))
      column_line_.columns(column_line_, columns, reinterpret_cast<ComplexVector<T>*>(memory));
    inverse(lanes, chunk.rows, spectrum, memory);
  }

  // As filter_group on the gradient, and products += conj(X) G, `products` as one chunk's own prepared weights.
  size_t gradient_bytes() const { return 2 * spectrum_bytes() + line_bytes(); }
  size_t products_bytes() const { return weight_points() * sizeof(ComplexVector<T>); }
  void filter_group_gradient(const Chunk& chunk, int64_t group, const T* input, const void* prepared, void* products,
                             void* scratch) const {
    char* memory = static_cast<char*>(scratch);
    ComplexVector<T>* spectrum = reinterpret_cast<ComplexVector<T>*>(memory);
    ComplexVector<T>* input_spectrum = reinterpret_cast<ComplexVector<T>*>(memory + spectrum_bytes());
    const PlaneLanes<T> lanes = lanes_of(chunk, group);
    memory += 2 * spectrum_bytes();
    forward(lanes, chunk.rows, filter_.input, spectrum, memory);
    forward(lanes, chunk.rows, input, input_spectrum, memory);
    Columns<T> columns = columns_of(chunk, prepared, spectrum);
    columns.input = input_spectrum;
    columns.products = static_cast<ComplexVector<T>*>(products);
    for (int64_t m = 0; m < filter_.middle.size; ++m, advance(columns))
      column_line_.columns_gradient(column_line_, columns, reinterpret_cast<ComplexVector<T>*>(memory));
    inverse(lanes, chunk.rows, spectrum, memory);
  }

  // The gradient of one chunk's weights: its products of all slices, in their order, then its lanes in theirs.
  void finish_gradient(const Chunk& chunk, const void* products, int64_t slices, T* gradient) const {
    const int width = shared_weight_ ? 1 : chunk.weights;
    int64_t offsets[kLanes<T>];
    for (int w = 0; w < width; ++w) offsets[w] = own_[chunk.first + w].weight;
    const bool dense = dense_weight();
    const PlaneLanes<T> lanes(offsets, width, dense ? 1 : filter_.half.weight_stride);
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
  struct Own {
    int64_t offset, weight;
  };

  template <class Item, class Step>
  static std::vector<Item> product(const std::vector<Item>& items, const FilterAxis& axis, Step step) {
    std::vector<Item> all;
    all.reserve(items.size() * axis.size);
    for (const Item& item : items)
      for (int64_t k = 0; k < axis.size; ++k) all.push_back(step(item, k));
    return all;
  }

  void cut() {
    const int64_t own = static_cast<int64_t>(own_.size()), shared = static_cast<int64_t>(shared_.size());
    for (int64_t first = 0; first < own; first += kLanes<T>) {
      const int weights = static_cast<int>(std::min<int64_t>(kLanes<T>, own - first));
      const int samples = static_cast<int>(std::min<int64_t>(kLanes<T> / weights, shared));
      const bool two_rows = !shared_weight_ && 2 * weights == kLanes<T> && shared == 1 && dense_weight() &&
                            filter_.middle.size == 1 && filter_.outer.size % 4 == 0;
      chunks_.push_back(
          {first, weights, samples, two_rows ? 2 : 1, samples ? (shared + samples - 1) / samples : 0, prepared_bytes_});
      prepared_bytes_ += shared_weight_ ? weight_points() * sizeof(Complex<T>) : products_bytes();
    }
  }

  // The usual weight has its frequencies side by side: one line of real and imaginary parts in turn.
  bool dense_weight() const { return filter_.half.weight_stride == 2; }
  int64_t rows() const { return filter_.outer.size * filter_.middle.size; }
  size_t weight_points() const { return static_cast<size_t>(rows() * frequencies_); }
  size_t spectrum_bytes() const { return (rows() + 1) * pitch_ * sizeof(ComplexVector<T>); }  // one row to spare
  int64_t line_vectors() const { return (filter_.half.size + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
  size_t line_bytes() const {
    const int64_t longest = std::max({filter_.outer.size, filter_.middle.size, filter_.half.size});
    return (line_scratch(longest) + 2 * (frequencies_ + 1)) * sizeof(ComplexVector<T>) +
           2 * line_vectors() * sizeof(Vector<T>);
  }

  PlaneLanes<T> lanes_of(const Chunk& chunk, int64_t group) const {
    int64_t offsets[kLanes<T>];
    int count = 0;
    const int64_t begin = group * chunk.samples;
    const int64_t end = std::min<int64_t>(begin + chunk.samples, static_cast<int64_t>(shared_.size()));
    for (int64_t s = begin; s < end; ++s)
      for (int row = 0; row < chunk.rows; ++row)
        for (int w = 0; w < chunk.weights; ++w)
          offsets[count++] = shared_[s] + own_[chunk.first + w].offset + row * filter_.outer.stride;
    return PlaneLanes<T>(offsets, count, filter_.half.stride);
  }

  Columns<T> columns_of(const Chunk& chunk, const void* prepared, ComplexVector<T>* spectrum) const {
    Columns<T> columns = {};
    columns.buffer = spectrum;
    columns.stride = filter_.middle.size * pitch_;
    columns.count = (frequencies_ + chunk.rows - 1) / chunk.rows;
    const char* block = static_cast<const char*>(prepared) + chunk.prepared;
    if (shared_weight_)
      columns.shared_weight = reinterpret_cast<const Complex<T>*>(block);
    else
      columns.weight = reinterpret_cast<const ComplexVector<T>*>(block);
    return columns;
  }

  void advance(Columns<T>& columns) const {  // to the next index of the middle axis
    const int64_t weights = frequencies_ * filter_.outer.size;
    columns.buffer += pitch_;
    if (columns.shared_weight) columns.shared_weight += weights;
    if (columns.weight) columns.weight += weights;
    if (columns.input) columns.input += pitch_;
    if (columns.products) columns.products += weights;
  }

  int64_t row_offset(int64_t row) const {
    return row / filter_.middle.size * filter_.outer.stride + row % filter_.middle.size * filter_.middle.stride;
  }

  void middle(ComplexVector<T>* spectrum, bool inverse, char* memory) const {
    if (filter_.middle.size == 1) return;
    const LinePlan<T>& plan = line_plan(filter_.middle.size, T());
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      transform_columns<T>(plan, filter_.middle.size, spectrum + j * filter_.middle.size * pitch_, pitch_, frequencies_,
                           inverse, reinterpret_cast<ComplexVector<T>*>(memory));
  }

  // What one pair of lines needs beside the spectrum.
  struct LineMemory {
    LineMemory(const SpectralPlan& plan, char* memory)
        : a(reinterpret_cast<Vector<T>*>(memory)),
          b(a + plan.line_vectors()),
          first(reinterpret_cast<ComplexVector<T>*>(b + plan.line_vectors())),
          second(first + plan.frequencies_ + 1),
          scratch(second + plan.frequencies_ + 1) {}
    Vector<T>*a, *b;
    ComplexVector<T>*first, *second;  // spectra of two rows each, before they are split
    ComplexVector<T>* scratch;
  };

  // Lines in pairs, a line being one or two rows. With an odd number of rows the last one's partner is zero and its
  // spectrum goes to the spare row.
  void forward(const PlaneLanes<T>& lanes, int64_t line_rows, const T* planes, ComplexVector<T>* spectrum,
               char* memory) const {
    const LineMemory line(*this, memory);
    const int64_t n = filter_.half.size;
    for (int64_t row = 0; row < rows(); row += 2 * line_rows) {
      const int64_t next = row + line_rows;
      lanes.load_line(planes + row_offset(row), n, line.a);
      if (next < rows())
        lanes.load_line(planes + row_offset(next), n, line.b);
      else
        std::fill(line.b, line.b + n, Vector<T>{});
      ComplexVector<T>*to = spectrum + row * pitch_, *to_next = spectrum + next * pitch_;
      if (line_rows == 1) {
        row_line_.forward(row_line_, line.a, line.b, to, to_next, line.scratch);
      } else {
        row_line_.forward(row_line_, line.a, line.b, line.first, line.second, line.scratch);
        split_rows<T>(line.first, frequencies_, to, to + pitch_);
        split_rows<T>(line.second, frequencies_, to_next, to_next + pitch_);
      }
    }
    middle(spectrum, false, memory);
  }

  void inverse(const PlaneLanes<T>& lanes, int64_t line_rows, ComplexVector<T>* spectrum, char* memory) const {
    middle(spectrum, true, memory);
    const LineMemory line(*this, memory);
    const int64_t n = filter_.half.size;
    for (int64_t row = 0; row < rows(); row += 2 * line_rows) {
      const int64_t next = row + line_rows;
      ComplexVector<T>*from = spectrum + row * pitch_, *from_next = spectrum + next * pitch_;
      if (next >= rows()) std::fill(from_next, from_next + frequencies_, ComplexVector<T>{});
      if (line_rows == 1) {
        row_line_.inverse(row_line_, from, from_next, line.a, line.b, line.scratch);
      } else {
        join_rows<T>(from, from + pitch_, frequencies_, line.first);
        join_rows<T>(from_next, from_next + pitch_, frequencies_, line.second);
        row_line_.inverse(row_line_, line.first, line.second, line.a, line.b, line.scratch);
      }
      lanes.store_line(filter_.output + row_offset(row), n, line.a);
      if (next < rows()) lanes.store_line(filter_.output + row_offset(next), n, line.b);
    }
  }

  // Products of all slices at one point of the weight; lane w is the sum of all lanes that have weight w.
  ComplexVector<T> summed(const Chunk& chunk, const ComplexVector<T>* products, int64_t slices, int64_t j, int64_t m,
                          int64_t k) const {
    const ComplexVector<T>* from = products + (m * frequencies_ + k / chunk.rows) * filter_.outer.size + j;
    ComplexVector<T> sum = *from;
    for (int64_t slice = 1; slice < slices; ++slice) sum = sum + from[slice * weight_points()];
    const bool once = k == 0 || 2 * k == filter_.half.size;
    const T factor = (once ? T(0.25) : T(0.5)) * scale_;  // a quarter: both spectra are doubled
    sum = {sum.re * factor, sum.im * factor};
    if (chunk.rows == 2) return k % 2 ? ComplexVector<T>{high_half_twice<T>(sum.re), high_half_twice<T>(sum.im)} : sum;
    const int width = shared_weight_ ? 1 : chunk.weights;
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
      for (int64_t k = 0; k < frequencies_; ++k)
        for (int64_t j = 0; j < filter_.outer.size; ++j) {
          const T* from = filter_.weight + j * filter_.outer.weight_stride + m * filter_.middle.weight_stride +
                          k * filter_.half.weight_stride;
          *to++ = {from[0] * re_scale, from[1] * im_scale};
        }
  }

  void prepare_own(const Chunk& chunk, ComplexVector<T>* to) const {
    const T re_scale = T(0.5) * scale_, im_scale = filter_.conjugate ? -re_scale : re_scale;
    const int copies = chunk.samples * chunk.rows;
    int64_t offsets[kLanes<T>];
    for (int lane = 0; lane < chunk.weights * copies; ++lane)
      offsets[lane] = own_[chunk.first + lane % chunk.weights].weight;
    const int64_t step = filter_.half.weight_stride, n = filter_.outer.size;
    const PlaneLanes<T> lanes(offsets, chunk.weights * copies, dense_weight() ? 1 : step);
    const Workspace memory((2 * frequencies_ + 2 + kLanes<T>)*sizeof(Vector<T>));
    Vector<T>* line = static_cast<Vector<T>*>(memory.data());
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      for (int64_t m = 0; m < filter_.middle.size; ++m) {
        const T* from = filter_.weight + j * filter_.outer.weight_stride + m * filter_.middle.weight_stride;
        ComplexVector<T>* column = to + m * frequencies_ * n + j;
        if (dense_weight()) {
          lanes.load_line(from, 2 * frequencies_, line);
          line[2 * frequencies_] = line[2 * frequencies_ + 1] =
              Vector<T>{};  // the partner of the last of an odd number
          for (int64_t k = 0; k < frequencies_; k += chunk.rows, column += n) {
            ComplexVector<T> weight = {line[2 * k], line[2 * k + 1]}, next = {line[2 * k + 2], line[2 * k + 3]};
            if (chunk.rows == 2) exchange_halves<T>(weight, next);
            *column = {weight.re * re_scale, weight.im * im_scale};
          }
        } else {
          lanes.load_line(from, frequencies_, line);
          for (int64_t k = 0; k < frequencies_; ++k) column[k * n].re = line[k] * re_scale;
          lanes.load_line(from + 1, frequencies_, line);
          for (int64_t k = 0; k < frequencies_; ++k) column[k * n].im = line[k] * im_scale;
        }
      }
  }

  SpectralFilter<T> filter_;
  LineTransform<T> column_line_, row_line_;
  int64_t frequencies_, pitch_;  // of the half axis; vectors from row to row of a spectrum
  std::vector<Own> own_;         // planes that differ in their weight: offset in x, offset in the weight
  std::vector<int64_t> shared_;  // offsets of the planes that share each weight
  bool shared_weight_;
  T scale_;
  std::vector<Chunk> chunks_;
  size_t prepared_bytes_ = 0;
};

}  // namespace activefreq::AF_ISA
