// Mirrors csrc/cpu/label.cpp. Five launches, one per step of core/label_kernels.h. Thread map: grid.y = image; where a
// step takes rows, a warp takes one; where it takes words or pixels, a thread takes one.
#include "core/label_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

enum class Step { find_runs, join_rows, point_at_roots, number_roots, write_labels };

template <Step kStep>
__global__ void run(Label p, uint32_t* workspace) {
  for (int64_t i = blockIdx.y; i < p.batch; i += gridDim.y) {
    const device::LabelImage image = device::label_image(p, workspace, i);
    device::Warps<GridRow> warps{GridRow()};
    if (kStep == Step::find_runs) device::find_runs(warps, image);
    if (kStep == Step::join_rows) device::join_rows(warps, image);
    if (kStep == Step::point_at_roots) device::point_at_roots(warps, image);
    if (kStep == Step::number_roots) device::number_roots(warps, image);
    if (kStep == Step::write_labels) device::write_labels(warps, image);
  }
}

}  // namespace

int64_t label_workspace(int64_t height, int64_t width) {
  return device::label_workspace({nullptr, nullptr, nullptr, 1, height, width, 8});
}

void label(const Label& p, uint32_t* workspace, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0) return;
  const int64_t words = device::words32_of(static_cast<int>(p.width));
  const dim3 rows = grid_rows(32 * p.height, p.batch);
  run<Step::find_runs><<<rows, kGridThreads, 0, stream>>>(p, workspace);
  run<Step::join_rows><<<grid_rows(p.height * words, p.batch), kGridThreads, 0, stream>>>(p, workspace);
  run<Step::point_at_roots><<<rows, kGridThreads, 0, stream>>>(p, workspace);
  run<Step::number_roots><<<rows, kGridThreads, 0, stream>>>(p, workspace);
  run<Step::write_labels><<<grid_rows(p.height * p.width, p.batch), kGridThreads, 0, stream>>>(p, workspace);
  check(cudaGetLastError(), "label");
}

}  // namespace activefreq::cuda
