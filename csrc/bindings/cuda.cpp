// activefreq._cuda: one function per operator, named as the operator; each takes the device and the stream to launch
// on. Pointers arrive as integers from activefreq/ops/_native.py, which is the only place that makes them.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <tuple>
#include <vector>

#include "cuda/fourier_library.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace py = pybind11;
using namespace activefreq;

namespace {

using Address = std::uintptr_t;
template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

using BandNumbers = std::tuple<int64_t, int64_t, int64_t, int64_t>;  // of a BandAxis, in order
BandGrid band_grid(int64_t volumes, const BandNumbers& height, const BandNumbers& width, int64_t depth) {
  const auto axis = [](const BandNumbers& n) {
    return BandAxis{std::get<0>(n), std::get<1>(n), std::get<2>(n), std::get<3>(n)};
  };
  return {volumes, axis(height), axis(width), depth};
}

int64_t workspace_of_bands(int64_t volumes, const BandNumbers& height, const BandNumbers& width, int64_t depth) {
  return band_workspace(band_grid(volumes, height, width, depth));
}

// Split: x, centre, border; merge: border, centre, merged.
template <bool kMerge>
void band_split(Address volume, Address centre, Address result, Address workspace, int64_t volumes,
                const BandNumbers& height, const BandNumbers& width, int64_t depth, int element, double scale,
                int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::band_split({band_grid(volumes, height, width, depth), static_cast<Element>(element), kMerge,
                    at<const void>(volume), at<void>(centre), at<void>(result), at<float>(workspace), scale},
                   at<CUstream_st>(stream));
}

void click_maps(Address clicks, Address maps, int64_t batch, int64_t count, int64_t height, int64_t width, float radius,
                int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::click_maps({at<const float>(clicks), at<float>(maps), batch, count, height, width, radius},
                   at<CUstream_st>(stream));
}

template <class T>
void roi_align(Address features, Address boxes, Address index, Address crops, int64_t count, int64_t batch,
               int64_t channels, int64_t height, int64_t width, int64_t crop_height, int64_t crop_width,
               int64_t samples, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::roi_align(RoiAlign<T>{{at<const T>(boxes), at<const int64_t>(index), count, batch, channels, height, width,
                               crop_height, crop_width, samples},
                              at<const T>(features),
                              at<T>(crops)},
                  at<CUstream_st>(stream));
}

template <class T>
void roi_align_backward(Address gradient, Address boxes, Address index, Address features_gradient, int64_t count,
                        int64_t batch, int64_t channels, int64_t height, int64_t width, int64_t crop_height,
                        int64_t crop_width, int64_t samples, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::roi_align_backward(RoiAlignBackward<T>{{at<const T>(boxes), at<const int64_t>(index), count, batch, channels,
                                                height, width, crop_height, crop_width, samples},
                                               at<const T>(gradient),
                                               at<T>(features_gradient)},
                           at<CUstream_st>(stream));
}

void label(Address mask, Address labels, Address counts, Address workspace, int64_t batch, int64_t height,
           int64_t width, int connectivity, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::label({at<const uint8_t>(mask), at<int32_t>(labels), at<int32_t>(counts), batch, height, width, connectivity},
              at<uint32_t>(workspace), at<CUstream_st>(stream));
}

void squared_distance(Address mask, Address squared, Address workspace, int64_t batch, int64_t height, int64_t width,
                      int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::squared_distance({at<const uint8_t>(mask), at<int32_t>(squared), batch, height, width}, at<void>(workspace),
                         at<CUstream_st>(stream));
}

// Strategy, reading and placement are places in the lists of activefreq/reference/click_rule.py.
ClickRule rule_of(int strategy, int reading, int placement, int connectivity, float threshold, float rgu_eps,
                  int min_area, double largest_weight, double mean_weight, double group_weight) {
  return {static_cast<Strategy>(strategy),
          static_cast<Reading>(reading),
          static_cast<Placement>(placement),
          connectivity,
          threshold,
          rgu_eps,
          min_area,
          {largest_weight, mean_weight, group_weight}};
}

// What the workspace depends on of a rule is what it sums over regions, and the connectivity.
int64_t select_click_workspace(bool with_clicked, int64_t batch, int64_t height, int64_t width, int strategy,
                               int reading, int connectivity) {
  SelectClick call{};
  static const uint8_t kSome = 0;
  call.clicked = with_clicked ? &kSome : nullptr;
  call.batch = batch, call.height = height, call.width = width;
  call.rule = rule_of(strategy, reading, 0, connectivity, 0, 0, 1, 0, 0, 0);
  return cuda::select_click_workspace(call);
}

void select_click(Address prob, Address target, Address clicked, Address seed, Address y, Address x, Address positive,
                  Address valid, Address area, Address score, Address workspace, int64_t batch, int64_t height,
                  int64_t width, int strategy, int reading, int placement, int connectivity, float threshold,
                  float rgu_eps, int min_area, double largest_weight, double mean_weight, double group_weight,
                  int launch, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  const ClickRule rule = rule_of(strategy, reading, placement, connectivity, threshold, rgu_eps, min_area,
                                 largest_weight, mean_weight, group_weight);
  cuda::select_click({at<const float>(prob), at<const int8_t>(target), at<const uint8_t>(clicked),
                      at<const int64_t>(seed), at<int32_t>(y), at<int32_t>(x), at<uint8_t>(positive),
                      at<uint8_t>(valid), at<int32_t>(area), at<float>(score), nullptr, batch, height, width, rule},
                     at<void>(workspace), static_cast<cuda::Launch>(launch), at<CUstream_st>(stream));
}

// Input, source and output; the five weights; their gradients, or 0; the workspace.
using MixAddresses = std::array<Address, 14>;

FreqMixCall mix_call(const MixAddresses& a, const std::array<int64_t, 4>& shape, int element, bool backward, int path) {
  return {at<const void>(a[0]),
          at<const void>(a[1]),
          at<void>(a[2]),
          static_cast<Element>(element),
          backward,
          static_cast<Path>(path),
          {shape[0], shape[1], shape[2], shape[3]},
          at<const float>(a[3]),
          at<const float>(a[4]),
          {at<const Point>(a[5]), at<const Point>(a[6]), at<const Point>(a[7])},
          at<float>(a[8]),
          at<float>(a[9]),
          {at<Point>(a[10]), at<Point>(a[11]), at<Point>(a[12])},
          at<void>(a[13])};
}

int64_t freq_mix_workspace(const MixAddresses& addresses, const std::array<int64_t, 4>& shape, int element,
                           bool backward, int path, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  return cuda::freq_mix_workspace(mix_call(addresses, shape, element, backward, path), at<CUstream_st>(stream));
}

void freq_mix(const MixAddresses& addresses, const std::array<int64_t, 4>& shape, int element, bool backward, int path,
              int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::freq_mix(mix_call(addresses, shape, element, backward, path), at<CUstream_st>(stream));
}

// (size, stride, weight stride) of an axis; outer, middle, half, then the axes that are not transformed.
using Axes = std::vector<std::tuple<int64_t, int64_t, int64_t>>;
// Input, source, output; the weight and its gradient, or 0; the workspace.
using FilterAddresses = std::array<Address, 6>;

SpectralFilterCall filter_call(const FilterAddresses& a, const Axes& axes, int element, bool backward, int path) {
  const auto axis = [&](size_t i) {  // two real numbers are one complex one
    return FilterAxis{std::get<0>(axes[i]), std::get<1>(axes[i]), std::get<2>(axes[i]) / 2};
  };
  SpectralFilterCall call = {at<const void>(a[0]),
                             at<const void>(a[1]),
                             at<void>(a[2]),
                             static_cast<Element>(element),
                             backward,
                             static_cast<Path>(path),
                             {axis(0), axis(1), axis(2), {}, static_cast<int>(axes.size()) - 3},
                             at<const Point>(a[3]),
                             at<Point>(a[4]),
                             at<void>(a[5])};
  for (size_t i = 3; i < axes.size(); ++i) call.axes.plane[i - 3] = axis(i);
  return call;
}

int64_t spectral_filter_workspace(const FilterAddresses& addresses, const Axes& axes, int element, bool backward,
                                  int path, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  return cuda::spectral_filter_workspace(filter_call(addresses, axes, element, backward, path),
                                         at<CUstream_st>(stream));
}

void spectral_filter(const FilterAddresses& addresses, const Axes& axes, int element, bool backward, int path,
                     int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::spectral_filter(filter_call(addresses, axes, element, backward, path), at<CUstream_st>(stream));
}

// plane: what is analysed, or what the bands are synthesised to.
HaarPlanes haar_planes(Address plane, Address ll, Address lh, Address hl, Address hh, int64_t planes, int64_t height,
                       int64_t width, int element, bool repeat) {
  HaarPlanes p = {at<void>(plane), {at<void>(ll), at<void>(lh), at<void>(hl), at<void>(hh)},
                  planes,          height,
                  width,           static_cast<Element>(element),
                  repeat,          false};
  p.aligned = haar_is_aligned(p);
  return p;
}

void haar_dwt2(Address x, Address ll, Address lh, Address hl, Address hh, int64_t planes, int64_t height, int64_t width,
               int element, bool repeat, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::haar_dwt2(haar_planes(x, ll, lh, hl, hh, planes, height, width, element, repeat), at<CUstream_st>(stream));
}

void haar_idwt2(Address ll, Address lh, Address hl, Address hh, Address y, int64_t planes, int64_t height,
                int64_t width, int element, bool repeat, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::haar_idwt2(haar_planes(y, ll, lh, hl, hh, planes, height, width, element, repeat), at<CUstream_st>(stream));
}

// gate: 0 none, 1 real, 2 complex, as Gate in csrc/core/rfft2.h
GatedSpectrum gated_spectrum(Address spectrum, Address gate, int kind, int64_t planes, int64_t height, int64_t width,
                             double scale, bool adjoint) {
  return {at<const Point>(spectrum),
          at<const void>(gate),
          static_cast<Gate>(kind),
          planes,
          height,
          width,
          static_cast<float>(scale),
          adjoint};
}

void hermitian_product(Address spectrum, Address gate, int kind, Address product, int64_t planes, int64_t height,
                       int64_t width, double scale, bool adjoint, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::hermitian_product(gated_spectrum(spectrum, gate, kind, planes, height, width, scale, adjoint),
                          at<Point>(product), at<CUstream_st>(stream));
}

void product_gradient(Address spectrum, Address gate, int kind, Address gradient, Address gate_gradient, int64_t planes,
                      int64_t height, int64_t width, double scale, int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::product_gradient(gated_spectrum(spectrum, gate, kind, planes, height, width, scale, false), at<Point>(gradient),
                         at<void>(gate_gradient), at<CUstream_st>(stream));
}

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  m.def("band_split", &band_split<false>, release);
  m.def("band_merge", &band_split<true>, release);
  m.def("band_workspace", &workspace_of_bands);
  m.def("click_maps", &click_maps, release);
  m.def("roi_align", &roi_align<float>, release);
  m.def("roi_align_double", &roi_align<double>, release);
  m.def("roi_align_backward", &roi_align_backward<float>, release);
  m.def("roi_align_backward_double", &roi_align_backward<double>, release);
  m.def("label", &label, release);
  m.def("label_workspace", &cuda::label_workspace);
  m.def("squared_distance_workspace", &cuda::squared_distance_workspace);
  m.def("squared_distance", &squared_distance, release);
  m.def("select_click", &select_click, release);
  m.def("select_click_workspace", &select_click_workspace);
  m.def("freq_mix", &freq_mix, release);
  m.def("freq_mix_workspace", &freq_mix_workspace, release);
  m.def("spectral_filter", &spectral_filter, release);
  m.def("spectral_filter_workspace", &spectral_filter_workspace, release);
  m.def("haar_dwt2", &haar_dwt2, release);
  m.def("haar_idwt2", &haar_idwt2, release);
  m.def("hermitian_product", &hermitian_product, release);
  m.def("product_gradient", &product_gradient, release);
  m.def("fourier_library", &cuda::fourier_library);
  m.def("set_fourier_libraries", &cuda::set_fourier_libraries);
  m.def("has_layer_kernels", &cuda::has_layer_kernels);
  m.def("device_count", &cuda::device_count);
  m.def("device_name", &cuda::device_name);
}
