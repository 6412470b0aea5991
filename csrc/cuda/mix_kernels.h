// What the kernels of mix_launch.cu and layer_kernels.cu share.
#pragma once
#include <mutex>

#include "cuda/launch.h"
#include "cuda/mix_launch.h"

namespace activefreq::cuda {

template <int kThreads>
struct ThreadBlock {
  __device__ static constexpr int size() { return kThreads; }
  __device__ static int rank() { return static_cast<int>(threadIdx.x); }
  __device__ static void sync() { __syncthreads(); }
};

extern __shared__ float4 shared_memory[];
__device__ __forceinline__ Point* shared_points() { return reinterpret_cast<Point*>(shared_memory); }

static_assert(sizeof(MixBlocks) <= 4096, "MixBlocks travels as a kernel parameter");

constexpr int kMostDevices = 64;

// Once per kernel and device the kernel is allowed all shared memory that a block may have.
template <auto kKernel>
void launch_blocks(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  static std::once_flag once[kMostDevices];
  std::call_once(once[on.device], [&] {
    check(cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(on.machine.shared_bytes)),
          operation);
  });
  const auto blocks = static_cast<unsigned>(plan.blocks.end[kConvolution]);
  kKernel<<<blocks, plan.threads, static_cast<size_t>(plan.shared_bytes), stream>>>(plan.blocks);
  check(cudaGetLastError(), operation);
}

// Whether the current device runs code of layer_kernels.cu that is not empty.
bool knows_layers(const char* operation);
// By the kernel that knows the plan's shape (layer_kernels.cu).
void launch_layer(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream);

}  // namespace activefreq::cuda
