// Mirrors csrc/cpu/squared_distance.cpp. Three launches: rows, near pixels of columns, far columns. Thread map: grid.y
// = image; a warp takes a row, a thread a pixel, a thread a column. The bodies are in core/squared_distance_kernels.h.
#include "core/squared_distance_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

__global__ void rows(SquaredDistance p, char* workspace) {
  device::Warps<GridRow> group{GridRow()};
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    device::measure_rows(group, p.mask + image * plane, static_cast<int>(p.height), static_cast<int>(p.width),
                         device::distance_steps(workspace, image, p.height, p.width));
}

__global__ void columns(SquaredDistance p, char* workspace) {
  device::Scalar<GridRow> group{GridRow()};
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    device::search_columns(group, device::distance_steps(workspace, image, p.height, p.width),
                           static_cast<int>(p.height), static_cast<int>(p.width), p.squared + image * plane);
}

__global__ void envelopes(SquaredDistance p, char* workspace) {
  device::Scalar<GridRow> group{GridRow()};
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    device::envelope_columns(group, device::distance_steps(workspace, image, p.height, p.width),
                             static_cast<int>(p.height), static_cast<int>(p.width), p.squared + image * plane);
}

}  // namespace

int64_t squared_distance_workspace(int64_t height, int64_t width) { return device::distance_workspace(height, width); }

void squared_distance(const SquaredDistance& p, void* workspace, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0) return;
  char* const bytes = static_cast<char*>(workspace);
  rows<<<grid_rows(32 * p.height, p.batch), kGridThreads, 0, stream>>>(p, bytes);
  columns<<<grid_rows(p.height * p.width, p.batch), kGridThreads, 0, stream>>>(p, bytes);
  envelopes<<<grid_rows(p.width, p.batch, kColumnThreads), kColumnThreads, 0, stream>>>(p, bytes);
  check(cudaGetLastError(), "squared_distance");
}

}  // namespace activefreq::cuda
