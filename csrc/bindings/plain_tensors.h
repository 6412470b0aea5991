// Tensors read without Python calls, through the table of C functions that a framework publishes for them
// (`__dlpack_c_exchange_api__`, DLPack 1.x; torch 2.13 has it). Only the layout of these few structs is needed, no
// header of the framework. Where there is no table nothing reads, and the caller takes its usual way.
#pragma once
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace activefreq {

struct TensorView {  // DLTensor
  void* data;
  int32_t device, device_index;
  int32_t dimensions;
  uint8_t kind, bits;
  uint16_t packed;
  const int64_t* shape;
  const int64_t* strides;  // in elements; null: contiguous
  uint64_t byte_offset;
};

class PlainTensors {
 public:
  // `table`: the capsule of torch.Tensor, or None; `types`: those that may be read, no subclass of them; `empty_like`:
  // allocates; `is_negated`: whether the memory of a view holds the negatives of its values.
  PlainTensors(const pybind11::object& table, const pybind11::tuple& types, pybind11::object empty_like,
               pybind11::object is_negated)
      : kept_(types), empty_like_(std::move(empty_like)), is_negated_(std::move(is_negated)) {
    for (const pybind11::handle type : types) types_.push_back(type.ptr());
    if (table.is_none()) return;
    const auto* functions = static_cast<const Table*>(PyCapsule_GetPointer(table.ptr(), "dlpack_exchange_api"));
    if (!functions) throw pybind11::error_already_set();
    if (functions->major == 1) view_ = functions->view;
  }

  // Whether `tensor` is a contiguous float32 tensor in main memory of this shape.
  bool read(pybind11::handle tensor, std::initializer_list<int64_t> shape, TensorView& view) const {
    return read(tensor, view) && view.dimensions == static_cast<int32_t>(shape.size()) &&
           std::equal(shape.begin(), shape.end(), view.shape);
  }
  bool read(pybind11::handle tensor, TensorView& view) const {
    if (!view_ || !may_be_read(tensor)) return false;
    if (view_(tensor.ptr(), &view) != 0) {
      PyErr_Clear();
      return false;
    }
    constexpr int32_t cpu = 1;
    constexpr uint8_t floating = 2;
    if (view.device != cpu || view.kind != floating || view.bits != 32 || view.packed != 1) return false;
    int64_t stride = 1;
    for (int32_t i = view.dimensions - 1; i >= 0 && view.strides; --i) {
      if (view.shape[i] != 1 && view.strides[i] != stride) return false;
      stride *= view.shape[i];
    }
    view.data = static_cast<char*>(view.data) + view.byte_offset;
    return true;
  }

  // As read, and memory holds the values themselves.
  bool read_values(pybind11::handle tensor, std::initializer_list<int64_t> shape, TensorView& view) const {
    return read(tensor, shape, view) && !is_negated(tensor);
  }
  bool read_values(pybind11::handle tensor, TensorView& view) const {
    return read(tensor, view) && !is_negated(tensor);
  }

  pybind11::object empty_like(pybind11::handle tensor) const { return call(empty_like_, tensor); }

 private:
  struct Table {
    uint32_t major, minor;
    void* previous;
    void *allocate, *managed_from, *managed_to;
    int (*view)(void*, TensorView*);
  };

  bool is_negated(pybind11::handle tensor) const { return call(is_negated_, tensor).ptr() == Py_True; }

  static pybind11::object call(const pybind11::object& function, pybind11::handle tensor) {
    PyObject* result = PyObject_CallOneArg(function.ptr(), tensor.ptr());
    if (!result) throw pybind11::error_already_set();
    return pybind11::reinterpret_steal<pybind11::object>(result);
  }

  bool may_be_read(pybind11::handle tensor) const {
    const auto* type = reinterpret_cast<const PyObject*>(Py_TYPE(tensor.ptr()));
    return std::find(types_.begin(), types_.end(), type) != types_.end();
  }

  pybind11::tuple kept_;  // the types, alive
  std::vector<const PyObject*> types_;
  pybind11::object empty_like_, is_negated_;
  int (*view_)(void*, TensorView*) = nullptr;
};

}  // namespace activefreq
