#include <stdexcept>
#include <string>

#include "cuda/filter_paths.h"

namespace activefreq::cuda {

FilterPaths choose_paths(const device::MixPlan& plan, const FilterAxes* axes, const bool* present, Path path,
                         const FilterDevice& on, const char* operation) {
  FilterPaths paths = {};
  paths.plan = plan;
  for (int i = 0; i < kFilters; ++i) {
    paths.packed[i] = present[i] && !plan.fused[i];
    if (!paths.packed[i]) continue;
    if (path == Path::fused)
      throw std::invalid_argument(std::string(operation) +
                                  ": path must be 'auto' or 'cufft' for this shape: a plane of " +
                                  std::to_string(axes[i].outer.size) + " x " + std::to_string(axes[i].half.size) +
                                  " points has a third axis, a prime factor over 7, or more than the " +
                                  std::to_string(on.machine.shared_bytes) + " bytes of shared memory of a block");
    paths.filter[i] = plan_packed_filter(axes[i], plan.blocks.filter[i].origin);
  }
  return paths;
}

int64_t carve(FilterPaths& paths, bool convolution, void* base, const FilterDevice& on, cudaStream_t stream) {
  device::Carver memory(base);
  device::carve(paths.plan, on.machine, convolution, memory);
  for (int i = 0; i < kFilters; ++i) {
    if (!paths.packed[i]) continue;
    paths.memory[i] = activefreq::carve(paths.filter[i], paths.plan.blocks.tensors.backward, memory);
    paths.work[i] = memory.take<char>(packed_filter_work_bytes(paths.filter[i], on.device, stream));
  }
  return memory.used();
}

void run(FilterPaths& paths, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  for (int i = 0; i < kFilters; ++i)
    if (paths.packed[i])
      run_packed_filter(paths.filter[i], paths.plan.blocks.tensors, paths.memory[i], paths.work[i], on.device,
                        operation, stream);
  launch_plan(paths.plan, on, operation, stream);
}

}  // namespace activefreq::cuda
