// activefreq._cpu: one function per operator, named as the operator. Pointers arrive as integers from
// activefreq/ops/_native.py, which is the only place that makes them; shapes were checked there.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "cpu/operators.h"

namespace py = pybind11;
using namespace activefreq;

namespace {

using Address = std::uintptr_t;
template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

void click_maps(Address clicks, Address maps, int64_t batch, int64_t count, int64_t height, int64_t width,
                float radius, int threads) {
  operators().click_maps({at<const float>(clicks), at<float>(maps), batch, count, height, width, radius}, threads);
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
  m.def("click_maps", &click_maps, release);
  m.def("instruction_set", &instruction_set);
  m.def("instruction_sets", &available_instruction_sets);
  m.def("select_instruction_set", &choose_instruction_set);
}
