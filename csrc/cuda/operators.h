// The CUDA operators: launchers take plain device pointers and a required stream, allocate nothing and never wait.
#pragma once
#include <cuda_runtime.h>

#include <string>

#include "core/click_maps.h"
#include "core/roi_align.h"

namespace activefreq::cuda {

void click_maps(const ClickMaps& p, cudaStream_t stream);
void roi_align(const RoiAlign<float>& p, cudaStream_t stream);
void roi_align(const RoiAlign<double>& p, cudaStream_t stream);
void roi_align_backward(const RoiAlignBackward<float>& p, cudaStream_t stream);
void roi_align_backward(const RoiAlignBackward<double>& p, cudaStream_t stream);

int device_count();  // throws with the driver's own words where there is none
std::string device_name(int device);

}  // namespace activefreq::cuda
