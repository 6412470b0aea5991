// What the CUDA module can say of the machine.
#include "cuda/launch.h"
#include "cuda/operators.h"

namespace activefreq::cuda {

int device_count() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "device_count");
  return count;
}

std::string device_name(int device) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device), "device_name");
  return properties.name;
}

}  // namespace activefreq::cuda
