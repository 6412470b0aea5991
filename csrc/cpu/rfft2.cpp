// A task is a group of planes, one per lane. Its rows go through line_transform.h in pairs, two rows that follow each
// other being one line of memory; then the columns in place. Lanes never meet, so results depend neither on the number
// of threads nor on the planes beside.
#include "core/rfft2.h"

#include "cpu/huge_pages.h"
#include "cpu/line_plan.h"
#include "cpu/parallel.h"
#include "cpu/plane_lanes.h"
#include "cpu/workspace.h"

namespace activefreq::AF_ISA {
namespace {

template <class T>
int64_t rounded(int64_t vectors) {
  return (vectors + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
}

// The planes of one group in tensors of `values` numbers per plane, addressed from the group's first plane.
template <class T>
PlaneLanes<T> group_lanes(int64_t count, int64_t values) {
  int64_t offsets[kLanes<T>] = {};
  for (int64_t lane = 0; lane < count; ++lane) offsets[lane] = lane * values;
  return PlaneLanes<T>(offsets, static_cast<int>(count), 1);
}

template <class T>
class PlaneTransform {
 public:
  PlaneTransform(int64_t planes, int64_t height, int64_t width)
      : planes_(planes),
        height_(height),
        width_(width),
        frequencies_(width / 2 + 1),
        pitch_(frequencies_ | 1),  // odd: columns of a power of two would share cache sets
        row_line_(line_transform(width, T())),
        column_line_(line_transform(height, T())) {}

  int64_t groups() const { return (planes_ + kLanes<T> - 1) / kLanes<T>; }
  int64_t cost() const { return kLanes<T> * height_ * width_; }
  int64_t plane_values() const { return height_ * width_; }
  int64_t spectrum_values() const { return height_ * frequencies_; }
  int64_t count(int64_t group) const { return std::min<int64_t>(kLanes<T>, planes_ - group * kLanes<T>); }

  // What one group needs: the spectrum with a row to spare, three lines of two rows, scratch.
  struct Memory {
    explicit Memory(const PlaneTransform& plan)
        : block(plan.spectrum_vectors() * sizeof(ComplexVector<T>) + 3 * plan.line_vectors() * sizeof(Vector<T>) +
                line_scratch(std::max(plan.height_, plan.width_)) * sizeof(ComplexVector<T>)),
          spectrum(static_cast<ComplexVector<T>*>(block.data())),
          line(reinterpret_cast<Vector<T>*>(spectrum + plan.spectrum_vectors())),
          second(line + plan.line_vectors()),
          third(second + plan.line_vectors()),
          scratch(reinterpret_cast<ComplexVector<T>*>(third + plan.line_vectors())) {}
    T* points() const { return reinterpret_cast<T*>(line); }
    Workspace block;
    ComplexVector<T>* spectrum;
    Vector<T>*line, *second, *third;
    ComplexVector<T>* scratch;
  };

  // Twice the half spectrum of a group's planes.
  void forward(const T* planes, int64_t group, const Memory& memory) const {
    const PlaneLanes<T> lanes = group_lanes<T>(count(group), plane_values());
    planes += group * kLanes<T> * plane_values();
    for (int64_t row = 0; row < height_; row += 2) {
      const int64_t rows = std::min<int64_t>(2, height_ - row);
      lanes.load_line(planes + row * width_, rows * width_, memory.line);
      if (rows == 1) std::fill(memory.line + width_, memory.line + 2 * width_, Vector<T>{});
      ComplexVector<T>* to = memory.spectrum + row * pitch_;
      row_line_.forward(row_line_, memory.points(), memory.points() + width_ * kLanes<T>, kLanes<T>, to, to + pitch_,
                        memory.scratch);
    }
    column_line_.transform(column_line_, memory.spectrum, pitch_, frequencies_, false, memory.scratch);
  }

  void inverse(int64_t group, const Memory& memory, T* planes) const {
    column_line_.transform(column_line_, memory.spectrum, pitch_, frequencies_, true, memory.scratch);
    const PlaneLanes<T> lanes = group_lanes<T>(count(group), plane_values());
    planes += group * kLanes<T> * plane_values();
    for (int64_t row = 0; row < height_; row += 2) {
      const int64_t rows = std::min<int64_t>(2, height_ - row);
      ComplexVector<T>* from = memory.spectrum + row * pitch_;
      if (rows == 1) std::fill(from + pitch_, from + pitch_ + frequencies_, ComplexVector<T>{});
      row_line_.inverse(row_line_, from, from + pitch_, memory.points(), memory.points() + width_ * kLanes<T>,
                        kLanes<T>, memory.scratch);
      lanes.store_line(planes + row * width_, rows * width_, memory.line);
    }
  }

  // body(start, rows, spectrum) for every two rows, or the last one: their first frequency in a plane of a spectrum
  // tensor, how many they are, and the first of them in memory.
  template <class Body>
  void spectrum_rows(const Memory& memory, Body body) const {
    for (int64_t row = 0; row < height_; row += 2)
      body(row * frequencies_, std::min<int64_t>(2, height_ - row), memory.spectrum + row * pitch_);
  }

  bool is_own_mirror(int64_t k) const { return k == 0 || 2 * k == width_; }
  int64_t frequencies() const { return frequencies_; }
  int64_t pitch() const { return pitch_; }

 private:
  int64_t spectrum_vectors() const { return (height_ + 1) * pitch_; }
  int64_t line_vectors() const { return rounded<T>(std::max(2 * width_, 4 * frequencies_)); }

  int64_t planes_, height_, width_, frequencies_, pitch_;
  LineTransform<T> row_line_, column_line_;
};

// The numbers of a gate at frequency i of a line.
template <class T>
AF_INLINE ComplexVector<T> times_gate(ComplexVector<T> v, const Vector<T>* gate, Gate kind, int64_t i) {
  if (kind == Gate::none) return v;
  if (kind == Gate::real) return {v.re * gate[i], v.im * gate[i]};
  return v * ComplexVector<T>{gate[2 * i], gate[2 * i + 1]};
}

template <class T>
void forward(const Rfft2<T>& p, int threads) {
  const PlaneTransform<T> plan(p.planes, p.height, p.width);
  prefer_huge_pages(p.spectrum, p.planes * 2 * plan.spectrum_values());
  parallel_for(plan.groups(), plan.cost(), threads, [&](int64_t group) {
    const typename PlaneTransform<T>::Memory memory(plan);
    plan.forward(p.input, group, memory);
    const PlaneLanes<T> lanes = group_lanes<T>(plan.count(group), 2 * plan.spectrum_values());
    T* const spectrum = p.spectrum + group * kLanes<T> * 2 * plan.spectrum_values();
    const T once = T(0.5) * p.scale, twice = p.adjoint ? p.scale : once;  // the transform is doubled as it is
    plan.spectrum_rows(memory, [&](int64_t start, int64_t rows, const ComplexVector<T>* from) {
      Vector<T>* to = memory.line;
      for (int64_t row = 0; row < rows; ++row, from += plan.pitch())
        for (int64_t k = 0; k < plan.frequencies(); ++k) {
          const T factor = plan.is_own_mirror(k) ? once : twice;
          *to++ = from[k].re * factor;
          *to++ = from[k].im * factor;
        }
      lanes.store_line(spectrum + 2 * start, 2 * rows * plan.frequencies(), memory.line);
    });
  });
}

template <class T>
void inverse(const Irfft2<T>& p, int threads) {
  const PlaneTransform<T> plan(p.planes, p.height, p.width);
  const int64_t gate_numbers = p.kind == Gate::complex ? 2 : 1;
  prefer_huge_pages(p.output, p.planes * p.height * p.width);
  parallel_for(plan.groups(), plan.cost(), threads, [&](int64_t group) {
    const typename PlaneTransform<T>::Memory memory(plan);
    const PlaneLanes<T> lanes = group_lanes<T>(plan.count(group), 2 * plan.spectrum_values());
    const PlaneLanes<T> gate_lanes = group_lanes<T>(plan.count(group), gate_numbers * plan.spectrum_values());
    const T* const spectrum = p.spectrum + group * kLanes<T> * 2 * plan.spectrum_values();
    const int64_t first_gate = group * kLanes<T> * gate_numbers * plan.spectrum_values();
    const T once = p.scale, twice = p.adjoint ? T(0.5) * p.scale : once;
    plan.spectrum_rows(memory, [&](int64_t start, int64_t rows, ComplexVector<T>* to) {
      const int64_t points = rows * plan.frequencies();
      lanes.load_line(spectrum + 2 * start, 2 * points, memory.line);
      if (p.kind != Gate::none)
        gate_lanes.load_line(p.gate + first_gate + gate_numbers * start, gate_numbers * points, memory.second);
      int64_t i = 0;
      for (int64_t row = 0; row < rows; ++row, to += plan.pitch())
        for (int64_t k = 0; k < plan.frequencies(); ++k, ++i) {
          const ComplexVector<T> value = {memory.line[2 * i], memory.line[2 * i + 1]};
          const T factor = plan.is_own_mirror(k) ? once : twice;
          const ComplexVector<T> product = times_gate<T>(value, memory.second, p.kind, i);
          to[k] = {product.re * factor, product.im * factor};
        }
    });
    plan.inverse(group, memory, p.output);
  });
}

template <class T>
void backward(const Irfft2Backward<T>& p, int threads) {
  const Rfft2<T>& t = p.transform;
  const PlaneTransform<T> plan(t.planes, t.height, t.width);
  const int64_t gate_numbers = p.kind == Gate::complex ? 2 : 1;
  prefer_huge_pages(t.spectrum, t.planes * 2 * plan.spectrum_values());
  prefer_huge_pages(p.gate_gradient, t.planes * gate_numbers * plan.spectrum_values());
  parallel_for(plan.groups(), plan.cost(), threads, [&](int64_t group) {
    const typename PlaneTransform<T>::Memory memory(plan);
    plan.forward(t.input, group, memory);
    const PlaneLanes<T> lanes = group_lanes<T>(plan.count(group), 2 * plan.spectrum_values());
    const PlaneLanes<T> gate_lanes = group_lanes<T>(plan.count(group), gate_numbers * plan.spectrum_values());
    const int64_t first = group * kLanes<T> * plan.spectrum_values();
    const T once = T(0.5) * t.scale, twice = t.scale;
    plan.spectrum_rows(memory, [&](int64_t start, int64_t rows, const ComplexVector<T>* from) {
      const int64_t points = rows * plan.frequencies(), at = first + start;
      lanes.load_line(p.spectrum + 2 * at, 2 * points, memory.second);
      gate_lanes.load_line(p.gate + gate_numbers * at, gate_numbers * points, memory.third);
      int64_t i = 0;
      for (int64_t row = 0; row < rows; ++row, from += plan.pitch())
        for (int64_t k = 0; k < plan.frequencies(); ++k, ++i) {
          const T factor = plan.is_own_mirror(k) ? once : twice;
          const ComplexVector<T> g = {from[k].re * factor, from[k].im * factor};
          const ComplexVector<T> s = {memory.second[2 * i], memory.second[2 * i + 1]};
          const Vector<T> real = s.re * g.re + s.im * g.im;
          if (p.kind == Gate::real) {
            const Vector<T> gate = memory.third[i];
            memory.third[i] = real;
            memory.line[2 * i] = g.re * gate;
            memory.line[2 * i + 1] = g.im * gate;
          } else {
            const ComplexVector<T> gate = {memory.third[2 * i], memory.third[2 * i + 1]};
            memory.third[2 * i] = real;
            memory.third[2 * i + 1] = s.re * g.im - s.im * g.re;
            memory.line[2 * i] = gate.re * g.re + gate.im * g.im;
            memory.line[2 * i + 1] = gate.re * g.im - gate.im * g.re;
          }
        }
      lanes.store_line(t.spectrum + 2 * at, 2 * points, memory.line);
      gate_lanes.store_line(p.gate_gradient + gate_numbers * at, gate_numbers * points, memory.third);
    });
  });
}

}  // namespace

void rfft2(const Rfft2<float>& p, int threads) { forward(p, threads); }
void rfft2_double(const Rfft2<double>& p, int threads) { forward(p, threads); }
void irfft2(const Irfft2<float>& p, int threads) { inverse(p, threads); }
void irfft2_double(const Irfft2<double>& p, int threads) { inverse(p, threads); }
void irfft2_backward(const Irfft2Backward<float>& p, int threads) { backward(p, threads); }
void irfft2_backward_double(const Irfft2Backward<double>& p, int threads) { backward(p, threads); }

}  // namespace activefreq::AF_ISA
