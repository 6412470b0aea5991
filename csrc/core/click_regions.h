// select_click on CUDA, first half: from probabilities to the region that is clicked. Each function is one step of one
// image over a group and never synchronises; core/select_click_kernels.h gives the order.
#pragma once
#include "core/click_plan.h"
#include "core/union_find.h"

namespace activefreq::AF_ISA {

// What a rank saw of the probabilities. Stored once the head has been cleared.
struct SeenValues {
  bool predicted = false, not_finite = false;
  AF_DEVICE void store(ClickHead* head) const {
    if (predicted) relaxed::store(&head->predicted, 1);
    if (not_finite) relaxed::store(&head->not_finite, 1);
  }
};

// Bit 0: false negative, bit 1: false positive, bit 2: clicked.
AF_DEVICE inline uint32_t classify(const ClickImage& image, int y, int x, SeenValues& seen) {
  if (x >= image.width) return 0;
  const int at = y * image.width + x;
  const float p = relaxed::constant(image.prob() + at);
  const int8_t target = relaxed::constant(image.target() + at);
  const bool clicked = image.plan.call.clicked && relaxed::constant(image.clicked() + at) != 0;
  int32_t magnitude;
  memcpy(&magnitude, &p, sizeof p);
  magnitude &= INT32_MAX;
  seen.predicted |= magnitude != 0, seen.not_finite |= magnitude >= 0x7f800000;
  const bool above = p > image.rule().threshold;
  return (target == 1 ? !above : target != -1 && above ? 2 : 0) | clicked << 2;
}

// A team takes a span of a row: its words, which of them are all ones, and a union-find node where a run starts.
template <class Group>
AF_DEVICE SeenValues make_masks(Group& group, const ClickImage& image) {
  constexpr int kAhead = 4;  // words in flight
  SeenValues seen;
  const int spans = image.plan.spans;
  for (int i = group.team(); i < image.height * spans; i += group.teams()) {
    const int y = i / spans, first = 32 * (i % spans);
    const int count = image.words - first < 32 ? image.words - first : 32;
    const uint32_t left = first ? classify(image, y, 32 * first - 1, seen) : 0;
    uint32_t carry[2] = {left & 1, left >> 1 & 1}, full[2] = {0, 0};
    for (int chunk = 0; chunk < count; chunk += kAhead) {
      uint32_t bits[3][kAhead];
      group.template ballots<3, kAhead>([&](int j) { return classify(image, y, 32 * (first + chunk) + j, seen); },
                                        bits);
      for (int k = 0; k < kAhead && chunk + k < count; ++k) {
        const int w = first + chunk + k;
        if (group.lane() == 0 && image.plan.call.clicked) image.clicked_bits()[y * image.words + w] = bits[2][k];
        for (int c = 0; c < 2; ++c) {
          const uint32_t word = bits[c][k], starts = word & ~(word << 1 | carry[c]);
          carry[c] = word >> 31, full[c] |= static_cast<uint32_t>(word == kAllBits) << (chunk + k);
          if (group.lane() == 0) image.mask(c)[y * image.words + w] = word;
          const int node = y * image.width + 32 * w;
          for (int b = group.lane(); b < 32 && starts; b += group.lanes())
            if (starts >> b & 1) image.parent()[node + b] = node + b;
        }
      }
    }
    if (group.lane() == 0)
      for (int c = 0; c < 2; ++c) image.full(c)[y * spans + i % spans] = full[c];
  }
  return seen;
}

// A rank takes a word and the row above it.
template <class Group>
AF_DEVICE void join_rows(Group& group, const ClickImage& image) {
  const int per_row = 2 * image.words;
  for (int i = group.rank(); i < (image.height - 1) * per_row; i += group.size()) {
    const int y = 1 + i / per_row, c = i % per_row / image.words, w = i % image.words;
    if (!image.word(c, y, w)) continue;
    const Contacts touch = contacts([&](int k) { return image.word(c, y, w + k); },
                                    [&](int k) { return image.word(c, y - 1, w + k); }, image.rule().connectivity);
    const auto unite_all = [&](uint32_t pixels, int shift) {
      for (; pixels; pixels &= pixels - 1) {
        const int x = 32 * w + lowest_bit32(pixels);
        unite(image.parent(), image.run_start(c, y, x), image.run_start(c, y - 1, x + shift));
      }
    };
    unite_all(touch.above, 0), unite_all(touch.above_left, -1), unite_all(touch.above_right, 1);
  }
}

// Every run points at its root, a root holds ~number; numbers come in any order and decide nothing.
template <class Group>
AF_DEVICE void number_regions(Group& group, const ClickImage& image) {
  const int rows = 2 * image.height, count = rows * image.words;
  int32_t* parent = image.parent();
  for (int first = group.team() * group.lanes(); first < count; first += group.teams() * group.lanes()) {
    const int i = first + group.lane(), row = i / image.words, c = row / image.height, y = row % image.height;
    const int w = i % image.words, node = y * image.width + 32 * w;
    uint32_t roots = 0;
    if (i < count) {
      const uint32_t word = image.word(c, y, w);
      for (uint32_t starts = word & ~(word << 1 | image.word(c, y, w - 1) >> 31); starts; starts &= starts - 1) {
        const int start = node + lowest_bit32(starts), root = follow_to_root(parent, start);
        if (root == start)
          roots |= starts & (~starts + 1);
        else
          relaxed::store(parent + start, root);
      }
    }
    for (int id = group.reserve(&image.head()->regions, count_bits32(roots)); roots; roots &= roots - 1, ++id) {
      const int root = node + lowest_bit32(roots);
      relaxed::store(parent + root, ~id);
      image.first()[id] = root;
      image.sums()[id] = {0, 0, 0};
      if (image.plan.statistics == Statistics::all) image.extremes()[id] = {0, 0, 0};
    }
  }
}

// What some pixels of one region sum to.
struct PixelSums {
  int64_t sum = 0, entropy_sum = 0;
  int32_t area = 0, clicked = 0, error_max = 0, entropy_max = 0;

