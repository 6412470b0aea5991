// Mirrors csrc/cpu/squared_distance.cpp. Three launches: rows, near pixels of columns, far columns. Thread map: grid.y
// = image; a warp takes a row, a thread a pixel, a thread a column. The bodies are in core/squared_distance_kernels.h.
#include "core/squared_distance_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

// step(image's mask, its part of the workspace, its result, height, width) for every image of this block's.
template <class Step>
__device__ void for_images(const SquaredDistance& p, char* workspace, Step step) {
  const int64_t plane = p.height * p.width;
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y)
    step(p.mask + image * plane, device::distance_steps(workspace, image, p.height, p.width), p.squared + image * plane,
         static_cast<int>(p.height), static_cast<int>(p.width));
}

__global__ void rows(SquaredDistance p, char* workspace) {
  device::Warps<GridRow> group{GridRow()};
  for_images(p, workspace,
             [&](const uint8_t* mask, const device::DistanceSteps& steps, int32_t*, int height, int width) {
               device::measure_rows(group, mask, height, width, steps);
             });
}

__global__ void columns(SquaredDistance p, char* workspace) {
  device::Scalar<GridRow> group{GridRow()};
  for_images(p, workspace,
             [&](const uint8_t*, const device::DistanceSteps& steps, int32_t* squared, int height, int width) {
               device::search_columns(group, steps, height, width, squared);
             });
}

__global__ void envelopes(SquaredDistance p, char* workspace) {
  device::Scalar<GridRow> group{GridRow()};
  for_images(p, workspace,
             [&](const uint8_t*, const device::DistanceSteps& steps, int32_t* squared, int height, int width) {
               device::envelope_columns(group, steps, height, width, squared);
             });
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
