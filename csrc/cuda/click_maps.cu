// Mirrors csrc/cpu/click_maps.cpp. Thread map: one thread per pixel of one image, both planes; grid.y = image.
// Every thread walks the image's clicks, which are few and the same for a whole block (one broadcast load each).
#include "core/click_maps.h"
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void draw(ClickMaps p) {
  const int64_t plane = p.height * p.width, pixel = blockIdx.x * static_cast<int64_t>(kThreads) + threadIdx.x;
  if (pixel >= plane) return;
  const float y = static_cast<float>(pixel / p.width), x = static_cast<float>(pixel % p.width);
  for (int64_t image = blockIdx.y; image < p.batch; image += gridDim.y) {
    const float* clicks = p.clicks + image * p.count * 3;
    float value[2] = {0.f, 0.f};
    for (int64_t k = 0; k < p.count; ++k) {
      const float label = clicks[3 * k + 2];
      if (label != 0.f && label != 1.f) continue;
      if (device::in_disk(y, x, clicks[3 * k], clicks[3 * k + 1], p.radius)) value[label == 1.f ? 0 : 1] = 1.f;
    }
    p.maps[image * 2 * plane + pixel] = value[0];
    p.maps[(image * 2 + 1) * plane + pixel] = value[1];
  }
}

}  // namespace

void click_maps(const ClickMaps& p, cudaStream_t stream) {
  const int64_t plane = p.height * p.width;
  if (p.batch == 0 || plane == 0) return;
  const dim3 grid(static_cast<unsigned>((plane + kThreads - 1) / kThreads),
                  static_cast<unsigned>(p.batch < 65535 ? p.batch : 65535));
  draw<<<grid, kThreads, 0, stream>>>(p);
  check(cudaGetLastError(), "click_maps");
}

}  // namespace activefreq::cuda
