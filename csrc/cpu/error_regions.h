// False negatives and false positives of one image as runs, with what each connected component sums to.
#pragma once
#include "core/region_score.h"
#include "cpu/runs.h"

namespace activefreq::AF_ISA {

struct ImageView {
  const float* prob;
  const int8_t* target;
  const uint8_t* clicked;  // null: none
  int64_t height, width;
};

// One class of errors. Everything is per run while rows are read and per component, at its first run, after merge().
struct ErrorClass {
  Runs runs;
  Buffer<int32_t> area, clicked;           // pixels, and those of them that were clicked
  Buffer<int64_t> sum, entropy_sum;        // sum: of error, entropy or doubt; entropy_sum: with Statistics::all
  Buffer<int32_t> error_max, entropy_max;  // with Statistics::all
  Buffer<int32_t> clicked_runs;            // one entry per clicked pixel
  int64_t clicked_pixels;
  Buffer<int32_t> components, joined;  // runs that are the first of a component, in raster order; the others
  int32_t component_count;

  void merge(Statistics statistics);
  RegionTotals totals(int32_t component, Statistics statistics) const;
  bool eligible(int32_t component) const { return !clicked_pixels || clicked[component] < area[component]; }
};

class ErrorRegions {
 public:
  // Returns not_finite where prob holds NaN or infinity; the regions are then incomplete.
  ClickStatus read(const ImageView& image, const ClickRule& rule);

  ErrorClass classes[2];   // false negatives, false positives
  bool nothing_predicted;  // every probability is 0

 private:
  void read_row(const ImageView& image, int64_t y, float threshold);
  void fill_values(const float* prob, int64_t width, float threshold, Statistics statistics);
  void measure_row(ErrorClass& errors, int64_t y, Statistics statistics);
  void record_clicked(ErrorClass& errors, const uint64_t* words, int64_t count);

  Buffer<uint64_t> words_[2], clicked_words_;
  Buffer<int32_t> values_, entropies_;
};

}  // namespace activefreq::AF_ISA
