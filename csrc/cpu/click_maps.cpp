// Mirrors csrc/cuda/click_maps.cu. Each click touches only the rows and columns its disk can reach.
#include "core/click_maps.h"

#include <algorithm>
#include <cmath>

#include "cpu/huge_pages.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

int64_t clamp_to(float value, int64_t size) {  // also for NaN and infinite centres: they reach nothing
  return static_cast<int64_t>(std::min(std::max(value, 0.f), static_cast<float>(size)));
}

void draw_image(const ClickMaps& p, int64_t image) {
  const int64_t plane = p.height * p.width;
  float* maps = p.maps + image * 2 * plane;
  std::fill(maps, maps + 2 * plane, 0.f);
  for (int64_t k = 0; k < p.count; ++k) {
    const float* click = p.clicks + (image * p.count + k) * 3;
    const float y = click[0], x = click[1], label = click[2];
    if (label != 0.f && label != 1.f) continue;
    float* map = maps + (label == 1.f ? 0 : plane);
    const int64_t y_begin = clamp_to(std::floor(y - p.radius), p.height);
    const int64_t y_end = clamp_to(std::floor(y + p.radius) + 2.f, p.height);
    const int64_t x_begin = clamp_to(std::floor(x - p.radius), p.width);
    const int64_t x_end = clamp_to(std::floor(x + p.radius) + 2.f, p.width);
    for (int64_t row = y_begin; row < y_end; ++row)
      for (int64_t column = x_begin; column < x_end; ++column)
        if (in_disk(static_cast<float>(row), static_cast<float>(column), y, x, p.radius))
          map[row * p.width + column] = 1.f;
  }
}

}  // namespace

void click_maps(const ClickMaps& p, int threads) {
  prefer_huge_pages(p.maps, p.batch * 2 * p.height * p.width);
  parallel_for(p.batch, 2 * p.height * p.width, threads, [&](int64_t image) { draw_image(p, image); });
}

}  // namespace activefreq::AF_ISA
