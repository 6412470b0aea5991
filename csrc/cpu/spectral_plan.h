// The transforms of one filter: what a task does to its groups of planes.
#pragma once
#include <algorithm>

#include "cpu/half_lanes.h"
#include "cpu/line_plan.h"
#include "cpu/spectral_chunks.h"

namespace activefreq::AF_ISA {

template <class T>
class SpectralPlan {
 public:
  explicit SpectralPlan(const SpectralChunks<T>& chunks)
      : chunks_(chunks),
        filter_(chunks.filter()),
        column_line_(line_transform(filter_.outer.size, T())),
        row_line_(line_transform(filter_.half.size, T())),
        frequencies_(chunks.frequencies()),
        pitch_(frequencies_ | 1) {}  // odd: columns of a power of two would share cache sets

  size_t filter_bytes() const { return spectrum_bytes() + line_bytes(); }
  void filter_groups(const Chunk<T>& chunk, int64_t begin, int64_t end, const void* prepared, void* scratch) const {
    ComplexVector<T>* spectrum = static_cast<ComplexVector<T>*>(scratch);
    char* memory = static_cast<char*>(scratch) + spectrum_bytes();
    chunks_.for_new_blocks(
        chunk, begin, end, [&](int64_t offset, int64_t count) { bring_in(filter_.input + offset, count); },
        [&](int64_t offset, int64_t count) { claim(filter_.output + offset, count); });
    for (int64_t group = begin; group < end; ++group) {
      const PlaneLanes<T> lanes = chunks_.lanes_of(chunk, group);
      forward(lanes, chunk.rows, filter_.input, spectrum, memory);
      Columns<T> columns = columns_of(chunk, prepared, spectrum);
      for (int64_t m = 0; m < filter_.middle.size; ++m, advance(columns))
        column_line_.columns(column_line_, columns, reinterpret_cast<ComplexVector<T>*>(memory));
      inverse(lanes, chunk.rows, spectrum, memory);
    }
  }

  // As filter_groups on the gradient, and products += conj(X) G, `products` as one chunk's own prepared weights.
  size_t gradient_bytes() const { return 2 * spectrum_bytes() + line_bytes(); }
  size_t products_bytes() const { return chunks_.weight_points() * sizeof(ComplexVector<T>); }
  void filter_groups_gradient(const Chunk<T>& chunk, int64_t begin, int64_t end, const T* input, const void* prepared,
                              void* products, void* scratch) const {
    ComplexVector<T>* spectrum = static_cast<ComplexVector<T>*>(scratch);
    char* memory = static_cast<char*>(scratch) + spectrum_bytes();
    ComplexVector<T>* input_spectrum = reinterpret_cast<ComplexVector<T>*>(memory);
    memory += spectrum_bytes();
    const auto bring_in_both = [&](int64_t offset, int64_t count) {
      bring_in(filter_.input + offset, count);
      bring_in(input + offset, count);
    };
    chunks_.for_new_blocks(chunk, begin, end, bring_in_both,
                           [&](int64_t offset, int64_t count) { claim(filter_.output + offset, count); });
    for (int64_t group = begin; group < end; ++group) {
      const PlaneLanes<T> lanes = chunks_.lanes_of(chunk, group);
      forward(lanes, chunk.rows, filter_.input, spectrum, memory);
      forward(lanes, chunk.rows, input, input_spectrum, memory);
      Columns<T> columns = columns_of(chunk, prepared, spectrum);
      columns.input = input_spectrum;
      columns.products = static_cast<ComplexVector<T>*>(products);
      for (int64_t m = 0; m < filter_.middle.size; ++m, advance(columns))
        column_line_.columns_gradient(column_line_, columns, reinterpret_cast<ComplexVector<T>*>(memory));
      inverse(lanes, chunk.rows, spectrum, memory);
    }
  }

 private:
  int64_t rows() const { return filter_.outer.size * filter_.middle.size; }
  size_t spectrum_bytes() const { return (rows() + 1) * pitch_ * sizeof(ComplexVector<T>); }  // one row to spare
  int64_t line_vectors() const { return (filter_.half.size + kLanes<T> - 1) / kLanes<T> * kLanes<T>; }
  size_t line_bytes() const {
    const int64_t longest = std::max({filter_.outer.size, filter_.middle.size, filter_.half.size});
    return (line_scratch(longest) + 2 * (frequencies_ + 1)) * sizeof(ComplexVector<T>) +
           2 * line_vectors() * sizeof(Vector<T>);
  }

  Columns<T> columns_of(const Chunk<T>& chunk, const void* prepared, ComplexVector<T>* spectrum) const {
    Columns<T> columns = {};
    columns.buffer = spectrum;
    columns.stride = filter_.middle.size * pitch_;
    columns.count = (frequencies_ + chunk.rows - 1) / chunk.rows;
    columns.weight_stride = filter_.middle.size * frequencies_;
    const char* block = static_cast<const char*>(prepared) + chunk.prepared;
    if (chunks_.shared_weight())
      columns.shared_weight = reinterpret_cast<const Complex<T>*>(block);
    else
      columns.weight = reinterpret_cast<const ComplexVector<T>*>(block);
    return columns;
  }

  void advance(Columns<T>& columns) const {  // to the next index of the middle axis
    columns.buffer += pitch_;
    if (columns.shared_weight) columns.shared_weight += frequencies_ * filter_.outer.size;
    if (columns.weight) columns.weight += frequencies_;
    if (columns.input) columns.input += pitch_;
    if (columns.products) columns.products += frequencies_;
  }

  int64_t row_offset(int64_t row) const {
    if (filter_.middle.size == 1) return row * filter_.outer.stride;  // without a division
    return row / filter_.middle.size * filter_.outer.stride + row % filter_.middle.size * filter_.middle.stride;
  }

