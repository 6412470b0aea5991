// A library with cuFFT's functions, on host memory and by definition, for the test of csrc/cuda/fourier_library.cpp.
#include <complex>
#include <cstddef>
#include <vector>

namespace {

struct Plan {
  std::vector<int> sizes;
  int batch = 0, distance = 0;
  void *stream = nullptr, *work = nullptr;
};
std::vector<Plan> plans;
int live = 0;
constexpr int kBadPlan = 1, kNoStream = 8;

}  // namespace

extern "C" {

int cufftCreate(int* plan) {
  *plan = static_cast<int>(plans.size());
  plans.emplace_back();
  ++live;
  return 0;
}
int cufftDestroy(int) {
  --live;
  return 0;
}
int live_plans() { return live; }
int cufftSetAutoAllocation(int, int automatic) { return automatic ? kBadPlan : 0; }
int cufftMakePlanMany(int plan, int rank, int* n, int*, int istride, int idist, int*, int ostride, int odist, int type,
                      int batch, size_t* work_bytes) {
  if (type != 0x29 || istride != 1 || ostride != 1 || idist != odist || n[0] == 666) return kBadPlan;
  plans[plan].sizes.assign(n, n + rank);
  plans[plan].batch = batch;
  plans[plan].distance = idist;
  *work_bytes = 1000 + plan;
  return 0;
}
int cufftSetStream(int plan, void* stream) {
  plans[plan].stream = stream;
  return 0;
}
int cufftSetWorkArea(int plan, void* work) {
  plans[plan].work = work;
  return 0;
}
int cufftExecC2C(int plan, void* input, void* output, int direction) {
  const Plan& p = plans[plan];
  if (!p.stream || !p.work || input != output) return kNoStream;
  for (int b = 0; b < p.batch; ++b) {
    auto* data = static_cast<std::complex<float>*>(input) + static_cast<ptrdiff_t>(b) * p.distance;
    int stride = 1;
    for (size_t axis = p.sizes.size(); axis-- > 0; stride *= p.sizes[axis]) {
      const int n = p.sizes[axis];
      for (int first = 0; first < p.distance; ++first) {
        if (first / stride % n) continue;
        std::vector<std::complex<double>> line(n);
        for (int k = 0; k < n; ++k)
          for (int j = 0; j < n; ++j)
            line[k] += std::complex<double>(data[first + j * stride]) *
                       std::polar(1.0, direction * 6.283185307179586 * j * k / n);
        for (int k = 0; k < n; ++k) data[first + k * stride] = std::complex<float>(line[k]);
      }
    }
  }
  return 0;
}

}  // extern "C"
