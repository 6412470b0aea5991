// select_click on CUDA: what the kernels of one call share, where everything lies in the workspace, and one image's
// view of it.
#pragma once
#include "core/group.h"
#include "core/region_score.h"

namespace activefreq::AF_ISA {

// What all regions' pixels sum to; which value `sum` adds up is the rule's (Statistics).
struct RegionSums {
  int64_t sum;
  int32_t area, clicked;  // pixels, and those of them that were clicked
};

struct RegionExtremes {  // with Statistics::all
  int64_t entropy_sum;
  int32_t error_max, entropy_max;
};

// What the ranks of one image tell each other.
struct ClickHead {
  uint64_t best, worst;  // regions by region_key(); 0: none
  uint64_t click;        // the best pixel by pixel_key(); 0: none
  int32_t first;         // weighted placements: kLastPosition - position of the first pixel with that key
  int32_t regions;
  int32_t predicted, not_finite;    // some probability is not 0; some is NaN or infinite
  int32_t pixels_left, first_left;  // scan_pixels, find_first: a team lost patience and left pixels to a sweep
};

constexpr int32_t kLastPosition = INT32_MAX;

// Offsets are in bytes from the start of an image's part of the workspace. Per pixel: 4 for union-find nodes, 0.9 for
// bit planes and cells, and for each possible region 20 bytes, 36 with Statistics::all. With 8 neighbours no two
// regions of a class share a block of 2 x 2 pixels, with 4 neighbours every pixel may be a region. 2 bytes are for a
// sweep's stacks: 17 to 43 bytes a pixel.
struct ClickPlan {
  SelectClick call;
  char* workspace;  // a ClickHead per image, then image_bytes per image
  int64_t heads_bytes, image_bytes;
  int64_t full, clicked, candidates, coarse, fine, parent, first, sums, extremes, stack;
  int32_t words, spans;  // words of 32 pixels and spans of 32 words in a row
  int32_t cell_rows;     // rows of cells of 32 x 32 pixels; a row has `words` of them
  int32_t patience;      // a team's, in batches of 32 rows probed, before a sweep takes over: about what that costs
  Statistics statistics;

  AF_HOST_DEVICE int64_t workspace_bytes() const { return heads_bytes + call.batch * image_bytes; }
};

AF_HOST_DEVICE inline ClickPlan click_plan(const SelectClick& call, char* workspace) {
  ClickPlan plan{};
  plan.call = call, plan.workspace = workspace, plan.statistics = statistics_of(call.rule);
  plan.words = words32_of(static_cast<int>(call.width)), plan.spans = words32_of(plan.words);
  plan.cell_rows = words32_of(static_cast<int>(call.height));
  const int64_t plane = 4 * call.height * plan.words, cells = int64_t{8} * plan.cell_rows * plan.words;
  const int64_t pixels = call.height * call.width;
  const int64_t regions = call.rule.connectivity == 8 ? 2 * ((call.height + 1) / 2) * ((call.width + 1) / 2) : pixels;
  int64_t end = 0;
  const auto take = [&](int64_t bytes) {
    const int64_t start = end;
    end += (bytes + 15) / 16 * 16;
    return start;
  };
  take(2 * plane);  // the masks come first
  plan.full = take(8 * call.height * plan.spans);
  plan.clicked = take(call.clicked ? plane : 0);
  plan.candidates = take(2 * plane);
  plan.coarse = take(cells);
  plan.fine = take(16 * cells);
  plan.parent = take(4 * pixels);
  plan.first = take(4 * regions);
  plan.sums = take(static_cast<int64_t>(sizeof(RegionSums)) * regions);
  plan.extremes = take(plan.statistics == Statistics::all ? static_cast<int64_t>(sizeof(RegionExtremes)) * regions : 0);
  plan.stack = take(2 * (call.height + 2) * call.width);
  plan.patience = static_cast<int32_t>(16 + call.height / 4);
  plan.image_bytes = end;
  plan.heads_bytes = (static_cast<int64_t>(sizeof(ClickHead)) * call.batch + 15) / 16 * 16;
  return plan;
}

// One image. Class 0 is false negatives, class 1 false positives.
class ClickImage {
 public:
  AF_DEVICE ClickImage(const ClickPlan& plan, int64_t image)
      : plan(plan),
        height(static_cast<int>(plan.call.height)),
        width(static_cast<int>(plan.call.width)),
        words(plan.words),
        image(image),
        base_(plan.workspace + plan.heads_bytes + image * plan.image_bytes) {}

  const ClickPlan& plan;
  const int height, width, words;
  const int64_t image;

