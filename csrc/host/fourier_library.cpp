// Opening cuFFT and keeping its plans, on the host, for tests.
#include "cuda/fourier_library.cpp"

#include <cstring>

namespace cuda = activefreq::cuda;

// What went wrong in the last call, or "".
static std::string complaint;
extern "C" const char* last_complaint() { return complaint.c_str(); }

template <class Body>
static int64_t guarded(Body body) {
  complaint.clear();
  try {
    return body();
  } catch (const std::exception& error) {
    complaint = error.what();
    return -1;
  }
}

extern "C" void use_libraries(const char* first, const char* second) { cuda::set_fourier_libraries({first, second}); }

extern "C" int64_t work_bytes(int64_t outer, int64_t middle, int64_t half, int64_t batch, int64_t may_plan) {
  return guarded([&] { return cuda::fourier_work_bytes({0, {outer, middle, half}, batch}, may_plan != 0); });
}

extern "C" int64_t transform(activefreq::Point* data, int64_t outer, int64_t middle, int64_t half, int64_t batch,
                             int64_t inverse) {
  return guarded([&]() -> int64_t {
    int work = 0, stream = 0;
    cuda::fourier_transform({0, {outer, middle, half}, batch}, inverse != 0, data, &work, &stream);
    return 0;
  });
}
