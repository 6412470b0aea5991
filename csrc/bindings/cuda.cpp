// activefreq._cuda: one function per operator, named as the operator; each takes the device and the stream to launch
// on. Pointers arrive as integers from activefreq/ops/_native.py, which is the only place that makes them.
#include <pybind11/pybind11.h>

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

void squared_distance(Address mask, Address squared, Address across, int64_t batch, int64_t height, int64_t width,
                      int device, Address stream) {
  const cuda::DeviceGuard guard(device);
  cuda::squared_distance({at<const uint8_t>(mask), at<int32_t>(squared), batch, height, width}, at<uint16_t>(across),
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

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  m.def("click_maps", &click_maps, release);
  m.def("roi_align", &roi_align<float>, release);
  m.def("roi_align_double", &roi_align<double>, release);
  m.def("roi_align_backward", &roi_align_backward<float>, release);
  m.def("roi_align_backward_double", &roi_align_backward<double>, release);
  m.def("label", &label, release);
  m.def("label_workspace", &cuda::label_workspace);
  m.def("squared_distance", &squared_distance, release);
  m.def("select_click", &select_click, release);
  m.def("select_click_workspace", &select_click_workspace);
  m.def("device_count", &cuda::device_count);
  m.def("device_name", &cuda::device_name);
}
