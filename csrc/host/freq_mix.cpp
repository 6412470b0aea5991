// The kernel bodies of freq_mix on the host, for tests.
#ifdef __SANITIZE_THREAD__  // `differences` runs these only
#define AF_FIXED_LAYERS(LAYER) LAYER(16, 28) LAYER(64, 7)
#define AF_SMALL_BATCH_LAYERS(LAYER) LAYER(8, 56)
#endif

#include <cmath>

#include "host/packed_filter.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

// Forward where `grad` is null: y from x. Else y is the gradient of x, and the five weights get theirs. Returns 0 to 7,
// one bit per filter that was fused, plus 8 where the kernel knew the shape, plus 16 where it takes clusters. `path` as
// enum Path.
extern "C" int32_t freq_mix(const void* x, const void* grad, void* y, int64_t element, int64_t batch, int64_t channels,
                            int64_t height, int64_t width, const float* conv_weight, const float* conv_bias,
                            const Point* weight_hw, const Point* weight_hc, const Point* weight_wc,
                            float* conv_weight_gradient, float* conv_bias_gradient, Point* gradient_hw,
                            Point* gradient_hc, Point* gradient_wc, int64_t processors, int64_t shared_bytes,
                            int64_t allow_fixed, int64_t path, const Run* run) {
  const Machine machine = {processors, shared_bytes};
  const Point* const weight[kFilters] = {weight_hw, weight_hc, weight_wc};
  Point* const gradient[kFilters] = {gradient_hw, gradient_hc, gradient_wc};
  const bool present[kFilters] = {weight_hw != nullptr, weight_hc != nullptr, weight_wc != nullptr};
  MixPlan plan = plan_freq_mix({batch, channels, height, width}, static_cast<Element>(element), grad != nullptr,
                               present, static_cast<Path>(path), machine, allow_fixed, run->ranks);
  Carver count(nullptr);
  carve(plan, machine, true, count);
  std::vector<Point> workspace(static_cast<size_t>(count.used()) / sizeof(Point) + 1, Point{NAN, NAN});
  Carver memory(workspace.data());
  carve(plan, machine, true, memory);
  set_tensors(plan, grad ? grad : x, x, y);
  int32_t fused = (plan.fixed_side ? 8 : 0) + (plan.cluster_blocks ? 16 : 0);
  for (int i = 0; i < kFilters; ++i) {
    plan.blocks.filter[i].weight = weight[i];
    plan.blocks.filter[i].weight_gradient = gradient[i];
    fused |= plan.fused[i] << i;
    if (plan.fused[i] || !present[i]) continue;
    PackedFilter p =
        plan_packed_filter(freq_mix_axes({batch, channels, height, width}, i), plan.blocks.filter[i].origin);
    p.weight = weight[i];
    p.weight_gradient = gradient[i];
    run_packed_filter(*run, p, plan.blocks.tensors);
  }
  Depthwise& c = plan.blocks.convolution;
  c.tap = conv_weight;
  c.bias = conv_bias;
  c.tap_gradient = conv_weight_gradient;
  c.bias_gradient = conv_bias_gradient;
  if (plan.fixed_side)
    run_fixed_plan(*run, plan);
  else
    run_general_plan(*run, plan);
  return fused;
}

// Numbers by which a run differs from a group of one, forward and backward, over a few shapes.
extern "C" int32_t differences(const Run* run) {
  std::mt19937 random(run->seed);
  std::normal_distribution<float> normal;
  int32_t count = 0;
  struct Case {
    int64_t batch, channels, height, width, processors, fixed;
  };
  for (const Case& s :
       {Case{3, 32, 18, 20, 1, 0}, Case{3, 64, 28, 28, 2, 1}, Case{2, 256, 7, 7, 1, 1}, Case{1, 32, 56, 56, 132, 1}}) {
    const int64_t quarter = s.channels / 4, points = s.batch * s.channels * s.height * s.width;
    const int64_t h = s.height / 2 + 1, w = s.width / 2 + 1;
    const int64_t sizes[] = {points,          points,         9 * quarter, quarter, 2 * quarter * s.height * w,
                             2 * quarter * h, 2 * quarter * w};
    std::vector<float> given[7];
    for (int i = 0; i < 7; ++i)
      for (int64_t j = 0; j < sizes[i]; ++j) given[i].push_back(normal(random));
    const auto as_points = [](std::vector<float>& v) { return reinterpret_cast<Point*>(v.data()); };
    const auto results = [&](const Run& how) {
      std::vector<std::vector<float>> all;
      for (const int64_t size : {points, points, sizes[2], sizes[3], sizes[4], sizes[5], sizes[6]})
        all.emplace_back(size, NAN);
      for (int backward = 0; backward < 2; ++backward)
        freq_mix(given[0].data(), backward ? given[1].data() : nullptr, all[backward].data(), 0, s.batch, s.channels,
                 s.height, s.width, given[2].data(), given[3].data(), as_points(given[4]), as_points(given[5]),
                 as_points(given[6]), all[2].data(), all[3].data(), as_points(all[4]), as_points(all[5]),
                 as_points(all[6]), s.processors, 227 << 10, s.fixed, 0, &how);
      return all;
    };
    const auto expected = results({Kind::alone, 1, 0, kNoSync}), found = results(*run);
    for (size_t i = 0; i < found.size(); ++i) {
      float size = 0;
      for (const float value : expected[i]) size = std::max(size, std::abs(value));
      for (size_t j = 0; j < found[i].size(); ++j) count += !(std::abs(found[i][j] - expected[i][j]) <= 1e-4f * size);
    }
  }
  return count;
}

#include "host/race_main.h"
