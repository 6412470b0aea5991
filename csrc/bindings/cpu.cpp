// activefreq._cpu: one function per operator, named as the operator. Pointers arrive as integers from
// activefreq/ops/_native.py, which is the only place that makes them; shapes were checked there.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/plain_tensors.h"
#include "cpu/operators.h"

namespace py = pybind11;
using namespace activefreq;

namespace {

using Address = std::uintptr_t;
template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

void run(const BandSplit<float>& p, int threads) { operators().band_split(p, threads); }
void run(const BandSplit<double>& p, int threads) { operators().band_split_double(p, threads); }
void run(const BandMerge<float>& p, int threads) { operators().band_merge(p, threads); }
void run(const BandMerge<double>& p, int threads) { operators().band_merge_double(p, threads); }

using BandNumbers = std::tuple<int64_t, int64_t, int64_t, int64_t>;  // of a BandAxis, in order
BandGrid band_grid(int64_t volumes, const BandNumbers& height, const BandNumbers& width, int64_t depth) {
  const auto axis = [](const BandNumbers& n) {
    return BandAxis{std::get<0>(n), std::get<1>(n), std::get<2>(n), std::get<3>(n)};
  };
  return {volumes, axis(height), axis(width), depth};
}

template <class T>
void band_split(Address x, Address centre, Address border, int64_t volumes, const BandNumbers& height,
                const BandNumbers& width, int64_t depth, double scale, int threads) {
  run(BandSplit<T>{band_grid(volumes, height, width, depth), at<const T>(x), at<T>(centre), at<T>(border), scale},
      threads);
}

template <class T>
void band_merge(Address centre, Address border, Address merged, int64_t volumes, const BandNumbers& height,
                const BandNumbers& width, int64_t depth, double scale, int threads) {
  run(BandMerge<T>{band_grid(volumes, height, width, depth), at<const T>(centre), at<const T>(border), at<T>(merged),
                   scale},
      threads);
}

void click_maps(Address clicks, Address maps, int64_t batch, int64_t count, int64_t height, int64_t width, float radius,
                int threads) {
  operators().click_maps({at<const float>(clicks), at<float>(maps), batch, count, height, width, radius}, threads);
}

void label(Address mask, Address labels, Address counts, int64_t batch, int64_t height, int64_t width, int connectivity,
           int threads) {
  operators().label(
      {at<const uint8_t>(mask), at<int32_t>(labels), at<int32_t>(counts), batch, height, width, connectivity}, threads);
}

void squared_distance(Address mask, Address squared, int64_t batch, int64_t height, int64_t width, int threads) {
  operators().squared_distance({at<const uint8_t>(mask), at<int32_t>(squared), batch, height, width}, threads);
}

// Strategy, reading and placement are places in the lists of activefreq/reference/click_rule.py. Returns the first
// image whose probabilities are not finite, -1 where there is none.
int64_t select_click(Address prob, Address target, Address clicked, Address seed, Address y, Address x,
                     Address positive, Address valid, Address area, Address score, int64_t batch, int64_t height,
                     int64_t width, int strategy, int reading, int placement, int connectivity, float threshold,
                     float rgu_eps, int min_area, double largest_weight, double mean_weight, double group_weight,
                     int threads) {
  const ClickRule rule = {static_cast<Strategy>(strategy),
                          static_cast<Reading>(reading),
                          static_cast<Placement>(placement),
                          connectivity,
                          threshold,
                          rgu_eps,
                          min_area,
                          {largest_weight, mean_weight, group_weight}};
  std::vector<ClickStatus> status(static_cast<size_t>(batch));
  operators().select_click(
      {at<const float>(prob), at<const int8_t>(target), at<const uint8_t>(clicked), at<const int64_t>(seed),
       at<int32_t>(y), at<int32_t>(x), at<uint8_t>(positive), at<uint8_t>(valid), at<int32_t>(area), at<float>(score),
       status.data(), batch, height, width, rule},
      threads);
  const auto bad = std::find(status.begin(), status.end(), ClickStatus::not_finite);
  return bad == status.end() ? -1 : bad - status.begin();
}

// The tables hold one entry per element type.
void run(const FreqMix<float>& p, int threads) { operators().freq_mix(p, threads); }
void run(const FreqMix<double>& p, int threads) { operators().freq_mix_double(p, threads); }
void run(const FreqMixBackward<float>& p, int threads) { operators().freq_mix_backward(p, threads); }
void run(const FreqMixBackward<double>& p, int threads) { operators().freq_mix_backward_double(p, threads); }
void run(const SpectralFilter<float>& p, int threads) { operators().spectral_filter(p, threads); }
void run(const SpectralFilter<double>& p, int threads) { operators().spectral_filter_double(p, threads); }
void run(const SpectralFilterBackward<float>& p, int threads) { operators().spectral_filter_backward(p, threads); }
void run(const SpectralFilterBackward<double>& p, int threads) {
  operators().spectral_filter_backward_double(p, threads);
}

template <class T>
void freq_mix(Address input, Address output, int64_t batch, int64_t channels, int64_t height, int64_t width,
              Address conv_weight, Address conv_bias, Address weight_hw, Address weight_hc, Address weight_wc,
              int threads) {
  run(FreqMix<T>{at<const T>(input), at<T>(output), batch, channels, height, width, at<const T>(conv_weight),
                 at<const T>(conv_bias), at<const T>(weight_hw), at<const T>(weight_hc), at<const T>(weight_wc)},
      threads);
}

// Whether one thread is done in some 15 us: then other Python threads wait no longer than for any C function, and
// handing them the lock and taking it back would be a per cent of the call. Long lines may have large prime factors,
// whose transforms are products with a matrix.
bool is_brief(int64_t batch, int64_t channels, int64_t height, int64_t width) {
  return batch * channels * height * width <= 32768 && std::max({channels / 4, height, width}) <= 128;
}

// freq_mix of the tensors themselves, where all are plain, float32, hold their values and have the shapes that belong
// together; else None.
py::object freq_mix_of(const PlainTensors& plain, py::handle x, py::handle conv_weight, py::handle conv_bias,
                       py::handle weight_hw, py::handle weight_hc, py::handle weight_wc, int threads) {
  TensorView of, conv, bias = {}, hw, hc, wc, result;
  if (!plain.read_values(x, of) || of.dimensions != 4 || of.shape[1] % 4) return py::none();
  const int64_t batch = of.shape[0], channels = of.shape[1], height = of.shape[2], width = of.shape[3];
  const int64_t quarter = channels / 4, h = height / 2 + 1, w = width / 2 + 1;
  if (batch * channels * height * width == 0) return py::none();
  if (!plain.read_values(conv_weight, {quarter, 1, 3, 3}, conv) || !plain.read_values(conv_bias, {quarter}, bias) ||
      !plain.read_values(weight_hw, {quarter, height, w, 2}, hw) ||
      !plain.read_values(weight_hc, {quarter, h, 2}, hc) || !plain.read_values(weight_wc, {quarter, w, 2}, wc))
    return py::none();
  py::object y = plain.empty_like(x);
  if (!plain.read(y, {batch, channels, height, width}, result)) return py::none();
  const auto values = [](const TensorView& view) { return static_cast<const float*>(view.data); };
  {
    std::optional<py::gil_scoped_release> release;
    if (!is_brief(batch, channels, height, width)) release.emplace();
    run(FreqMix<float>{values(of), static_cast<float*>(result.data), batch, channels, height, width, values(conv),
                       values(bias), values(hw), values(hc), values(wc)},
        threads);
  }
  return y;
}

template <class T>
void freq_mix_backward(Address gradient, Address input, Address input_gradient, int64_t batch, int64_t channels,
                       int64_t height, int64_t width, Address conv_weight, Address weight_hw, Address weight_hc,
                       Address weight_wc, Address conv_weight_gradient, Address conv_bias_gradient,
                       Address weight_hw_gradient, Address weight_hc_gradient, Address weight_wc_gradient,
                       int threads) {
  run(FreqMixBackward<T>{{at<const T>(gradient), at<T>(input_gradient), batch, channels, height, width,
                          at<const T>(conv_weight), nullptr, at<const T>(weight_hw), at<const T>(weight_hc),
                          at<const T>(weight_wc)},
                         at<const T>(input),
                         at<T>(conv_weight_gradient),
                         at<T>(conv_bias_gradient),
                         at<T>(weight_hw_gradient),
                         at<T>(weight_hc_gradient),
                         at<T>(weight_wc_gradient)},
      threads);
}

// (size, stride, weight stride) of an axis; outer, middle, half, then the axes that are not transformed.
using Axes = std::vector<std::tuple<int64_t, int64_t, int64_t>>;

template <class T>
SpectralFilter<T> filter_over(Address input, Address output, Address weight, const Axes& axes, bool conjugate) {
  const auto axis = [&](size_t i) {
    return FilterAxis{std::get<0>(axes[i]), std::get<1>(axes[i]), std::get<2>(axes[i])};
  };
  SpectralFilter<T> filter = {at<const T>(input),
                              at<T>(output),
                              at<const T>(weight),
                              conjugate,
                              axis(0),
                              axis(1),
                              axis(2),
                              {},
                              static_cast<int>(axes.size()) - 3};
  for (size_t i = 3; i < axes.size(); ++i) filter.plane[i - 3] = axis(i);
  return filter;
}

template <class T>
void spectral_filter(Address input, Address output, Address weight, const Axes& axes, bool conjugate, int threads) {
  run(filter_over<T>(input, output, weight, axes, conjugate), threads);
}

template <class T>
void spectral_filter_backward(Address gradient, Address input, Address input_gradient, Address weight,
                              Address weight_gradient, const Axes& axes, int threads) {
  run(SpectralFilterBackward<T>{filter_over<T>(gradient, input_gradient, weight, axes, true), at<const T>(input),
                                at<T>(weight_gradient)},
      threads);
}

void run(const HaarAnalysis<float>& p, int threads) { operators().haar_dwt2(p, threads); }
void run(const HaarAnalysis<double>& p, int threads) { operators().haar_dwt2_double(p, threads); }
void run(const HaarSynthesis<float>& p, int threads) { operators().haar_idwt2(p, threads); }
void run(const HaarSynthesis<double>& p, int threads) { operators().haar_idwt2_double(p, threads); }

template <class T>
void haar_dwt2(Address input, Address ll, Address lh, Address hl, Address hh, int64_t planes, int64_t height,
               int64_t width, bool repeat, int threads) {
  run(HaarAnalysis<T>{at<const T>(input), {at<T>(ll), at<T>(lh), at<T>(hl), at<T>(hh)}, planes, height, width, repeat},
      threads);
}

template <class T>
void haar_idwt2(Address ll, Address lh, Address hl, Address hh, Address output, int64_t planes, int64_t height,
                int64_t width, bool repeat, int threads) {
  run(HaarSynthesis<T>{{at<const T>(ll), at<const T>(lh), at<const T>(hl), at<const T>(hh)},
                       at<T>(output),
                       planes,
                       height,
                       width,
                       repeat},
      threads);
}

void run(const Rfft2<float>& p, int threads) { operators().rfft2(p, threads); }
void run(const Rfft2<double>& p, int threads) { operators().rfft2_double(p, threads); }
void run(const Irfft2<float>& p, int threads) { operators().irfft2(p, threads); }
void run(const Irfft2<double>& p, int threads) { operators().irfft2_double(p, threads); }
void run(const Irfft2Backward<float>& p, int threads) { operators().irfft2_backward(p, threads); }
void run(const Irfft2Backward<double>& p, int threads) { operators().irfft2_backward_double(p, threads); }

template <class T>
void rfft2(Address input, Address spectrum, int64_t planes, int64_t height, int64_t width, double scale, bool adjoint,
           int threads) {
  run(Rfft2<T>{at<const T>(input), at<T>(spectrum), planes, height, width, static_cast<T>(scale), adjoint}, threads);
}

// gate: 0 none, 1 real, 2 complex, as Gate in csrc/core/rfft2.h
template <class T>
void irfft2(Address spectrum, Address gate, int kind, Address output, int64_t planes, int64_t height, int64_t width,
            double scale, bool adjoint, int threads) {
  run(Irfft2<T>{at<const T>(spectrum), at<const T>(gate), static_cast<Gate>(kind), at<T>(output), planes, height, width,
                static_cast<T>(scale), adjoint},
      threads);
}

template <class T>
void irfft2_backward(Address gradient, Address spectrum, Address gate, int kind, Address spectrum_gradient,
                     Address gate_gradient, int64_t planes, int64_t height, int64_t width, double scale, int threads) {
  run(Irfft2Backward<T>{{at<const T>(gradient), at<T>(spectrum_gradient), planes, height, width, static_cast<T>(scale),
                         true},
                        at<const T>(spectrum),
                        at<const T>(gate),
                        static_cast<Gate>(kind),
                        at<T>(gate_gradient)},
      threads);
}

void run(const RoiAlign<float>& p, int threads) { operators().roi_align(p, threads); }
void run(const RoiAlign<double>& p, int threads) { operators().roi_align_double(p, threads); }
void run(const RoiAlignBackward<float>& p, int threads) { operators().roi_align_backward(p, threads); }
void run(const RoiAlignBackward<double>& p, int threads) { operators().roi_align_backward_double(p, threads); }

// The text of the CUDA kernels, value by value on the host: so it is tested where there is no GPU.
template <class T>
void run_by_value(const RoiAlign<T>& p) {
  const RoiBoxes<T>& of = p.of;
  T* crop = p.crops;
  for (int64_t plane = 0; plane < of.count * of.channels; ++plane)
    for (int64_t row = 0; row < of.crop_height; ++row)
      for (int64_t column = 0; column < of.crop_width; ++column)
        *crop++ = generic::roi_align_at(p, plane / of.channels, plane % of.channels, row, column);
}
template <class T>
void run_by_value(const RoiAlignBackward<T>& p) {
  const RoiBoxes<T>& of = p.of;
  T* gradient = p.features_gradient;
  for (int64_t plane = 0; plane < of.batch * of.channels; ++plane)
    for (int64_t y = 0; y < of.height; ++y)
      for (int64_t x = 0; x < of.width; ++x)
        *gradient++ = generic::roi_gradient_at(p, plane / of.channels, plane % of.channels, y, x);
}

// threads = 0: value by value. Returns whether a box is of an image outside the batch; then nothing is computed.
template <class T>
bool roi_align(Address features, Address boxes, Address index, Address crops, int64_t count, int64_t batch,
               int64_t channels, int64_t height, int64_t width, int64_t crop_height, int64_t crop_width,
               int64_t samples, int threads) {
  const RoiAlign<T> p = {{at<const T>(boxes), at<const int64_t>(index), count, batch, channels, height, width,
                          crop_height, crop_width, samples},
                         at<const T>(features),
                         at<T>(crops)};
  const int64_t* image = at<const int64_t>(index);
  if (std::any_of(image, image + count, [&](int64_t i) { return i < 0 || i >= batch; })) return true;
  if (threads > 0)
    run(p, threads);
  else
    run_by_value(p);
  return false;
}

template <class T>
void roi_align_backward(Address gradient, Address boxes, Address index, Address features_gradient, int64_t count,
                        int64_t batch, int64_t channels, int64_t height, int64_t width, int64_t crop_height,
                        int64_t crop_width, int64_t samples, int threads) {
  const RoiAlignBackward<T> p = {{at<const T>(boxes), at<const int64_t>(index), count, batch, channels, height, width,
                                  crop_height, crop_width, samples},
                                 at<const T>(gradient),
                                 at<T>(features_gradient)};
  if (threads > 0)
    run(p, threads);
  else
    run_by_value(p);
}

std::vector<std::string> available_instruction_sets() {
  std::vector<std::string> names;
  for (auto name = instruction_sets(); *name; ++name) names.emplace_back(*name);
  return names;
}

void choose_instruction_set(const std::string& name) {
  if (!select_instruction_set(name.c_str()))
    throw py::value_error("select_instruction_set: '" + name + "' is not available on this processor");
}

}  // namespace

