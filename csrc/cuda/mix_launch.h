// Launching the plans of core/freq_mix_plan.h on the current device.
#pragma once
#include <cuda_runtime.h>

#include "core/freq_mix_plan.h"

namespace activefreq::cuda {

struct FilterDevice {
  int device;
  Machine machine;
  bool knows_layers;  // the kernels that know their shape are compiled for it
};
FilterDevice filter_device(const char* operation);  // of the current device

// One launch, and in the backward pass a second one that sums the weights' gradients.
void launch_plan(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream);

}  // namespace activefreq::cuda
