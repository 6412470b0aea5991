// One way to use several threads. The caller says how many (torch.get_num_threads() at the Python end), so that
// our team is the framework's team: with teams of different sizes, alternating operators restart the pool.
#pragma once
#include <algorithm>

#include "core/portable.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace activefreq::AF_ISA {

// A parallel region costs microseconds; below this many elements of work per thread it costs more than it gains.
constexpr int64_t kGrain = 32768;

// body(i) for i in [0, count), each about `cost` elements of work. Iterations are independent, so results do not
// depend on the number of threads. Runs on the calling thread where the work is small.
template <class Body>
void parallel_for(int64_t count, int64_t cost, int threads, Body&& body) {
  const int64_t useful = std::max<int64_t>(1, count * std::max<int64_t>(cost, 1) / kGrain);
  const int team = static_cast<int>(std::min<int64_t>({threads, count, useful}));
#ifdef _OPENMP
  if (team > 1) {
#pragma omp parallel for num_threads(team) schedule(dynamic, 1)
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
#endif
  (void)team;
  for (int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace activefreq::AF_ISA
