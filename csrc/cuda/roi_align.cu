// Mirrors csrc/cpu/roi_align.cpp. Thread map: one thread per value of the output, both ways, in a grid-stride loop.
// Forward a thread reads the four pixels around its point. Backward it gathers from the bins that its pixel counts in,
// box by box in their order: no atomics, so that the gradient is the same in every run.
#include "core/roi_align.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 20;

template <class T>
__global__ void crop(RoiAlign<T> p, int64_t values) {
  const RoiBoxes<T>& of = p.of;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < values; i += stride) {
    const int64_t column = i % of.crop_width, line = i / of.crop_width;
    const int64_t row = line % of.crop_height, plane = line / of.crop_height;
    p.crops[i] = device::roi_align_at(p, plane / of.channels, plane % of.channels, row, column);
  }
}

template <class T>
__global__ void crop_backward(RoiAlignBackward<T> p, int64_t values) {
  const RoiBoxes<T>& of = p.of;
  const int64_t stride = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x; i < values; i += stride) {
    const int64_t x = i % of.width, line = i / of.width;
    const int64_t y = line % of.height, plane = line / of.height;
    p.features_gradient[i] = device::roi_gradient_at(p, plane / of.channels, plane % of.channels, y, x);
  }
}

unsigned blocks_for(int64_t values) {
  const int64_t blocks = (values + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks);
}

template <class T>
void launch(const RoiAlign<T>& p, cudaStream_t stream) {
  const int64_t values = p.of.count * p.of.channels * p.of.crop_height * p.of.crop_width;
  if (values == 0) return;
  crop<<<blocks_for(values), kThreads, 0, stream>>>(p, values);
  check(cudaGetLastError(), "roi_align");
}

template <class T>
void launch(const RoiAlignBackward<T>& p, cudaStream_t stream) {
  const int64_t values = p.of.batch * p.of.channels * p.of.height * p.of.width;
  if (values == 0) return;
  crop_backward<<<blocks_for(values), kThreads, 0, stream>>>(p, values);
  check(cudaGetLastError(), "roi_align_backward");
}

}  // namespace

void roi_align(const RoiAlign<float>& p, cudaStream_t stream) { launch(p, stream); }
void roi_align(const RoiAlign<double>& p, cudaStream_t stream) { launch(p, stream); }
void roi_align_backward(const RoiAlignBackward<float>& p, cudaStream_t stream) { launch(p, stream); }
void roi_align_backward(const RoiAlignBackward<double>& p, cudaStream_t stream) { launch(p, stream); }

}  // namespace activefreq::cuda
