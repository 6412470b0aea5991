// Mirrors csrc/cpu/freq_mix.cpp. One launch forward, two backward; the kernels are in mix_launch.cu, and filters that
// do not fit in shared memory go through packed_filter.cu.
#include "cuda/filter_paths.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

constexpr char kName[] = "freq_mix";

FilterPaths paths_of(const FreqMixCall& call, const FilterDevice& on) {
  bool present[kFilters];
  FilterAxes axes[kFilters];
  for (int i = 0; i < kFilters; ++i) {
    present[i] = call.weight[i] != nullptr;
    axes[i] = freq_mix_axes(call.shape, i);
  }
  const device::MixPlan plan = device::plan_freq_mix(call.shape, call.element, call.backward, present, call.path,
                                                     on.machine, on.knows_layers, 0);
  return choose_paths(plan, axes, present, call.path, on, kName);
}

}  // namespace

int64_t freq_mix_workspace(const FreqMixCall& call, cudaStream_t stream) {
  const FilterDevice on = filter_device(kName);
  FilterPaths paths = paths_of(call, on);
  return carve(paths, true, nullptr, on, stream);
}

void freq_mix(const FreqMixCall& call, cudaStream_t stream) {
  const FilterDevice on = filter_device(kName);
  FilterPaths paths = paths_of(call, on);
  carve(paths, true, call.workspace, on, stream);
  device::set_tensors(paths.plan, call.source, call.input, call.output);
  for (int i = 0; i < kFilters; ++i) {
    TiledFilter& fused = paths.plan.blocks.filter[i];
    fused.weight = paths.filter[i].weight = call.weight[i];
    fused.weight_gradient = paths.filter[i].weight_gradient = call.weight_gradient[i];
  }
  Depthwise& convolution = paths.plan.blocks.convolution;
  convolution.tap = call.conv_weight;
  convolution.bias = call.conv_bias;
  convolution.tap_gradient = call.conv_weight_gradient;
  convolution.bias_gradient = call.conv_bias_gradient;
  run(paths, on, kName, stream);
}

}  // namespace activefreq::cuda
