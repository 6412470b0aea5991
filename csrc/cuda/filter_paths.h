// A call of freq_mix or spectral_filter: which filters are fused in one launch and which go through cuFFT, and what
// memory they take.
#pragma once
#include "core/filter_calls.h"
#include "cuda/mix_launch.h"
#include "cuda/packed_filter.h"

namespace activefreq::cuda {

struct FilterPaths {
  device::MixPlan plan;
  bool packed[kFilters];
  PackedFilter filter[kFilters];  // where packed
  PackedWorkspace memory[kFilters];
  void* work[kFilters];
};

// Throws where the call insists on the fused path and `plan` has a filter that does not take it.
FilterPaths choose_paths(const device::MixPlan& plan, const FilterAxes* axes, const bool* present, Path path,
                         const FilterDevice& on, const char* operation);
// Bytes of workspace, and with a base address the pointers into it.
int64_t carve(FilterPaths& paths, bool convolution, void* base, const FilterDevice& on, cudaStream_t stream);
void run(FilterPaths& paths, const FilterDevice& on, const char* operation, cudaStream_t stream);

}  // namespace activefreq::cuda
