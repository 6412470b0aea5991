// select_click: error masks, their connected components, a score for each, and the pixel to click.
#pragma once
#include "core/portable.h"

namespace activefreq {

// The names and their order are those of activefreq/reference/click_rule.py.
enum class Strategy : int32_t { largest, random, entropy, least_confidence, acselect };
enum class Reading : int32_t { error_sum, entropy_sum, literal, class_sum, bounded };
enum class Placement : int32_t { distance, distance_error, distance_entropy, distance_error3 };
enum class ClickStatus : uint8_t { done, not_finite };

struct ClickRule {
  Strategy strategy;
  Reading reading;       // what acselect maximises
  Placement placement;   // which pixel of the region
  int32_t connectivity;  // 4 or 8
  float threshold;       // predicted object where prob > threshold
  float rgu_eps;         // floor under the logarithm of Eq. 3
  int32_t min_area;      // smaller regions are considered only where no eligible region is this large
  double weights[3];     // of largest entropy, mean entropy, group uncertainty (Eq. 6)
};

struct SelectClick {
  const float* prob;       // (batch, height, width)
  const int8_t* target;    // (batch, height, width): 1 object, -1 ignore, anything else background
  const uint8_t* clicked;  // (batch, height, width), not 0: may not be clicked again; null: none
  const int64_t* seed;     // (batch)
  int32_t *y, *x;          // (batch), -1 where not valid
  uint8_t *positive, *valid;
  int32_t* area;                 // of the region that holds the click
  float* score;                  // of that region, or the click's squared distance
  ClickStatus* status;           // CPU; not_finite: prob holds NaN or infinity, nothing else of this image is written.
                                 // On CUDA such an image has no valid click, and the score NaN
  int64_t batch, height, width;  // height, width <= 32767, height * width < 2^31
  ClickRule rule;
};

}  // namespace activefreq
