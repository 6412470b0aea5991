// Filters by cuFFT and kernels around it (core/packed_filter.h), on the current device.
#pragma once
#include <cuda_runtime.h>

#include "core/packed_filter.h"

namespace activefreq::cuda {

// Bytes of cuFFT's work memory. Makes the plans, unless `stream` is being captured: throws where one is missing then.
int64_t packed_filter_work_bytes(const PackedFilter& p, int device, cudaStream_t stream);
void run_packed_filter(const PackedFilter& p, const FilterTensors& t, const PackedWorkspace& workspace, void* work,
                       int device, const char* operation, cudaStream_t stream);

}  // namespace activefreq::cuda
