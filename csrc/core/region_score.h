// The score of an error region. Mirrors activefreq/reference/region_table.py operation by operation.
#pragma once
#include "core/fixed_point.h"
#include "core/select_click.h"

namespace activefreq::AF_ISA {

// What a rule sums over regions: nothing, one value per pixel, or error and entropy with their largest values.
enum class Statistics { none, error, entropy, doubt, all };

AF_HOST_DEVICE inline Statistics statistics_of(const ClickRule& rule) {
  switch (rule.strategy) {
    case Strategy::largest:
    case Strategy::random:
      return Statistics::none;
    case Strategy::entropy:
      return Statistics::entropy;
    case Strategy::least_confidence:
      return Statistics::doubt;
    case Strategy::acselect:
      break;
  }
  if (rule.reading == Reading::error_sum) return Statistics::error;
  return rule.reading == Reading::entropy_sum ? Statistics::entropy : Statistics::all;
}

// Sums and largest values of a region's pixels, in steps of 2^-30. Only those that the rule needs are filled.
struct RegionTotals {
  int64_t error, entropy, doubt;
  int32_t error_max, entropy_max;
  int32_t area;  // pixels
};

// splitmix64 (Steele, Lea and Flood 2014)
AF_HOST_DEVICE inline uint64_t splitmix64(uint64_t state) {
  state += 0x9e3779b97f4a7c15;
  state = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
  state = (state ^ state >> 27) * 0x94d049bb133111eb;
  return state ^ state >> 31;
}

// A number in [0, 1) from the seed and the region's first pixel alone, so that the batch does not matter.
AF_HOST_DEVICE inline float random_score(int64_t seed, int64_t first) {
  const uint64_t mixed = splitmix64(static_cast<uint64_t>(first) + splitmix64(static_cast<uint64_t>(seed)));
  return static_cast<float>(static_cast<int32_t>(mixed >> 40)) * 0x1p-24f;
}

// Eq. 3. P_e = 1 - error_max in a false negative region (positive), error_max in a false positive one.
AF_HOST_DEVICE inline double group_uncertainty(const ClickRule& rule, const RegionTotals& totals, bool positive) {
  const double extreme = totals.error_max / static_cast<double>(kOne);
  double gap = extreme - static_cast<double>(totals.error) / (totals.area * static_cast<double>(kOne));
  gap = gap < 0 ? -gap : gap;
  if (rule.reading == Reading::bounded) return 1.0 - gap;
  if (rule.reading == Reading::class_sum) gap = positive ? extreme : 1.0 - extreme;
  const float floor = at_least(rule.rgu_eps, kTiny);
  return static_cast<double>(1.f - log_positive(at_least(static_cast<float>(gap), floor)));
}

// What the strategy maximises, for every strategy but largest and random.
AF_HOST_DEVICE inline float region_score(const ClickRule& rule, const RegionTotals& totals, bool positive) {
  const double one = kOne, scale = totals.area * one;
  if (rule.strategy == Strategy::entropy) return static_cast<float>(static_cast<double>(totals.entropy) / scale);
  if (rule.strategy == Strategy::least_confidence) return static_cast<float>(static_cast<double>(totals.doubt) / scale);
  if (rule.reading == Reading::error_sum) return static_cast<float>(static_cast<double>(totals.error) / one);
  if (rule.reading == Reading::entropy_sum) return static_cast<float>(static_cast<double>(totals.entropy) / one);
  const double uncertainty = group_uncertainty(rule, totals, positive);
  const double score =
      rule.weights[0] * (totals.entropy_max / one) + rule.weights[1] * (static_cast<double>(totals.entropy) / scale);
  return static_cast<float>(score + rule.weights[2] * uncertainty) +
         0.f;  // minus zero becomes zero: they tie everywhere
}

// What a placement weighs a pixel's distance with, in steps of 2^-30. The cube is taken in steps of 2^-16.
AF_HOST_DEVICE inline int32_t placement_weight(Placement placement, float p, bool object) {
  if (placement == Placement::distance_entropy) return fixed_entropy(p);
  const int32_t error = fixed_error(p, object);
  if (placement == Placement::distance_error) return error;
  const int64_t step = error >> 14, squared = step * step >> 16;
  return static_cast<int32_t>(squared * step >> 16 << 14);
}

// Every placement but distance maximises d^2 w^2 with w in steps of 2^-16: below 2^28 * 2^32.
AF_HOST_DEVICE inline uint64_t placement_factor(int32_t fixed) {
  const uint64_t step = fixed >> 14;
  return step > 1 ? step * step : 1;
}
constexpr uint64_t kLargestPlacementFactor = uint64_t{1} << 32;

}  // namespace activefreq::AF_ISA
