// cuFFT, opened at run time: the package neither builds against it nor needs it to load.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/tiled_filter.h"

namespace activefreq::cuda {

// Where to look for the library, in this order; paths or names that the system's loader knows.
void set_fourier_libraries(std::vector<std::string> candidates);
// The one that is used. Throws std::runtime_error, with what was tried, where none opens.
std::string fourier_library();

// A complex transform of `batch` volumes of outer x middle x half points, one after another.
struct FourierShape {
  int device;  // current
  int64_t size[3];
  int64_t batch;
};

// Bytes of work memory. Makes the plan, and keeps it for good: a captured graph may hold what it points to.
// `may_plan` false (a stream is being captured): throws std::runtime_error where there is no plan yet.
int64_t fourier_work_bytes(const FourierShape& shape, bool may_plan);
// In place, unscaled, on `stream` (a cudaStream_t). The plan has to exist.
void fourier_transform(const FourierShape& shape, bool inverse, Point* data, void* work, void* stream);

}  // namespace activefreq::cuda
