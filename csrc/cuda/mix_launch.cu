// The kernels of freq_mix and spectral_filter. Thread map: a block takes a role by its index (core/freq_mix_kernels.h):
// tiles of a filter, a slice of a convolution channel, or a piece to copy. Dynamic shared memory holds tile and tables.
#include "cuda/mix_kernels.h"
#include "cuda/mix_launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

// 512 threads a processor leave 128 registers to each, for butterflies of 16 points.
__global__ void __launch_bounds__(device::kGeneralThreads, 2) general_kernel(const __grid_constant__ MixBlocks m) {
  ThreadBlock<device::kGeneralThreads> group;
  device::general_mix_block(group, m, blockIdx.x, shared_points());
}

__global__ void __launch_bounds__(device::kSumThreads) sum_kernel(const __grid_constant__ MixBlocks m) {
  ThreadBlock<device::kSumThreads> group;
  device::sum_block(group, m, blockIdx.x, shared_points());
}

}  // namespace

FilterDevice filter_device(const char* operation) {
  static std::once_flag once[kMostDevices];
  static FilterDevice known[kMostDevices];
  int device = 0;
  check(cudaGetDevice(&device), operation);
  std::call_once(once[device], [&] {
    int processors = 0, bytes = 0;
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), operation);
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), operation);
    known[device] = {device, {processors, bytes}, knows_layers(operation)};
  });
  return known[device];
}

bool has_layer_kernels(int device) {
  const DeviceGuard guard(device);
  return filter_device("has_layer_kernels").knows_layers;
}

void launch_plan(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  const int64_t blocks = plan.blocks.end[kConvolution], sums = plan.blocks.sum_end[kConvolution];
  if (blocks == 0) return;
  if (blocks > INT32_MAX || sums > INT32_MAX)
    throw std::invalid_argument(std::string(operation) + ": the tensor is too large for one launch");
  if (plan.fixed_side)
    launch_layer(plan, on, operation, stream);
  else
    launch_blocks<general_kernel>(plan, on, operation, stream);
  if (!plan.blocks.tensors.backward) return;
  sum_kernel<<<static_cast<unsigned>(sums), device::kSumThreads, static_cast<size_t>(plan.sum_shared_bytes), stream>>>(
      plan.blocks);
  check(cudaGetLastError(), operation);
}

}  // namespace activefreq::cuda
