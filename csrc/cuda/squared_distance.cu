// Mirrors csrc/cpu/squared_distance.cpp. Two launches: rows, then columns. Thread map: grid.y = image; a warp takes a
// row, a thread a pixel. The bodies are in core/squared_distance_kernels.h.
#include "core/squared_distance_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

__global__ void rows(SquaredDistance p, uint16_t* across) {
  device::Warps<GridRow> group{GridRow()};
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    device::measure_rows(group, p.mask + image * plane, static_cast<int>(p.height), static_cast<int>(p.width),
                         across + image * plane);
}

__global__ void columns(SquaredDistance p, const uint16_t* across) {
  device::Scalar<GridRow> group{GridRow()};
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    device::search_columns(group, across + image * plane, static_cast<int>(p.height), static_cast<int>(p.width),
                           p.squared + image * plane);
}

}  // namespace

void squared_distance(const SquaredDistance& p, uint16_t* across, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0) return;
  rows<<<grid_rows(32 * p.height, p.batch), kGridThreads, 0, stream>>>(p, across);
  columns<<<grid_rows(p.height * p.width, p.batch), kGridThreads, 0, stream>>>(p, across);
  check(cudaGetLastError(), "squared_distance");
}

}  // namespace activefreq::cuda
