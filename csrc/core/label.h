// label: connected components of each mask, numbered in raster order of their first pixels.
#pragma once
#include "core/portable.h"

namespace activefreq {

struct Label {
  const uint8_t* mask;           // (batch, height, width), not 0: foreground
  int32_t* labels;               // (batch, height, width), 0 background, components from 1 within their image
  int32_t* counts;               // (batch)
  int64_t batch, height, width;  // height, width <= 32767, height * width < 2^31
  int32_t connectivity;          // 4 or 8
};

}  // namespace activefreq
