// One filter alone. The transforms are in line_transform.h, the cut into tasks in spectral_plan.h.
#include "core/spectral_filter.h"

#include "cpu/huge_pages.h"
#include "cpu/spectral_tasks.h"

namespace activefreq::AF_ISA {
namespace {

// Of the whole tensor, which is contiguous.
template <class T>
int64_t points(const SpectralFilter<T>& p) {
  int64_t count = p.outer.size * p.middle.size * p.half.size;
  for (int i = 0; i < p.plane_axes; ++i) count *= p.plane[i].size;
  return count;
}

template <class T>
void forward(const SpectralFilter<T>& p, int threads) {
  prefer_huge_pages(p.output, points(p));
  const FilterTasks<T> tasks(p, threads);
  const int64_t cost = tasks.cost() / std::max<int64_t>(1, tasks.count());
  parallel_for(tasks.preparations(), cost / kFilterCost, threads, [&](int64_t i) { tasks.prepare(i); });
  parallel_for(tasks.count(), cost, threads, [&](int64_t i) { tasks.run(i); });
}

template <class T>
void backward(const SpectralFilterBackward<T>& p, int threads) {
  prefer_huge_pages(p.filter.output, points(p.filter));
  const FilterGradientTasks<T> tasks(p, threads);
  const int64_t cost = tasks.cost() / std::max<int64_t>(1, tasks.count());
  parallel_for(tasks.preparations(), cost / kFilterCost, threads, [&](int64_t i) { tasks.prepare(i); });
  parallel_for(tasks.count(), cost, threads, [&](int64_t i) { tasks.run(i); });
  parallel_for(tasks.preparations(), cost / kFilterCost, threads, [&](int64_t i) { tasks.finish(i); });
}

}  // namespace

void spectral_filter(const SpectralFilter<float>& p, int threads) { forward(p, threads); }
void spectral_filter_double(const SpectralFilter<double>& p, int threads) { forward(p, threads); }
void spectral_filter_backward(const SpectralFilterBackward<float>& p, int threads) { backward(p, threads); }
void spectral_filter_backward_double(const SpectralFilterBackward<double>& p, int threads) { backward(p, threads); }

}  // namespace activefreq::AF_ISA
