// The (H, W) filter over a cluster of blocks (core/cluster_filter_kernels.h) on the host, by itself, for tests of its
// syncs; what it computes is tested with freq_mix.
#define AF_FIXED_LAYERS(LAYER) LAYER(8, 56)
#define AF_SMALL_BATCH_LAYERS(LAYER) LAYER(8, 56)

#include <cmath>

#include "host/mix_blocks.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

// Numbers by which a run differs from the general kernel in a group of one.
extern "C" int32_t differences(const Run* run) {
  constexpr int64_t kSide = 56, kQuarter = 8, kPoints = 4 * kQuarter * kSide * kSide;
  std::mt19937 random(run->seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(kPoints), weight(2 * kQuarter * kSide * (kSide / 2 + 1));
  const std::vector<float> taps(9 * kQuarter, 0.f);
  for (float& value : x) value = normal(random);
  for (float& value : weight) value = normal(random);
  const auto filtered = [&](const Run& how, bool clusters) {
    std::vector<float> y(kPoints, NAN);
    const bool present[kFilters] = {true, false, false};
    MixPlan plan = plan_freq_mix({1, 4 * kQuarter, kSide, kSide}, Element::float32, false, present, Path::automatic,
                                 {132, 227 << 10}, clusters, how.ranks);
    set_tensors(plan, x.data(), x.data(), y.data());
    plan.blocks.filter[0].weight = reinterpret_cast<const Point*>(weight.data());
    plan.blocks.convolution.tap = taps.data();
    if (clusters)
      run_fixed_plan(how, plan);
    else
      run_general_plan(how, plan);
    return y;
  };
  const std::vector<float> expected = filtered({Kind::alone, 1, 0, kNoSync}, false), found = filtered(*run, true);
  float size = 0;
  for (const float value : expected) size = std::max(size, std::abs(value));
  int32_t count = 0;
  for (int64_t i = 0; i < kPoints; ++i) count += !(std::abs(found[i] - expected[i]) <= 1e-5f * size);
  return count;
}

#include "host/race_main.h"
