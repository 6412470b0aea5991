// The kernels that know the shape of a FreqFormer layer (core/freq_mix_kernels.h); thread map as in mix_launch.cu.
// Compiled for compute capability 9 and above, or the build would take twice as long: elsewhere they are empty, and
// knows_layers, which asks what the current device has been given, keeps them from being chosen.
#include "cuda/mix_kernels.h"

namespace activefreq::cuda {
namespace {

template <int kQuarter, int kSide>
__global__ void __launch_bounds__(device::FixedLayer<kQuarter, kSide>::kThreads,
                                  device::FixedLayer<kQuarter, kSide>::kBlocks)
    layer_kernel(const __grid_constant__ MixBlocks m) {
#if __CUDA_ARCH__ >= 900
  ThreadBlock<device::FixedLayer<kQuarter, kSide>::kThreads> group;
  device::fixed_mix_block<kQuarter, kSide>(group, m, blockIdx.x, shared_points());
#endif
}

template <int kQuarter, int kSide>
__global__ void __launch_bounds__(device::SmallBatchLayer<kQuarter, kSide>::kThreads, 1)
    small_batch_kernel(const __grid_constant__ MixBlocks m) {
#if __CUDA_ARCH__ >= 900
  ClusterBlock<device::SmallBatchLayer<kQuarter, kSide>::kThreads> group;
  device::small_batch_block<kQuarter, kSide>(group, m, blockIdx.x, shared_points());
#endif
}

}  // namespace

bool knows_layers(const char* operation) {
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, layer_kernel<8, 56>), operation);
  return attributes.ptxVersion >= 90;
}

void launch_layer(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
#define AF_LAYER(Q, N)                                                        \
  if (plan.cluster_blocks && plan.fixed_quarter == Q && plan.fixed_side == N) \
    return launch_blocks<small_batch_kernel<Q, N>>(plan, on, operation, stream);
  AF_SMALL_BATCH_LAYERS(AF_LAYER)
#undef AF_LAYER
#define AF_LAYER(Q, N) \
  if (plan.fixed_quarter == Q && plan.fixed_side == N) launch_blocks<layer_kernel<Q, N>>(plan, on, operation, stream);
  AF_FIXED_LAYERS(AF_LAYER)
#undef AF_LAYER
}

}  // namespace activefreq::cuda
