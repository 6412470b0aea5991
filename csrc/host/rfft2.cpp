// The kernel bodies around the transforms of rfft2 and irfft2 on the host, for tests.
#include "core/rfft2_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

namespace {

GatedSpectrum gated_spectrum(const void* spectrum, const void* gate, int64_t kind, int64_t planes, int64_t height,
                             int64_t width, double scale, int64_t adjoint) {
  return {static_cast<const Point*>(spectrum), gate,        static_cast<Gate>(kind), planes, height, width,
          static_cast<float>(scale),           adjoint != 0};
}

}  // namespace

extern "C" void product(const void* spectrum, const void* gate, int64_t kind, void* product, int64_t planes,
                        int64_t height, int64_t width, double scale, int64_t adjoint, const Run* run) {
  const GatedSpectrum p = gated_spectrum(spectrum, gate, kind, planes, height, width, scale, adjoint);
  run_group(*run, [&](auto& group) { hermitian_product(group, p, static_cast<Point*>(product)); });
}

extern "C" void gradient(const void* spectrum, const void* gate, int64_t kind, void* gradient, void* gate_gradient,
                         int64_t planes, int64_t height, int64_t width, double scale, const Run* run) {
  const GatedSpectrum p = gated_spectrum(spectrum, gate, kind, planes, height, width, scale, 0);
  run_group(*run, [&](auto& group) { product_gradient(group, p, static_cast<Point*>(gradient), gate_gradient); });
}
