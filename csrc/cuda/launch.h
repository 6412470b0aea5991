// What every CUDA operator takes beside its parameters, and how it reports failure.
#pragma once
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace activefreq::cuda {

// Throws where `status` is an error, naming the operator. Launches are asynchronous: an error of an earlier kernel
// may surface here. The runtime remembers an error until it is asked for it: once reported, it is nobody else's.
inline void check(cudaError_t status, const char* operation) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  throw std::runtime_error(std::string(operation) + ": CUDA says: " + cudaGetErrorString(status));
}

constexpr int kGridThreads = 256;  // of a block, where a whole grid shares the work

constexpr int kColumnThreads = 64;  // where a thread takes a column: there are few, and each takes its time

// grid.y = image; grid.x blocks with up to `threads` threads per image. Kernels stride over what is left.
inline dim3 grid_rows(int64_t threads, int64_t batch, int block_threads = kGridThreads) {
  constexpr int64_t kMostBlocks = 1 << 16, kMostImages = 65535;
  const int64_t blocks = (threads + block_threads - 1) / block_threads;
  return dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks),
              static_cast<unsigned>(batch < kMostImages ? batch : kMostImages));
}

// Makes `device` current for one call and puts the caller's device back.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&previous_), "device guard");
    if (device != previous_) check(cudaSetDevice(device), "device guard");
    device_ = device;
  }
  ~DeviceGuard() {
    if (device_ != previous_) cudaSetDevice(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0, device_ = 0;
};

}  // namespace activefreq::cuda
