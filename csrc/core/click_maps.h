// click_maps: clicks drawn as disks, one plane for positive and one for negative clicks.
#pragma once
#include "core/portable.h"

namespace activefreq {

struct ClickMaps {
  const float* clicks;  // (batch, count, 3): y, x, label; label 1 positive, 0 negative, anything else is padding
  float* maps;          // (batch, 2, height, width): plane 0 positive, plane 1 negative; 1 inside a disk, else 0
  int64_t batch, count, height, width;
  float radius;  // pixels; a pixel is inside where dy^2 + dx^2 <= radius^2, the centre may be fractional
};

namespace AF_ISA {

// The one test that every backend shares, in an order of operations that is fixed: no contraction.
AF_HOST_DEVICE inline bool in_disk(float y, float x, float centre_y, float centre_x, float radius) {
  const float dy = y - centre_y, dx = x - centre_x;
  return dy * dy + dx * dx <= radius * radius;
}

}  // namespace AF_ISA
}  // namespace activefreq
