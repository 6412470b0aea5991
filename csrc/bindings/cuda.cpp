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

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  m.def("click_maps", &click_maps, release);
  m.def("roi_align", &roi_align<float>, release);
  m.def("roi_align_double", &roi_align<double>, release);
  m.def("roi_align_backward", &roi_align_backward<float>, release);
  m.def("roi_align_backward_double", &roi_align_backward<double>, release);
  m.def("device_count", &cuda::device_count);
  m.def("device_name", &cuda::device_name);
}
