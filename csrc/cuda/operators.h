// The CUDA operators: launchers take plain device pointers and a required stream, allocate nothing and never wait.
#pragma once
#include <cuda_runtime.h>

#include <string>

#include "core/click_maps.h"
#include "core/label.h"
#include "core/squared_distance.h"

namespace activefreq::cuda {

void click_maps(const ClickMaps& p, cudaStream_t stream);
// workspace: batch * label_workspace(height, width) values
int64_t label_workspace(int64_t height, int64_t width);
void label(const Label& p, uint32_t* workspace, cudaStream_t stream);
// across: batch * height * width values of workspace
void squared_distance(const SquaredDistance& p, uint16_t* across, cudaStream_t stream);

int device_count();  // throws with the driver's own words where there is none
std::string device_name(int device);

}  // namespace activefreq::cuda
