// The table of CPU operators: one row per operator, filled once per instruction set by operators.cpp.
#pragma once
#include "core/band_split.h"
#include "core/click_maps.h"
#include "core/freq_mix.h"
#include "core/haar.h"
#include "core/label.h"
#include "core/rfft2.h"
#include "core/roi_align.h"
#include "core/select_click.h"
#include "core/spectral_filter.h"
#include "core/squared_distance.h"

namespace activefreq {

struct Operators {
  void (*band_split)(const BandSplit<float>&, int threads);
  void (*band_split_double)(const BandSplit<double>&, int threads);
  void (*band_merge)(const BandMerge<float>&, int threads);
  void (*band_merge_double)(const BandMerge<double>&, int threads);
  void (*click_maps)(const ClickMaps&, int threads);
  void (*label)(const Label&, int threads);
  void (*squared_distance)(const SquaredDistance&, int threads);
  void (*select_click)(const SelectClick&, int threads);
  void (*freq_mix)(const FreqMix<float>&, int threads);
  void (*freq_mix_double)(const FreqMix<double>&, int threads);
  void (*freq_mix_backward)(const FreqMixBackward<float>&, int threads);
  void (*freq_mix_backward_double)(const FreqMixBackward<double>&, int threads);
  void (*spectral_filter)(const SpectralFilter<float>&, int threads);
  void (*spectral_filter_double)(const SpectralFilter<double>&, int threads);
  void (*spectral_filter_backward)(const SpectralFilterBackward<float>&, int threads);
  void (*spectral_filter_backward_double)(const SpectralFilterBackward<double>&, int threads);
  void (*haar_dwt2)(const HaarAnalysis<float>&, int threads);
  void (*haar_dwt2_double)(const HaarAnalysis<double>&, int threads);
  void (*haar_idwt2)(const HaarSynthesis<float>&, int threads);
  void (*haar_idwt2_double)(const HaarSynthesis<double>&, int threads);
  void (*rfft2)(const Rfft2<float>&, int threads);
  void (*rfft2_double)(const Rfft2<double>&, int threads);
  void (*irfft2)(const Irfft2<float>&, int threads);
  void (*irfft2_double)(const Irfft2<double>&, int threads);
  void (*irfft2_backward)(const Irfft2Backward<float>&, int threads);
  void (*irfft2_backward_double)(const Irfft2Backward<double>&, int threads);
  void (*roi_align)(const RoiAlign<float>&, int threads);
  void (*roi_align_double)(const RoiAlign<double>&, int threads);
  void (*roi_align_backward)(const RoiAlignBackward<float>&, int threads);
  void (*roi_align_backward_double)(const RoiAlignBackward<double>&, int threads);
};

namespace baseline {
const Operators& operators();
}
namespace avx2 {
const Operators& operators();
}
namespace avx512 {
const Operators& operators();
}

// dispatch.cpp: the best table that this processor runs, or the one that select_instruction_set() chose.
const Operators& operators();
const char* instruction_set();
const char* const* instruction_sets();  // the ones that this build holds and this processor runs; null-terminated
bool select_instruction_set(const char* name);  // false: not available; for tests and benchmarks

}  // namespace activefreq