  AF_DEVICE const ClickRule& rule() const { return plan.call.rule; }
  AF_DEVICE ClickHead* head() const { return reinterpret_cast<ClickHead*>(plan.workspace) + image; }
  AF_DEVICE const float* prob() const { return plan.call.prob + image * (plan.call.height * plan.call.width); }
  AF_DEVICE const int8_t* target() const { return plan.call.target + image * (plan.call.height * plan.call.width); }
  AF_DEVICE const uint8_t* clicked() const { return plan.call.clicked + image * (plan.call.height * plan.call.width); }

  AF_DEVICE uint32_t* mask(int c) const { return part<uint32_t>(0) + c * height * words; }  // (height, words)
  AF_DEVICE uint32_t* full(int c) const { return part<uint32_t>(plan.full) + c * height * plan.spans; }  // of all ones
  AF_DEVICE uint32_t* clicked_bits() const { return part<uint32_t>(plan.clicked); }
  AF_DEVICE uint32_t* candidates(int c) const { return part<uint32_t>(plan.candidates) + c * height * words; }
  AF_DEVICE uint32_t* coarse(int c) const { return part<uint32_t>(plan.coarse) + c * plan.cell_rows * words; }
  AF_DEVICE uint32_t* fine(int c) const { return part<uint32_t>(plan.fine) + 16 * c * plan.cell_rows * words; }
  AF_DEVICE int32_t* parent() const {
    return part<int32_t>(plan.parent);
  }  // at runs' first pixels; one for both classes
  AF_DEVICE int32_t* first() const { return part<int32_t>(plan.first); }  // of each region, y width + x
  AF_DEVICE RegionSums* sums() const { return part<RegionSums>(plan.sums); }
  AF_DEVICE RegionExtremes* extremes() const { return part<RegionExtremes>(plan.extremes); }
  AF_DEVICE uint16_t* stack() const { return part<uint16_t>(plan.stack); }  // (height + 2, width)

  AF_DEVICE uint32_t word(int c, int y, int k) const { return k < 0 || k >= words ? 0 : mask(c)[y * words + k]; }
  AF_DEVICE bool bit(int c, int y, int x) const { return word(c, y, x >> 5) >> (x & 31) & 1; }
  AF_DEVICE bool bit(int c, int position) const { return bit(c, position / width, position % width); }
  AF_DEVICE uint32_t open_bits(int y, int k) const {
    return plan.call.clicked ? ~clicked_bits()[y * words + k] : kAllBits;
  }

  // The last pixel outside class c at or before x; -1 is outside every class. Words of ones are skipped 32 at a time.
  AF_DEVICE int gap_before(int c, int y, int x) const {
    const int k = x >> 5;
    const uint32_t gaps = ~word(c, y, k) & (kAllBits >> (31 - (x & 31)));
    if (gaps) return 32 * k + highest_bit32(gaps);
    uint32_t before = (uint32_t{1} << (k & 31)) - 1;
    for (int span = k >> 5; span >= 0; --span, before = kAllBits)
      if (const uint32_t open = ~full(c)[y * plan.spans + span] & before) {
        const int at = 32 * span + highest_bit32(open);
        return 32 * at + highest_bit32(~word(c, y, at));
      }
    return -1;
  }
  // The first one at or after x; `width` is outside too, as are the bits after it.
  AF_DEVICE int gap_after(int c, int y, int x) const {
    const int k = x >> 5;
    const uint32_t gaps = ~word(c, y, k) & (kAllBits << (x & 31));
    if (gaps) return 32 * k + lowest_bit32(gaps);
    uint32_t after = ~uint32_t{1} << (k & 31);
    for (int span = k >> 5; span < plan.spans; ++span, after = kAllBits)
      if (const uint32_t open = ~full(c)[y * plan.spans + span] & after) {
        const int at = 32 * span + lowest_bit32(open);
        return at < words ? 32 * at + lowest_bit32(~word(c, y, at)) : width;
      }
    return width;
  }
  AF_DEVICE int run_start(int c, int y, int x) const { return y * width + gap_before(c, y, x) + 1; }

  // Once regions are numbered: a region's first pixel, and its number.
  AF_DEVICE int root(int c, int y, int x) const {
    const int start = run_start(c, y, x), up = parent()[start];
    return up < 0 ? start : up;
  }
  AF_DEVICE int region(int c, int y, int x) const { return ~parent()[root(c, y, x)]; }

 private:
  template <class T>
  AF_DEVICE T* part(int64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }
  char* base_;
};

}  // namespace activefreq::AF_ISA