  void middle(ComplexVector<T>* spectrum, bool inverse, char* memory) const {
    if (filter_.middle.size == 1) return;
    const LinePlan<T>& plan = line_plan(filter_.middle.size, T());
    for (int64_t j = 0; j < filter_.outer.size; ++j)
      transform_columns<T>(plan, filter_.middle.size, spectrum + j * filter_.middle.size * pitch_, pitch_, frequencies_,
                           inverse, reinterpret_cast<ComplexVector<T>*>(memory));
  }

  // Where the columns look for a row. The partner of an odd last one has the spare place.
  int64_t place(int64_t row) const {
    const int64_t middle = filter_.middle.size;
    if (row == rows()) return row;
    if (middle == 1) return column_line_.place_of_point(row);  // without a division
    return column_line_.place_of_point(row / middle) * middle + row % middle;
  }

  // What one pair of lines needs beside the spectrum.
  struct LineMemory {
    LineMemory(const SpectralPlan& plan, bool adjacent, char* memory)
        : a(reinterpret_cast<Vector<T>*>(memory)),
          b(a + (adjacent ? plan.filter_.half.size : plan.line_vectors())),
          first(reinterpret_cast<ComplexVector<T>*>(a + 2 * plan.line_vectors())),
          second(first + plan.frequencies_ + 1),
          scratch(second + plan.frequencies_ + 1) {}
    T* points_a() const { return reinterpret_cast<T*>(a); }
    T* points_b() const { return reinterpret_cast<T*>(b); }
    Vector<T>*a, *b;
    ComplexVector<T>*first, *second;  // spectra of two rows each, before they are split
    ComplexVector<T>* scratch;
  };

  // Lines in pairs: rows r and r + 1, and with two rows in the lanes r + 2 and r + 3 behind them. With an odd number of
  // rows the last one's partner is zero and its spectrum goes to the spare row. Lines that memory holds as vectors are
  // read and written there.
  void forward(const PlaneLanes<T>& lanes, int64_t line_rows, const T* planes, ComplexVector<T>* spectrum,
               char* memory) const {
    const bool one_line = chunks_.adjacent_lines();
    const LineMemory line(*this, one_line, memory);
    const int64_t n = filter_.half.size;
    for (int64_t row = 0; row < rows(); row += 2 * line_rows) {
      const int64_t next = row + 1;
      ComplexVector<T>*to = spectrum + place(row) * pitch_, *to_next = spectrum + place(next) * pitch_;
      if (lanes.whole() && next < rows()) {
        const T* begin = planes + lanes.offset();
        row_line_.forward(row_line_, begin + row_offset(row), begin + row_offset(next), filter_.half.stride, to,
                          to_next, line.scratch);
        continue;
      }
      lanes.load_line(planes + row_offset(row), one_line && next < rows() ? 2 * n : n, line.a);
      if (next >= rows())
        std::fill(line.b, line.b + n, Vector<T>{});
      else if (!one_line)
        lanes.load_line(planes + row_offset(next), n, line.b);
      if (line_rows == 1) {
        row_line_.forward(row_line_, line.points_a(), line.points_b(), kLanes<T>, to, to_next, line.scratch);
      } else {
        row_line_.forward(row_line_, line.points_a(), line.points_b(), kLanes<T>, line.first, line.second,
                          line.scratch);
        split_rows<T>(line.first, frequencies_, to, spectrum + place(row + 2) * pitch_);
        split_rows<T>(line.second, frequencies_, to_next, spectrum + place(next + 2) * pitch_);
      }
    }
    middle(spectrum, false, memory);
  }

  void inverse(const PlaneLanes<T>& lanes, int64_t line_rows, ComplexVector<T>* spectrum, char* memory) const {
    middle(spectrum, true, memory);
    const bool one_line = chunks_.adjacent_lines(), streamed = chunks_.streams();
    const LineMemory line(*this, one_line, memory);
    const int64_t n = filter_.half.size;
    for (int64_t row = 0; row < rows(); row += 2 * line_rows) {
      const int64_t next = row + 1;
      ComplexVector<T>*from = spectrum + place(row) * pitch_, *from_next = spectrum + place(next) * pitch_;
      if (lanes.whole() && next < rows() && !streamed) {
        T* begin = filter_.output + lanes.offset();
        row_line_.inverse(row_line_, from, from_next, begin + row_offset(row), begin + row_offset(next),
                          filter_.half.stride, line.scratch);
        continue;
      }
      if (next >= rows()) std::fill(from_next, from_next + frequencies_, ComplexVector<T>{});
      if (line_rows == 1) {
        row_line_.inverse(row_line_, from, from_next, line.points_a(), line.points_b(), kLanes<T>, line.scratch);
      } else {
        join_rows<T>(from, spectrum + place(row + 2) * pitch_, frequencies_, line.first);
        join_rows<T>(from_next, spectrum + place(next + 2) * pitch_, frequencies_, line.second);
        row_line_.inverse(row_line_, line.first, line.second, line.points_a(), line.points_b(), kLanes<T>,
                          line.scratch);
      }
      lanes.store_line(filter_.output + row_offset(row), one_line && next < rows() ? 2 * n : n, line.a, streamed);
      if (!one_line && next < rows()) lanes.store_line(filter_.output + row_offset(next), n, line.b, streamed);
    }
    if (streamed) end_of_stream();
  }

  const SpectralChunks<T>& chunks_;
  const SpectralFilter<T>& filter_;
  LineTransform<T> column_line_, row_line_;
  int64_t frequencies_, pitch_;  // of the half axis; vectors from row to row of a spectrum
};

}  // namespace activefreq::AF_ISA
