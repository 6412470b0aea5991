// Mirrors csrc/cpu/select_click.cpp. The bodies are in core/select_click_kernels.h, run in one of two ways:
// by cluster, one launch, one cluster of blocks per image, which syncs between the steps; or spread, one launch per
// step, each over the whole device (grid.y = image), on devices without clusters and for few large images. Both give
// the same bits. Thread map: steps that take cells or spans give one to a warp, others give a word or a region to a
// thread.
#include "core/select_click_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

using device::ClickImage;
using device::ClickPlan;
using device::ClickStep;

// 8 blocks are the largest cluster that every device with clusters has; 640 threads leave each the registers it needs.
constexpr int kClusterBlocks = 8, kClusterThreads = 640;

__global__ void __launch_bounds__(kClusterThreads, 1) by_cluster(const __grid_constant__ ClickPlan plan) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900  // others never launch it: nothing to compile
  device::Warps<Cluster> group{Cluster()};
  device::select_click(group, ClickImage(plan, blockIdx.x / Cluster::blocks()));
#endif
}

template <ClickStep kStep>
__global__ void __launch_bounds__(kGridThreads, 2) spread(const __grid_constant__ ClickPlan plan) {
  device::Warps<GridRow> group{GridRow()};
  for (int64_t image = blockIdx.y; image < plan.call.batch; image += gridDim.y)
    device::click_step<kStep>(group, ClickImage(plan, image));
}

template <ClickStep kStep>
void launch(const ClickPlan& plan, int64_t threads, cudaStream_t stream) {
  constexpr int block = kStep == ClickStep::sweep || kStep == ClickStep::sweep_first ? kColumnThreads : kGridThreads;
  spread<kStep><<<grid_rows(threads, plan.call.batch, block), block, 0, stream>>>(plan);
}

void launch_spread(const ClickPlan& plan, cudaStream_t stream) {
  check(cudaMemsetAsync(plan.workspace, 0, plan.heads_bytes, stream), "select_click");
  const int64_t height = plan.call.height, words = 2 * height * plan.words;
  const int64_t cells = int64_t{2} * plan.cell_rows * plan.words;
  launch<ClickStep::masks>(plan, 32 * height * plan.spans, stream);
  launch<ClickStep::join>(plan, words, stream);
  launch<ClickStep::number>(plan, words, stream);
  launch<ClickStep::sum>(plan, 16 * cells, stream);
  launch<ClickStep::score>(plan, words, stream);  // there may be more regions; threads stride over them
  launch<ClickStep::coarse>(plan, 32 * cells, stream);
  launch<ClickStep::fine>(plan, 16 * cells, stream);
  launch<ClickStep::scan>(plan, words, stream);
  launch<ClickStep::sweep>(plan, plan.call.width, stream);
  if (plan.call.rule.placement != Placement::distance) {
    launch<ClickStep::first>(plan, words / 2, stream);
    launch<ClickStep::sweep_first>(plan, plan.call.width, stream);
  }
  launch<ClickStep::write>(plan, 1, stream);
}

void launch_clusters(const ClickPlan& plan, cudaStream_t stream) {
  cudaLaunchAttribute cluster;
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {kClusterBlocks, 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(plan.call.batch * kClusterBlocks));
  config.blockDim = dim3(kClusterThreads);
  config.stream = stream, config.attrs = &cluster, config.numAttrs = 1;
  check(cudaLaunchKernelEx(&config, by_cluster, plan), "select_click");
}

int attribute(cudaDeviceAttr name) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "select_click");
  check(cudaDeviceGetAttribute(&value, name, device), "select_click");
  return value;
}

// A cluster has a sixteenth of a large device. One launch is quicker than a dozen where an image is small, or where the
// images fill the device.
bool use_clusters(const ClickPlan& plan, Launch choice) {
  const bool has_clusters = attribute(cudaDevAttrComputeCapabilityMajor) >= 9;
  if (choice == Launch::spread || !has_clusters) return false;
  if (choice == Launch::clusters || plan.call.height * plan.call.width <= 512 * 512) return true;
  return 2 * plan.call.batch * kClusterBlocks >= attribute(cudaDevAttrMultiProcessorCount);
}

}  // namespace

int64_t select_click_workspace(const SelectClick& p) { return device::click_plan(p, nullptr).workspace_bytes(); }

void select_click(const SelectClick& p, void* workspace, Launch choice, cudaStream_t stream) {
  if (p.batch * p.height * p.width == 0) return;
  const ClickPlan plan = device::click_plan(p, static_cast<char*>(workspace));
  if (use_clusters(plan, choice))
    launch_clusters(plan, stream);
  else
    launch_spread(plan, stream);
  check(cudaGetLastError(), "select_click");
}

}  // namespace activefreq::cuda
