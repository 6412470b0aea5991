// Mirrors csrc/cpu/spectral_filter.cpp. A filter over two axes that fit is one launch, two backward (mix_launch.cu);
// others go through packed_filter.cu.
#include "cuda/filter_paths.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

constexpr char kName[] = "spectral_filter";

FilterPaths paths_of(const SpectralFilterCall& call, const FilterDevice& on) {
  const bool present[kFilters] = {true, false, false};
  const FilterAxes axes[kFilters] = {call.axes, {}, {}};
  const device::MixPlan plan =
      device::plan_spectral_filter(call.axes, call.element, call.backward, call.path, on.machine, 0);
  return choose_paths(plan, axes, present, call.path, on, kName);
}

}  // namespace

int64_t spectral_filter_workspace(const SpectralFilterCall& call, cudaStream_t stream) {
  const FilterDevice on = filter_device(kName);
  FilterPaths paths = paths_of(call, on);
  return carve(paths, false, nullptr, on, stream);
}

void spectral_filter(const SpectralFilterCall& call, cudaStream_t stream) {
  const FilterDevice on = filter_device(kName);
  FilterPaths paths = paths_of(call, on);
  carve(paths, false, call.workspace, on, stream);
  device::set_tensors(paths.plan, call.source, call.input, call.output);
  TiledFilter& fused = paths.plan.blocks.filter[0];
  fused.weight = paths.filter[0].weight = call.weight;
  fused.weight_gradient = paths.filter[0].weight_gradient = call.weight_gradient;
  run(paths, on, kName, stream);
}

}  // namespace activefreq::cuda