PYBIND11_MODULE(_cpu, m) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  m.def("band_split", &band_split<float>, release);
  m.def("band_split_double", &band_split<double>, release);
  m.def("band_merge", &band_merge<float>, release);
  m.def("band_merge_double", &band_merge<double>, release);
  m.def("click_maps", &click_maps, release);
  m.def("label", &label, release);
  m.def("squared_distance", &squared_distance, release);
  m.def("select_click", &select_click, release);
  m.def("freq_mix", &freq_mix<float>, release);
  m.def("freq_mix_double", &freq_mix<double>, release);
  py::class_<PlainTensors>(m, "PlainTensors")
      .def(py::init<py::object, py::tuple, py::object, py::object>())
      .def("freq_mix", &freq_mix_of)
      .def("reads",
           [](const PlainTensors& plain, const py::args& tensors) {
             TensorView view;
             return std::all_of(tensors.begin(), tensors.end(),
                                [&](py::handle tensor) { return tensor.is_none() || plain.read_values(tensor, view); });
           })
      .def("reads_planes", [](const PlainTensors& plain, int64_t height, int64_t width, const py::args& tensors) {
        TensorView first, view;
        if (!plain.read(tensors[0], first)) return false;
        const int64_t n = first.dimensions;
        if (n < 2 || first.shape[n - 2] != height || first.shape[n - 1] != width) return false;
        return std::all_of(tensors.begin(), tensors.end(), [&](py::handle tensor) {
          return plain.read_values(tensor, view) &&
                 std::equal(view.shape, view.shape + view.dimensions, first.shape, first.shape + first.dimensions);
        });
      });
  m.def("freq_mix_backward", &freq_mix_backward<float>, release);
  m.def("freq_mix_backward_double", &freq_mix_backward<double>, release);
  m.def("spectral_filter", &spectral_filter<float>, release);
  m.def("spectral_filter_double", &spectral_filter<double>, release);
  m.def("spectral_filter_backward", &spectral_filter_backward<float>, release);
  m.def("spectral_filter_backward_double", &spectral_filter_backward<double>, release);
  m.def("haar_dwt2", &haar_dwt2<float>, release);
  m.def("haar_dwt2_double", &haar_dwt2<double>, release);
  m.def("haar_idwt2", &haar_idwt2<float>, release);
  m.def("haar_idwt2_double", &haar_idwt2<double>, release);
  m.def("rfft2", &rfft2<float>, release);
  m.def("rfft2_double", &rfft2<double>, release);
  m.def("irfft2", &irfft2<float>, release);
  m.def("irfft2_double", &irfft2<double>, release);
  m.def("irfft2_backward", &irfft2_backward<float>, release);
  m.def("irfft2_backward_double", &irfft2_backward<double>, release);
  m.def("roi_align", &roi_align<float>, release);
  m.def("roi_align_double", &roi_align<double>, release);
  m.def("roi_align_backward", &roi_align_backward<float>, release);
  m.def("roi_align_backward_double", &roi_align_backward<double>, release);
  m.def("instruction_set", &instruction_set);
  m.def("instruction_sets", &available_instruction_sets);
  m.def("select_instruction_set", &choose_instruction_set);
}
