// The kernel bodies of spectral_filter on the host, for tests.
#include "host/packed_filter.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

// `axes`: rows of (size, stride, weight stride in real numbers): outer, middle, half, then those not transformed.
// Forward where `grad` is null. Returns whether the filter was fused; pairs of `chunk_points` points are taken at a
// time where it is not.
extern "C" int32_t spectral_filter(const void* x, const void* grad, void* y, int64_t element, const int64_t* axes,
                                   int64_t count, const Point* weight, Point* weight_gradient, int64_t path,
                                   int64_t processors, int64_t shared_bytes, int64_t chunk_points, const Run* run) {
  const auto axis = [&](int64_t i) { return FilterAxis{axes[3 * i], axes[3 * i + 1], axes[3 * i + 2] / 2}; };
  FilterAxes all = {axis(0), axis(1), axis(2), {}, static_cast<int>(count) - 3};
  for (int64_t i = 3; i < count; ++i) all.plane[i - 3] = axis(i);
  const Machine machine = {processors, shared_bytes};
  MixPlan plan = plan_spectral_filter(all, static_cast<Element>(element), grad != nullptr, static_cast<Path>(path),
                                      machine, run->ranks);
  set_tensors(plan, grad ? grad : x, x, y);
  if (!plan.fused[0]) {
    PackedFilter p = plan_packed_filter(all, 0, chunk_points);
    p.weight = weight;
    p.weight_gradient = weight_gradient;
    run_packed_filter(*run, p, plan.blocks.tensors);
    return 0;
  }
  Carver count_bytes(nullptr);
  carve(plan, machine, false, count_bytes);
  std::vector<Point> workspace(static_cast<size_t>(count_bytes.used()) / sizeof(Point) + 1, Point{NAN, NAN});
  Carver memory(workspace.data());
  carve(plan, machine, false, memory);
  plan.blocks.filter[0].weight = weight;
  plan.blocks.filter[0].weight_gradient = weight_gradient;
  run_general_plan(*run, plan);
  return 1;
}
