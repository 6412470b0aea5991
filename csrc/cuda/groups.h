// Threads of the device as ranks of a group (core/group.h).
#pragma once
#include <cooperative_groups.h>

#include "core/group.h"

namespace activefreq::cuda {

struct WarpLanes {
  __device__ static uint32_t ballot(bool value) { return __ballot_sync(kAllLanes, value); }
  __device__ static uint32_t shuffle(uint32_t value, int lane) { return __shfl_sync(kAllLanes, value, lane); }
  static constexpr uint32_t kAllLanes = ~0u;
};

// The threads of a block.
struct Block : WarpLanes {
  __device__ static int rank() { return static_cast<int>(threadIdx.x); }
  __device__ static int size() { return static_cast<int>(blockDim.x); }
  __device__ static void sync() { __syncthreads(); }
};

// The threads of a cluster of blocks, where the device has clusters; of a block elsewhere.
struct Cluster : WarpLanes {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  __device__ static int blocks() { return static_cast<int>(cooperative_groups::this_cluster().num_blocks()); }
  __device__ static int rank() {
    return static_cast<int>(cooperative_groups::this_cluster().block_rank() * blockDim.x + threadIdx.x);
  }
  __device__ static int size() { return blocks() * static_cast<int>(blockDim.x); }
  __device__ static void sync() { cooperative_groups::this_cluster().sync(); }  // global memory included
#else
  __device__ static int blocks() { return 1; }
  __device__ static int rank() { return Block::rank(); }
  __device__ static int size() { return Block::size(); }
  __device__ static void sync() { Block::sync(); }
#endif
};

// All threads with the same blockIdx.y. They meet at the end of the kernel and nowhere else, so there is no sync().
struct GridRow : WarpLanes {
  __device__ static int64_t rank() { return blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; }
  __device__ static int64_t size() { return gridDim.x * static_cast<int64_t>(blockDim.x); }
};

}  // namespace activefreq::cuda
