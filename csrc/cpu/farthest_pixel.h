// The pixel of a set of runs that a placement puts first: the largest squared distance to the set's edge, times a
// factor per pixel.
#pragma once
#include "core/region_score.h"
#include "cpu/distance_row.h"

namespace activefreq::AF_ISA {

// Runs of foreground, row by row; a component of a mask or the whole mask. For 4 and 8 neighbours a component's own
// distances are those of the mask: the nearest pixel outside it is outside the mask too, or it would have joined.
struct Spans {
  const uint16_t *begin, *end;  // first and last column of each run
  const int32_t* row;           // runs of row y: row[y] to row[y + 1]
  int64_t top, rows;            // the first row's place in the image; how many there are
  int64_t left, width;          // columns that hold all runs
};

struct Candidate {
  uint64_t key = 0;  // squared distance times factor; 0: none
  int64_t y = -1, x = -1;
  int32_t squared = 0;
};

// What excludes and weighs pixels of one image.
struct PlacementView {
  const float* prob;
  const uint8_t* clicked;  // null: none
  int64_t width;
  bool object;  // the runs are false negatives
  Placement placement;

  bool open(int64_t y, int64_t x) const { return !clicked || !clicked[y * width + x]; }
  uint64_t factor(int64_t y, int64_t x) const {
    if (placement == Placement::distance) return 1;
    return placement_factor(placement_weight(placement, prob[y * width + x], object));
  }
  uint64_t largest_factor() const { return placement == Placement::distance ? 1 : kLargestPlacementFactor; }
};

class FarthestPixel {
 public:
  // The first maximum in row-major order; key 0 where every pixel was clicked.
  Candidate operator()(const Spans& spans, const PlacementView& view);

 private:
  struct Search;
  void column_distances(const Spans& spans);
  Candidate transform(const Spans& spans, const PlacementView& view);

  Buffer<uint16_t> column_;  // (rows + 2) x (width + 2), a ring of zeros around the spans' box
  Buffer<uint16_t> bound_;   // per run: no pixel of it is farther than this
  Buffer<int32_t> squared_;
  DistanceRow distance_row_;
};

}  // namespace activefreq::AF_ISA