  AF_DEVICE void combine(const PixelSums& other) {
    sum += other.sum, entropy_sum += other.entropy_sum, area += other.area, clicked += other.clicked;
    error_max = other.error_max > error_max ? other.error_max : error_max;
    entropy_max = other.entropy_max > entropy_max ? other.entropy_max : entropy_max;
  }
  AF_DEVICE void add_pixel(Statistics statistics, float p, bool object, bool was_clicked) {
    ++area, clicked += was_clicked;
    if (statistics == Statistics::error) sum += fixed_error(p, object);
    if (statistics == Statistics::doubt) sum += fixed_doubt(p);
    if (statistics == Statistics::entropy) sum += fixed_entropy(p);
    if (statistics != Statistics::all) return;
    const int32_t error = fixed_error(p, object), entropy = fixed_entropy(p);
    sum += error, error_max = error > error_max ? error : error_max;
    entropy_sum += entropy, entropy_max = entropy > entropy_max ? entropy : entropy_max;
  }
  AF_DEVICE void add_to(const ClickImage& image, int id) const {
    RegionSums* sums = image.sums() + id;
    relaxed::add(&sums->area, area);
    if (clicked) relaxed::add(&sums->clicked, clicked);
    if (image.plan.statistics == Statistics::none) return;
    relaxed::add(&sums->sum, sum);
    if (image.plan.statistics != Statistics::all) return;
    RegionExtremes* extremes = image.extremes() + id;  // read before they lock: nearly all of them change nothing
    relaxed::add(&extremes->entropy_sum, entropy_sum);
    if (relaxed::load(&extremes->error_max) < error_max) relaxed::max(&extremes->error_max, error_max);
    if (relaxed::load(&extremes->entropy_max) < entropy_max) relaxed::max(&extremes->entropy_max, entropy_max);
  }
};

// A team takes 32 columns of a band of rows, a lane walks down a column and hands over what it summed where the region
// under it changes.
template <class Group>
AF_DEVICE void sum_regions(Group& group, const ClickImage& image) {
  constexpr int kAhead = 4;  // rows in flight
  const bool few = image.plan.cell_rows * image.words < group.teams();
  const int band = few ? 8 : 32, cells = (image.height + band - 1) / band * image.words;
  const Statistics statistics = image.plan.statistics;
  const auto add = [&](int id, const PixelSums& sums) { sums.add_to(image, id); };
  for (int cell = group.team(); cell < cells; cell += group.teams())
    for (int b = group.lane(); b < 32; b += group.lanes()) {
      const int w = cell % image.words, top = cell / image.words * band;
      PixelSums sums;
      int id = -1, last = 0;  // the region in `sums` (-1: none), the class of the pixel above (0: none)
      for (int k = 0; k < band; k += kAhead) {
        int kind[kAhead];
        float p[kAhead];
        uint32_t any = 0;
        for (int j = 0; j < kAhead; ++j) {
          const int y = top + k + j;
          const uint32_t missed = y < image.height ? image.word(0, y, w) : 0;
          const uint32_t wrong = y < image.height ? image.word(1, y, w) : 0;
          kind[j] = static_cast<int>((missed >> b & 1) | (wrong >> b & 1) << 1), any |= missed | wrong;
        }
        if (!any) {
          last = 0;
          continue;
        }
        for (int j = 0; j < kAhead; ++j)
          p[j] = kind[j] && statistics != Statistics::none
                     ? relaxed::constant(image.prob() + (top + k + j) * image.width + 32 * w + b)
                     : 0.f;
        for (int j = 0; j < kAhead; ++j) {
          const int y = top + k + j;
          if (kind[j] && kind[j] != last) {
            const int here = image.region(kind[j] - 1, y, 32 * w + b);
            if (here != id) {
              if (id >= 0) add(id, sums);
              id = here, sums = PixelSums();
            }
          }
          last = kind[j];
          if (kind[j]) sums.add_pixel(statistics, p[j], kind[j] == 1, !(image.open_bits(y, w) >> b & 1));
        }
      }
      group.add_by_key(id, sums, add);
    }
}

// ---- Which region ---------------------------------------------------------------------------------------------------
// A score as a number that orders as it does (no NaN, no minus zero).
AF_DEVICE inline uint32_t ordered(float score) {
  uint32_t bits;
  memcpy(&bits, &score, sizeof bits);
  return bits ^ (bits >> 31 ? kAllBits : uint32_t{1} << 31);
}
AF_DEVICE inline float score_of(uint32_t ordered) {
  const uint32_t bits = ordered ^ (ordered >> 31 ? uint32_t{1} << 31 : kAllBits);
  float score;
  memcpy(&score, &bits, sizeof score);
  return score;
}
// Large regions first, then the score, then 31 bits.
AF_DEVICE inline uint64_t region_key(bool large, uint32_t ordered, int32_t tail) {
  return static_cast<uint64_t>(large) << 63 | static_cast<uint64_t>(ordered) << 31 | static_cast<uint32_t>(tail);
}
AF_DEVICE inline uint32_t key_score(uint64_t key) { return static_cast<uint32_t>(key >> 31); }
AF_DEVICE inline int32_t key_tail(uint64_t key) { return static_cast<int32_t>(key & INT32_MAX); }

AF_DEVICE inline float score_region(const ClickImage& image, int id, bool positive) {
  const RegionSums sums = image.sums()[id];
  RegionTotals totals{};
  totals.area = sums.area;
  totals.error = totals.entropy = totals.doubt = sums.sum;  // of which the rule reads the one that was summed
  if (image.plan.statistics == Statistics::all) {
    const RegionExtremes extremes = image.extremes()[id];
    totals.entropy = extremes.entropy_sum;
    totals.error_max = extremes.error_max, totals.entropy_max = extremes.entropy_max;
  }
  return region_score(image.rule(), totals, positive);
}

// Regions have no say under `largest`, and where nothing is predicted.
AF_DEVICE inline bool regions_compete(const ClickImage& image) {
  return image.rule().strategy != Strategy::largest && image.head()->predicted;
}

// A rank takes a region.
template <class Group>
AF_DEVICE void score_regions(Group& group, const ClickImage& image) {
  if (!regions_compete(image)) return;
  ClickHead* head = image.head();
  uint64_t best = 0, worst = 0;
  for (int id = group.rank(); id < head->regions; id += group.size()) {
    const RegionSums& sums = image.sums()[id];
    if (sums.clicked == sums.area) continue;  // nothing to click: the next region's turn
    const int first = image.first()[id];
    const float score = image.rule().strategy == Strategy::random
                            ? random_score(image.plan.call.seed[image.image], first)
                            : score_region(image, id, image.bit(0, first));
    const bool large = sums.area >= image.rule().min_area;
    const uint64_t up = region_key(large, ordered(score), kLastPosition - first);
    const uint64_t down = region_key(large, ~ordered(score), first);
    best = up > best ? up : best, worst = down > worst ? down : worst;
  }
  best = group.team_max(best), worst = group.team_max(worst);
  if (group.lane() == 0 && best) relaxed::max(&head->best, best), relaxed::max(&head->worst, worst);
}

// Where the click falls: in one region, or anywhere, where regions have no say or several all have the same score.
struct Choice {
  bool by_region;
  int32_t first;     // the region's first pixel
  uint32_t classes;  // bit c: class c has candidates

  AF_DEVICE explicit Choice(const ClickImage& image) {
    const uint64_t best = image.head()->best, worst = image.head()->worst;
    first = kLastPosition - key_tail(best);
    const bool says_nothing = key_score(best) == ~key_score(worst) && first != key_tail(worst);
    by_region = best != 0 && !says_nothing;
    classes = !by_region ? 3 : image.bit(0, first) ? 1 : 2;
  }
};

}  // namespace activefreq::AF_ISA
