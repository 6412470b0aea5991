// What surrounds the transforms of csrc/cpu/rfft2.cpp; the transforms themselves are torch's. Thread map: a thread
// takes frequencies of any plane, neighbours neighbouring ones.
#include "core/rfft2_kernels.h"
#include "cuda/groups.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

__global__ void __launch_bounds__(kGridThreads) multiply(const __grid_constant__ GatedSpectrum p, Point* product) {
  GridRow group;
  device::hermitian_product(group, p, product);
}
__global__ void __launch_bounds__(kGridThreads)
    differentiate(const __grid_constant__ GatedSpectrum p, Point* gradient, void* gate_gradient) {
  GridRow group;
  device::product_gradient(group, p, gradient, gate_gradient);
}

}  // namespace

void hermitian_product(const GatedSpectrum& p, Point* product, cudaStream_t stream) {
  if (spectrum_points(p) == 0) return;
  multiply<<<grid_rows(spectrum_points(p), 1), kGridThreads, 0, stream>>>(p, product);
  check(cudaGetLastError(), "irfft2");
}

void product_gradient(const GatedSpectrum& p, Point* gradient, void* gate_gradient, cudaStream_t stream) {
  if (spectrum_points(p) == 0) return;
  differentiate<<<grid_rows(spectrum_points(p), 1), kGridThreads, 0, stream>>>(p, gradient, gate_gradient);
  check(cudaGetLastError(), "irfft2_backward");
}

}  // namespace activefreq::cuda
