// The kernels of freq_mix and spectral_filter. Thread map: a block takes a role by its index (core/freq_mix_kernels.h):
// tiles of a filter, a slice of a convolution channel, or a piece to copy. Dynamic shared memory holds tile and tables.
#include "cuda/mix_launch.h"

#include <mutex>

#include "cuda/launch.h"

namespace activefreq::cuda {
namespace {

using device::MixPlan;

template <int kThreads>
struct ThreadBlock {
  __device__ static constexpr int size() { return kThreads; }
  __device__ static int rank() { return static_cast<int>(threadIdx.x); }
  __device__ static void sync() { __syncthreads(); }
};

extern __shared__ float4 shared_memory[];
__device__ __forceinline__ Point* shared_points() { return reinterpret_cast<Point*>(shared_memory); }

static_assert(sizeof(MixBlocks) <= 4096, "MixBlocks travels as a kernel parameter");

// 512 threads a processor leave 128 registers to each: butterflies of 16 and, in the kernels below, 32 points.
__global__ void __launch_bounds__(device::kGeneralThreads, 2) general_kernel(const __grid_constant__ MixBlocks m) {
  ThreadBlock<device::kGeneralThreads> group;
  device::general_mix_block(group, m, blockIdx.x, shared_points());
}

template <int kQuarter, int kSide>
__global__ void __launch_bounds__(device::FixedLayer<kQuarter, kSide>::kThreads,
                                  512 / device::FixedLayer<kQuarter, kSide>::kThreads)
    layer_kernel(const __grid_constant__ MixBlocks m) {
#if __CUDA_ARCH__ >= 900  // elsewhere filter_device does not let it be chosen: it would double the build
  ThreadBlock<device::FixedLayer<kQuarter, kSide>::kThreads> group;
  device::fixed_mix_block<kQuarter, kSide>(group, m, blockIdx.x, shared_points());
#endif
}

__global__ void __launch_bounds__(device::kSumThreads) sum_kernel(const __grid_constant__ MixBlocks m) {
  ThreadBlock<device::kSumThreads> group;
  device::sum_block(group, m, blockIdx.x, shared_points());
}

constexpr int kMostDevices = 64;

// Once per kernel and device: lets it use all shared memory that a block may have.
template <auto kKernel>
void allow_shared(const FilterDevice& on, const char* operation) {
  static std::once_flag once[kMostDevices];
  std::call_once(once[on.device], [&] {
    check(cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(on.machine.shared_bytes)),
          operation);
  });
}

template <auto kKernel>
void launch(const MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  allow_shared<kKernel>(on, operation);
  const auto blocks = static_cast<unsigned>(plan.blocks.end[kConvolution]);
  kKernel<<<blocks, plan.threads, static_cast<size_t>(plan.shared_bytes), stream>>>(plan.blocks);
  check(cudaGetLastError(), operation);
}

}  // namespace

FilterDevice filter_device(const char* operation) {
  static std::once_flag once[kMostDevices];
  static FilterDevice known[kMostDevices];
  int device = 0;
  check(cudaGetDevice(&device), operation);
  std::call_once(once[device], [&] {
    int processors = 0, bytes = 0, major = 0;
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device), operation);
    check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), operation);
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), operation);
    known[device] = {device, {processors, bytes}, major >= 9};
  });
  return known[device];
}

void launch_plan(const MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  if (plan.blocks.end[kConvolution] == 0) return;
  if (plan.blocks.end[kConvolution] > INT32_MAX)
    throw std::invalid_argument(std::string(operation) + ": the tensor is too large for one launch");
#define AF_LAYER(Q, N) \
  if (plan.fixed_quarter == Q && plan.fixed_side == N) launch<layer_kernel<Q, N>>(plan, on, operation, stream);
  AF_FIXED_LAYERS(AF_LAYER)
#undef AF_LAYER
  if (!plan.fixed_side) launch<general_kernel>(plan, on, operation, stream);
  if (plan.blocks.tensors.backward) {
    const auto blocks = static_cast<unsigned>(plan.blocks.sum_end[kConvolution]);
    sum_kernel<<<blocks, device::kSumThreads, static_cast<size_t>(plan.sum_shared_bytes), stream>>>(plan.blocks);
    check(cudaGetLastError(), operation);
  }
}

}  // namespace activefreq::cuda
