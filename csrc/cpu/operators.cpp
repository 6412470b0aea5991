// Compiled once per instruction set: the table of that build.
#include "cpu/operators.h"

namespace activefreq::AF_ISA {

void band_split(const BandSplit<float>&, int threads);
void band_split_double(const BandSplit<double>&, int threads);
void band_merge(const BandMerge<float>&, int threads);
void band_merge_double(const BandMerge<double>&, int threads);
void click_maps(const ClickMaps&, int threads);
void label(const Label&, int threads);
void squared_distance(const SquaredDistance&, int threads);
void select_click(const SelectClick&, int threads);
void freq_mix(const FreqMix<float>&, int threads);
void freq_mix_double(const FreqMix<double>&, int threads);
void freq_mix_backward(const FreqMixBackward<float>&, int threads);
void freq_mix_backward_double(const FreqMixBackward<double>&, int threads);
void spectral_filter(const SpectralFilter<float>&, int threads);
void spectral_filter_double(const SpectralFilter<double>&, int threads);
void spectral_filter_backward(const SpectralFilterBackward<float>&, int threads);
void spectral_filter_backward_double(const SpectralFilterBackward<double>&, int threads);
void haar_dwt2(const HaarAnalysis<float>&, int threads);
void haar_dwt2_double(const HaarAnalysis<double>&, int threads);
void haar_idwt2(const HaarSynthesis<float>&, int threads);
void haar_idwt2_double(const HaarSynthesis<double>&, int threads);
void rfft2(const Rfft2<float>&, int threads);
void rfft2_double(const Rfft2<double>&, int threads);
void irfft2(const Irfft2<float>&, int threads);
void irfft2_double(const Irfft2<double>&, int threads);
void irfft2_backward(const Irfft2Backward<float>&, int threads);
void irfft2_backward_double(const Irfft2Backward<double>&, int threads);
void roi_align(const RoiAlign<float>&, int threads);
void roi_align_double(const RoiAlign<double>&, int threads);
void roi_align_backward(const RoiAlignBackward<float>&, int threads);
void roi_align_backward_double(const RoiAlignBackward<double>&, int threads);

const Operators& operators() {
  static const Operators table = [] {
    Operators t = {};
    t.band_split = band_split;
    t.band_split_double = band_split_double;
    t.band_merge = band_merge;
    t.band_merge_double = band_merge_double;
    t.click_maps = click_maps;
    t.label = label;
    t.squared_distance = squared_distance;
    t.select_click = select_click;
    t.freq_mix = freq_mix;
    t.freq_mix_double = freq_mix_double;
    t.freq_mix_backward = freq_mix_backward;
    t.freq_mix_backward_double = freq_mix_backward_double;
    t.spectral_filter = spectral_filter;
    t.spectral_filter_double = spectral_filter_double;
    t.spectral_filter_backward = spectral_filter_backward;
    t.spectral_filter_backward_double = spectral_filter_backward_double;
    t.haar_dwt2 = haar_dwt2;
    t.haar_dwt2_double = haar_dwt2_double;
    t.haar_idwt2 = haar_idwt2;
    t.haar_idwt2_double = haar_idwt2_double;
    t.rfft2 = rfft2;
    t.rfft2_double = rfft2_double;
    t.irfft2 = irfft2;
    t.irfft2_double = irfft2_double;
    t.irfft2_backward = irfft2_backward;
    t.irfft2_backward_double = irfft2_backward_double;
    t.roi_align = roi_align;
    t.roi_align_double = roi_align_double;
    t.roi_align_backward = roi_align_backward;
    t.roi_align_backward_double = roi_align_backward_double;
    return t;
  }();
  return table;
}

}  // namespace activefreq::AF_ISA
