// What the kernels of mix_launch.cu and layer_kernels.cu share.
#pragma once
#include <cooperative_groups.h>

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

// A block of a cluster (core/cluster_filter_kernels.h). What needs compute capability 9 is empty elsewhere.
template <int kThreads>
struct ClusterBlock : ThreadBlock<kThreads> {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  __device__ static int block() { return static_cast<int>(cooperative_groups::this_cluster().block_rank()); }
  __device__ static void sync_cluster() { cooperative_groups::this_cluster().sync(); }
  __device__ static void begin() { cooperative_groups::this_cluster().barrier_arrive(); }
  __device__ static void await_all() { cooperative_groups::this_cluster().barrier_wait(); }
  __device__ static Point* of_block(Point* here, int block) {
    return cooperative_groups::this_cluster().map_shared_rank(here, static_cast<unsigned>(block));
  }
#endif
};

extern __shared__ float4 shared_memory[];
__device__ __forceinline__ Point* shared_points() { return reinterpret_cast<Point*>(shared_memory); }

static_assert(sizeof(MixBlocks) <= 4096, "MixBlocks travels as a kernel parameter");

constexpr int kMostDevices = 64;

// Once per kernel and device the kernel is allowed all shared memory that a block may have. The last cluster, where
// there are clusters, is filled up with blocks that have nothing to do.
template <auto kKernel>
void launch_blocks(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream) {
  static std::once_flag once[kMostDevices];
  std::call_once(once[on.device], [&] {
    check(cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(on.machine.shared_bytes)),
          operation);
  });
  const int64_t together = plan.cluster_blocks ? plan.cluster_blocks : 1;
  cudaLaunchAttribute cluster;
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(together), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>((plan.blocks.end[kConvolution] + together - 1) / together * together));
  config.blockDim = dim3(static_cast<unsigned>(plan.threads));
  config.dynamicSmemBytes = static_cast<size_t>(plan.shared_bytes);
  config.stream = stream, config.attrs = &cluster, config.numAttrs = plan.cluster_blocks ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kKernel, plan.blocks), operation);
}

// Whether the current device runs code of layer_kernels.cu that is not empty.
bool knows_layers(const char* operation);
// By the kernel that knows the plan's shape (layer_kernels.cu).
void launch_layer(const device::MixPlan& plan, const FilterDevice& on, const char* operation, cudaStream_t stream);

}  // namespace activefreq::cuda
