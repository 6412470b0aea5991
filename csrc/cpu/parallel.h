// One way to use several threads. The caller says how many (torch.get_num_threads() at the Python end), so that
// our team is the framework's team: with teams of different sizes, alternating operators restart the pool.
#pragma once
#include <algorithm>
#include <atomic>
#include <vector>

#include "core/portable.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace activefreq::AF_ISA {

// A parallel region costs microseconds; below this many elements of work per thread it costs more than it gains.
constexpr int64_t kGrain = 32768;

struct alignas(64) Share {  // of the numbers, in a cache line of its own
  std::atomic<int64_t> next;
  int64_t end;
};

// body(i) for i in [0, count), each about `cost` elements of work. Iterations are independent, so results do not
// depend on the number of threads. Runs on the calling thread where the work is small.
//
// Thread t begins with the t-th part of the numbers, then helps with the others'. So the same call finds the same part
// of its memory in the cache of the same core again, as it finds what an operator that cuts its work likewise left
// there, and a thread that is held up holds nobody up.
template <class Body>
void parallel_for(int64_t count, int64_t cost, int threads, Body&& body) {
  const int64_t useful = std::max<int64_t>(1, count * std::max<int64_t>(cost, 1) / kGrain);
  const int team = static_cast<int>(std::min<int64_t>({threads, count, useful}));
#ifdef _OPENMP
  if (team > 1) {
    std::vector<Share> shares(team);
    for (int t = 0; t < team; ++t) {
      shares[t].next = count * t / team;
      shares[t].end = count * (t + 1) / team;
    }
#pragma omp parallel num_threads(team)
    for (int turn = 0; turn < team; ++turn) {
      Share& share = shares[(omp_get_thread_num() + turn) % team];
      for (int64_t i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) body(i);
    }
    return;
  }
#endif
  (void)team;
  for (int64_t i = 0; i < count; ++i) body(i);
}

}  // namespace activefreq::AF_ISA
