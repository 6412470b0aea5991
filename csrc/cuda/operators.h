// The CUDA operators: launchers take plain device pointers and a required stream, allocate nothing and never wait.
#pragma once
#include <cuda_runtime.h>

#include <string>

#include "core/band_split_kernels.h"
#include "core/click_maps.h"
#include "core/filter_calls.h"
#include "core/haar_kernels.h"
#include "core/label.h"
#include "core/rfft2_kernels.h"
#include "core/roi_align.h"
#include "core/select_click.h"
#include "core/squared_distance.h"

namespace activefreq::cuda {

void band_split(const BandCall& p, cudaStream_t stream);  // and band_merge
void click_maps(const ClickMaps& p, cudaStream_t stream);
void roi_align(const RoiAlign<float>& p, cudaStream_t stream);
void roi_align(const RoiAlign<double>& p, cudaStream_t stream);
void roi_align_backward(const RoiAlignBackward<float>& p, cudaStream_t stream);
void roi_align_backward(const RoiAlignBackward<double>& p, cudaStream_t stream);
// workspace: batch * label_workspace(height, width) values
int64_t label_workspace(int64_t height, int64_t width);
void label(const Label& p, uint32_t* workspace, cudaStream_t stream);
// workspace: select_click_workspace(p) bytes, 16-byte aligned; p.status is not written, a score says NaN instead. The
// launch is chosen by size and device; tests name one.
enum class Launch : int32_t { automatic, clusters, spread };
int64_t select_click_workspace(const SelectClick& p);
void select_click(const SelectClick& p, void* workspace, Launch choice, cudaStream_t stream);
// Bytes of workspace; a shape that needs cuFFT gets its plan here, unless the stream is being captured.
int64_t freq_mix_workspace(const FreqMixCall& call, cudaStream_t stream);
void freq_mix(const FreqMixCall& call, cudaStream_t stream);
int64_t spectral_filter_workspace(const SpectralFilterCall& call, cudaStream_t stream);
void spectral_filter(const SpectralFilterCall& call, cudaStream_t stream);
void haar_dwt2(const HaarPlanes& p, cudaStream_t stream);
void haar_idwt2(const HaarPlanes& p, cudaStream_t stream);
// around the transforms of irfft2 and of its gradient; `gradient` is read and written
void hermitian_product(const GatedSpectrum& p, Point* product, cudaStream_t stream);
void product_gradient(const GatedSpectrum& p, Point* gradient, void* gate_gradient, cudaStream_t stream);
// workspace: batch * squared_distance_workspace(height, width) bytes, 16-byte aligned
int64_t squared_distance_workspace(int64_t height, int64_t width);
void squared_distance(const SquaredDistance& p, void* workspace, cudaStream_t stream);

int device_count();  // throws with the driver's own words where there is none
// Whether the kernels that know the shape of a FreqFormer layer are compiled for it.
bool has_layer_kernels(int device);
std::string device_name(int device);

}  // namespace activefreq::cuda
