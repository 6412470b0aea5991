// Mirrors csrc/cpu/band_split.cpp. Thread map: a thread has one column of one product and up to eight of its rows, so
// a warp reads 32 neighbours of the input and the same entries of the matrix, which stays in the cache.
#include "core/band_split_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

__global__ void __launch_bounds__(kGridThreads) fill(const __grid_constant__ BandMatrices p) {
  GridRow group;
  device::band_matrices(group, p);
}
__global__ void __launch_bounds__(kGridThreads) multiply(const __grid_constant__ BandProduct p) {
  GridRow group;
  device::band_multiply(group, p);
}

}  // namespace

void band_split(const BandCall& p, cudaStream_t stream) {
  const char* operation = p.merge ? "band_merge" : "band_split";
  band_steps(
      p,
      [&](const BandMatrices& matrices) {
        int64_t most = 0;
        for (const BandMatrix& matrix : matrices.each) most = band_entries(matrix) > most ? band_entries(matrix) : most;
        fill<<<grid_rows(most, 1), kGridThreads, 0, stream>>>(matrices);
        check(cudaGetLastError(), operation);
      },
      [&](const BandProduct& product) {
        multiply<<<grid_rows(band_ranks(product), 1), kGridThreads, 0, stream>>>(product);
        check(cudaGetLastError(), operation);
      });
}

}  // namespace activefreq::cuda
