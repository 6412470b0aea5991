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

}  // namespace

PYBIND11_MODULE(_cuda, m) {
  const auto release = py::call_guard<py::gil_scoped_release>();
  m.def("click_maps", &click_maps, release);
  m.def("label", &label, release);
  m.def("label_workspace", &cuda::label_workspace);
  m.def("squared_distance", &squared_distance, release);
  m.def("device_count", &cuda::device_count);
  m.def("device_name", &cuda::device_name);
}
