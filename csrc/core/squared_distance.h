// squared_distance: the exact squared distance to the nearest background pixel; outside the image is background.
#pragma once
#include "core/portable.h"

namespace activefreq {

struct SquaredDistance {
  const uint8_t* mask;           // (batch, height, width), not 0: foreground
  int32_t* squared;              // (batch, height, width), at most 16384^2
  int64_t batch, height, width;  // height, width <= 32767, height * width < 2^31
};

}  // namespace activefreq
