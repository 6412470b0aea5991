// Mirrors csrc/cpu/haar.cpp. Thread map: a thread takes a block of 2 x 2 of any plane, neighbours neighbouring ones.
#include "core/haar_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

__global__ void __launch_bounds__(kGridThreads) analyse(const __grid_constant__ HaarPlanes p) {
  GridRow group;
  device::haar_analyse(group, p);
}
__global__ void __launch_bounds__(kGridThreads) synthesise(const __grid_constant__ HaarPlanes p) {
  GridRow group;
  device::haar_synthesise(group, p);
}

}  // namespace

void haar_dwt2(const HaarPlanes& p, cudaStream_t stream) {
  if (haar_blocks(p) == 0) return;
  analyse<<<grid_rows(haar_blocks(p), 1), kGridThreads, 0, stream>>>(p);
  check(cudaGetLastError(), "haar_dwt2");
}

void haar_idwt2(const HaarPlanes& p, cudaStream_t stream) {
  if (haar_blocks(p) == 0) return;
  synthesise<<<grid_rows(haar_blocks(p), 1), kGridThreads, 0, stream>>>(p);
  check(cudaGetLastError(), "haar_idwt2");
}

}  // namespace activefreq::cuda
