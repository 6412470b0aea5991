// Thread map: grid.y = pair of planes (or group of planes that share a spectrum), a thread takes points of it. The
// bodies are in core/packed_filter_kernels.h.
#include "core/packed_filter_kernels.h"
#include "cuda/fourier_library.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/packed_filter.h"

namespace activefreq::cuda {
namespace {

__global__ void __launch_bounds__(kGridThreads) pack(const __grid_constant__ PackedFilter p, Element element,
                                                     const void* x, int64_t begin, int64_t count, Point* to) {
  GridRow group;
  for (int64_t i = blockIdx.y; i < count; i += gridDim.y)
    device::pack_pair(group, p, element, x, begin + i, to + i * p.points);
}

__global__ void __launch_bounds__(kGridThreads) unpack(const __grid_constant__ PackedFilter p, Element element,
                                                       const Point* from, int64_t begin, int64_t count, void* y) {
  GridRow group;
  for (int64_t i = blockIdx.y; i < count; i += gridDim.y)
    device::unpack_pair(group, p, element, from + i * p.points, begin + i, y);
}

__global__ void __launch_bounds__(kGridThreads)
    multiply(const __grid_constant__ PackedFilter p, int64_t begin, int64_t count, Point* z) {
  GridRow group;
  for (int64_t i = blockIdx.y; i < count; i += gridDim.y) device::multiply_pair(group, p, begin + i, z + i * p.points);
}

__global__ void __launch_bounds__(kGridThreads)
    combine(const __grid_constant__ PackedFilter p, int64_t first_group, int64_t groups, int64_t begin, int64_t count,
            const Point* input, Point* source, Point* sums) {
  GridRow group;
  for (int64_t i = blockIdx.y; i < groups; i += gridDim.y)
    device::combine_pairs(group, p, first_group + i, begin, count, input, source, sums);
}

__global__ void __launch_bounds__(kGridThreads) finish(const __grid_constant__ PackedFilter p, const Point* sums) {
  GridRow group;
  for (int64_t i = blockIdx.y; i < p.groups.combinations; i += gridDim.y) device::finish_gradient(group, p, i, sums);
}

FourierShape fourier_shape(const PackedFilter& p, int device, int64_t batch) {
  return {device, {p.axis[0].size, p.axis[1].size, p.axis[2].size}, batch};
}

}  // namespace

int64_t packed_filter_work_bytes(const PackedFilter& p, int device, cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status), "cuFFT");
  const bool may_plan = status == cudaStreamCaptureStatusNone;
  int64_t bytes = fourier_work_bytes(fourier_shape(p, device, p.chunk), may_plan);
  if (const int64_t rest = p.pairs % p.chunk)
    bytes = std::max(bytes, fourier_work_bytes(fourier_shape(p, device, rest), may_plan));
  return bytes;
}

void run_packed_filter(const PackedFilter& p, const FilterTensors& t, const PackedWorkspace& workspace, void* work,
                       int device, const char* operation, cudaStream_t stream) {
  for (int64_t begin = 0; begin < p.pairs; begin += p.chunk) {
    const int64_t count = std::min(p.chunk, p.pairs - begin);
    const FourierShape shape = fourier_shape(p, device, count);
    const dim3 grid = grid_rows(p.points, count);
    pack<<<grid, kGridThreads, 0, stream>>>(p, t.element, t.source, begin, count, workspace.source);
    check(cudaGetLastError(), operation);
    fourier_transform(shape, false, workspace.source, work, stream);
    if (t.backward) {
      pack<<<grid, kGridThreads, 0, stream>>>(p, t.element, t.input, begin, count, workspace.input);
      check(cudaGetLastError(), operation);
      fourier_transform(shape, false, workspace.input, work, stream);
      const int64_t first = begin / p.group_pairs, groups = (begin + count - 1) / p.group_pairs - first + 1;
      combine<<<grid_rows(p.points, groups), kGridThreads, 0, stream>>>(p, first, groups, begin, count, workspace.input,
                                                                        workspace.source, workspace.sums);
    } else {
      multiply<<<grid, kGridThreads, 0, stream>>>(p, begin, count, workspace.source);
    }
    check(cudaGetLastError(), operation);
    fourier_transform(shape, true, workspace.source, work, stream);
    unpack<<<grid, kGridThreads, 0, stream>>>(p, t.element, workspace.source, begin, count, t.output);
    check(cudaGetLastError(), operation);
  }
  if (t.backward) {
    finish<<<grid_rows(p.points, p.groups.combinations), kGridThreads, 0, stream>>>(p, workspace.sums);
    check(cudaGetLastError(), operation);
  }
}

}  // namespace activefreq::cuda
