#include "cuda/fourier_library.h"

#include <dlfcn.h>

#include <array>
#include <map>
#include <mutex>
#include <stdexcept>

namespace activefreq::cuda {
namespace {

// The part of cuFFT's C interface that is used here (cufft.h of CUDA 11 to 13).
using Plan = int;
constexpr int kComplexToComplex = 0x29, kForward = -1, kInverse = 1;

struct Library {
  std::string name;
  int (*create)(Plan*);
  int (*destroy)(Plan);
  int (*set_auto_allocation)(Plan, int);
  int (*make_plan_many)(Plan, int rank, int* n, int* inembed, int istride, int idist, int* onembed, int ostride,
                        int odist, int type, int batch, size_t* work_bytes);
  int (*set_stream)(Plan, void* stream);
  int (*set_work_area)(Plan, void* work);
  int (*execute)(Plan, void* input, void* output, int direction);
};

using Key = std::array<int64_t, 5>;
struct Prepared {
  Plan plan;
  int64_t work_bytes;
};

std::mutex mutex;  // guards everything below, and a plan from setting its stream to its launch
std::vector<std::string> candidates = {"libcufft.so.12", "libcufft.so.11"};
Library library;
std::map<Key, Prepared> plans;

Key key_of(const FourierShape& s) { return {s.device, s.size[0], s.size[1], s.size[2], s.batch}; }

void check(int status, const char* function) {
  if (status != 0)
    throw std::runtime_error(std::string("cuFFT: ") + function + " failed with status " + std::to_string(status));
}

template <class Function>
void find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (!function) throw std::runtime_error("cuFFT: " + library.name + " has no function " + name);
}

void open() {
  if (library.execute) return;
  std::string reasons;
  for (const std::string& name : candidates) {
    void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      const char* reason = dlerror();
      reasons += std::string("\n  ") + (reason ? reason : name.c_str());
      continue;
    }
    library.name = name;
    find(handle, "cufftCreate", library.create);
    find(handle, "cufftDestroy", library.destroy);
    find(handle, "cufftSetAutoAllocation", library.set_auto_allocation);
    find(handle, "cufftMakePlanMany", library.make_plan_many);
    find(handle, "cufftSetStream", library.set_stream);
    find(handle, "cufftSetWorkArea", library.set_work_area);
    find(handle, "cufftExecC2C", library.execute);
    return;
  }
  throw std::runtime_error(
      "cuFFT was not found: it filters sizes with a prime factor over 7 and planes that exceed shared memory; install "
      "it with `pip install activefreq[cu13]` or with the CUDA toolkit. Tried:" +
      reasons);
}

int64_t points_of(const FourierShape& shape) { return shape.size[0] * shape.size[1] * shape.size[2]; }

}  // namespace

void set_fourier_libraries(std::vector<std::string> names) {
  const std::lock_guard<std::mutex> lock(mutex);
  candidates = std::move(names);
}

std::string fourier_library() {
  const std::lock_guard<std::mutex> lock(mutex);
  open();
  return library.name;
}

int64_t fourier_work_bytes(const FourierShape& shape, bool may_plan) {
  if (points_of(shape) == 1) return 0;  // nothing to transform, and no plan for it
  const std::lock_guard<std::mutex> lock(mutex);
  const auto known = plans.find(key_of(shape));
  if (known != plans.end()) return known->second.work_bytes;
  if (!may_plan)
    throw std::runtime_error(
        "this shape needs a cuFFT plan, which cannot be made while a graph is captured: call the operator once with "
        "these shapes before the capture");
  open();
  const int64_t points = points_of(shape);
  if (points * shape.batch > INT32_MAX)
    throw std::invalid_argument("cuFFT: one transform may have 2^31 - 1 points, got " +
                                std::to_string(points * shape.batch));
  int sizes[3], rank = 0;
  for (const int64_t n : shape.size)
    if (n > 1) sizes[rank++] = static_cast<int>(n);
  Prepared made = {};
  size_t work_bytes = 0;
  check(library.create(&made.plan), "cufftCreate");
  try {
    check(library.set_auto_allocation(made.plan, 0), "cufftSetAutoAllocation");
    check(
        library.make_plan_many(made.plan, rank, sizes, nullptr, 1, static_cast<int>(points), nullptr, 1,
                               static_cast<int>(points), kComplexToComplex, static_cast<int>(shape.batch), &work_bytes),
        "cufftMakePlanMany");
  } catch (...) {
    library.destroy(made.plan);
    throw;
  }
  made.work_bytes = static_cast<int64_t>(work_bytes);
  plans.emplace(key_of(shape), made);
  return made.work_bytes;
}

void fourier_transform(const FourierShape& shape, bool inverse, Point* data, void* work, void* stream) {
  if (points_of(shape) == 1) return;
  const std::lock_guard<std::mutex> lock(mutex);
  const Plan plan = plans.at(key_of(shape)).plan;
  check(library.set_stream(plan, stream), "cufftSetStream");
  check(library.set_work_area(plan, work), "cufftSetWorkArea");
  check(library.execute(plan, data, data, inverse ? kInverse : kForward), "cufftExecC2C");
}

}  // namespace activefreq::cuda
