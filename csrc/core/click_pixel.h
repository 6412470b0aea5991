// select_click on CUDA, second half: the pixel that the placement puts first, by branch and bound. Each function is one
// step of one image over a group and never synchronises; core/select_click_kernels.h gives the order.
//
// A placement maximises d^2 f, d the distance to the nearest pixel outside the class and f a factor of the pixel. d
// changes by no more than the way between two pixels, so d(centre) + radius bounds a cell, first of 32 x 32 pixels,
// then of 8 x 8; only pixels of cells that may still win are looked at. Distances are exact integers, and pruning
// leaves out only what cannot win, so the answer depends on no order. A region's own distances are those of its whole
// class (see cpu/farthest_pixel.h): the region only restricts the candidates.
#pragma once
#include <cmath>

#include "core/click_regions.h"

namespace activefreq::AF_ISA {

constexpr float kCoarseRadius = 22.628f, kFineRadius = 5.657f;  // from a cell's centre to its farthest pixel
constexpr uint32_t kNotProbed = kAllBits;                       // a fine cell with candidates and no bound yet
constexpr uint32_t kDiscLimit = 257;  // discs of bits decide d^2 >= need up to here: radius 16

AF_DEVICE inline bool weighted(const ClickImage& image) { return image.rule().placement != Placement::distance; }

AF_DEVICE inline uint64_t factor_of(const ClickImage& image, int c, int position) {
  if (!weighted(image)) return 1;
  const float p = relaxed::constant(image.prob() + position);
  return placement_factor(placement_weight(image.rule().placement, p, c == 0));
}

// Orders pixels of both classes; between classes a tie goes to the false positive. Plain distances leave room for the
// position: the first pixel wins. A weighted key does not, and takes a step of its own for it (find_first).
AF_DEVICE inline uint64_t pixel_key(bool weighted, uint64_t value, int c, int position) {
  if (weighted) return value << 1 | static_cast<uint64_t>(c);
  return value << 32 | static_cast<uint64_t>(c) << 31 | static_cast<uint32_t>(kLastPosition - position);
}
AF_DEVICE inline uint64_t key_value(bool weighted, uint64_t key) { return key >> (weighted ? 1 : 32); }
AF_DEVICE inline int key_class(bool weighted, uint64_t key) { return static_cast<int>(key >> (weighted ? 0 : 31) & 1); }

// The smallest d^2 > 0 with which a pixel gets ahead of `key`.
AF_DEVICE inline uint32_t needed(bool weighted, uint64_t key, int c, int position, uint64_t factor) {
  const uint64_t value = key_value(weighted, key);
  uint64_t needed = pixel_key(weighted, value, c, position) > key ? value : value + 1;
  if (weighted) needed = (needed + factor - 1) / factor;
  return needed < 1 ? 1 : needed < kNotProbed ? static_cast<uint32_t>(needed) : kNotProbed;
}

// d^2 of a key's value, were its factor as large as can be.
AF_DEVICE inline float least_squared(bool weighted, uint64_t key) {
  const float value = static_cast<float>(key_value(weighted, key));
  return weighted ? value * (1.f / static_cast<float>(kLargestPlacementFactor)) : value;
}

// Whether a pixel `radius` from a centre with d^2 = reach - 1 may still win. 0.01 pixels cover the roundings of float
// up to the largest image.
AF_DEVICE inline float farthest_squared(uint32_t reach, float radius) {
  const float far = sqrtf(static_cast<float>(reach - 1)) + radius + 0.01f;
  return far * far;
}
AF_DEVICE inline bool may_win(uint32_t reach, float radius, float squared) {
  return reach && (reach == kNotProbed || farthest_squared(reach, radius) >= squared);
}

// Candidates among 32 pixels: open pixels of the class, or of the region.
AF_DEVICE inline uint32_t candidate_bits(const ClickImage& image, const Choice& choice, int c, int y, int w) {
  uint32_t bits = image.word(c, y, w) & image.open_bits(y, w);
  if (!choice.by_region) return bits;
  for (uint32_t left = bits; left;) {
    const int b = lowest_bit32(left);
    const uint32_t carried = left + (uint32_t{1} << b),
                   run = left & ~carried;  // the carry passes through a run of ones
    if (image.root(c, y, 32 * w + b) != choice.first) bits &= ~run;
    left &= ~run;
  }
  return bits;
}

// d^2 of a pixel, exact, or some bound of it below `floor`; `work` counts the batches of rows. A team probes 32 rows to
// either side at once: the nearest ones first, then from the outermost inwards, where a disc that does not fit is found
// out soonest.
template <class Group>
AF_DEVICE uint32_t squared_to_edge(Group& group, const ClickImage& image, int c, int y, int x, uint32_t floor,
                                   int32_t& work) {
  if (!image.bit(c, y, x)) return 0;
  const int edge_x = x + 1 < image.width - x ? x + 1 : image.width - x;
  const int edge_y = y + 1 < image.height - y ? y + 1 : image.height - y, edge = edge_x < edge_y ? edge_x : edge_y;
  uint32_t bound = edge * edge;
  for (int batch = 0, next = (edge - 1) / 32;; batch = next--, ++work) {
    for (int r = group.lane(); r < 32; r += group.lanes()) {
      const int dy = 32 * batch + r;
      if (static_cast<uint32_t>(dy * dy) >= bound) continue;  // so dy < edge: the rows are inside
      for (int side = -1; side <= 1; side += 2) {
        const int row = y + side * dy;
        const int left = x - image.gap_before(c, row, x), right = image.gap_after(c, row, x) - x;
        const int across = left < right ? left : right;
        const uint32_t squared = dy * dy + across * across;
        bound = squared < bound ? squared : bound;
      }
    }
    bound = group.team_min(bound);
    const int reach = static_cast<int>(sqrtf(static_cast<float>(bound))) / 32;
    next = reach < next ? reach : next;
    if (bound < floor || next < 1) return bound;
  }
}

// d^2 + 1 of a cell's centre, which is offered as a click where it is a candidate.
template <class Group>
AF_DEVICE uint32_t probe(Group& group, const ClickImage& image, int c, int y, int x, float radius, bool candidate) {
  uint64_t* click = &image.head()->click;
  const bool by_weight = weighted(image);
  const float gap = sqrtf(least_squared(by_weight, group.first_lane(relaxed::load(click)))) - radius - 0.01f;
  int32_t work = 0;
  const uint32_t squared =
      squared_to_edge(group, image, c, y, x, gap > 0.f ? static_cast<uint32_t>(gap * gap) : 0, work);
  if (candidate && squared && group.lane() == 0) {
    const int position = y * image.width + x;
    const uint64_t value = squared * factor_of(image, c, position);
    relaxed::max(click, pixel_key(by_weight, value, c, position));
  }
  return squared + 1;
}

// Cells of 32 x 32 pixels. Also writes the candidates of those that hold any.
template <class Group>
AF_DEVICE void bound_coarse(Group& group, const ClickImage& image) {
  const int cells = image.plan.cell_rows * image.words;
  const Choice choice(image);
  const int top = choice.by_region ? choice.first / image.width : 0;
  group.share(
      2 * cells,
      [&](int i) -> uint32_t {
        const int c = i / cells, y = i % cells / image.words * 32;
        const bool in = choice.classes >> c & 1 && y + 31 >= top;
        if (!in) image.coarse(c)[i % cells] = 0;
        return in;
      },
      [&](int i, uint32_t) {
        const int c = i / cells, w = i % image.words, y = i % cells / image.words * 32;
        const int middle_y = y + 16 < image.height ? y + 16 : image.height - 1;
        const int middle_x = 32 * w + 16 < image.width ? 32 * w + 16 : image.width - 1;
        bool any = false, middle = false;
        for (int r = group.lane(); r < 32; r += group.lanes())
          if (y + r < image.height) {
            const uint32_t bits = candidate_bits(image, choice, c, y + r, w);
            image.candidates(c)[(y + r) * image.words + w] = bits;
            any |= bits != 0, middle |= y + r == middle_y && (bits >> (middle_x & 31) & 1);
          }
        const bool held = group.any(any), candidate = group.any(middle);
        const uint32_t reach = held ? probe(group, image, c, middle_y, middle_x, kCoarseRadius, candidate) : 0;
        if (group.lane() == 0) image.coarse(c)[i % cells] = reach;
      });
}

// Cells of 8 x 8 pixels of coarse cells that may still win. Where discs of bits can decide, nothing is probed.
template <class Group>
AF_DEVICE void bound_fine(Group& group, const ClickImage& image) {
  const int columns = 4 * image.words, cells = 4 * image.plan.cell_rows * columns;
  const bool by_weight = weighted(image);
  group.share(
      2 * cells,
      [&](int i) -> uint32_t {
        const int c = i / cells, y = i % cells / columns * 8, column = i % columns, w = column / 4;
        const uint64_t key = relaxed::load(&image.head()->click);
        const uint32_t reach = image.coarse(c)[y / 32 * image.words + w];
        if (!may_win(reach, kCoarseRadius, least_squared(by_weight, key))) return 0;
        uint32_t bits = 0;
        for (int r = 0; r < 8 && y + r < image.height; ++r)
          bits |= image.candidates(c)[(y + r) * image.words + w] >> (column % 4 * 8) & 255;
        image.fine(c)[i % cells] = bits ? kNotProbed : 0;
        return bits && (by_weight || least_squared(false, key) >= static_cast<float>(kDiscLimit));
      },
      [&](int i, uint32_t) {
        const int c = i / cells, y = i % cells / columns * 8, x = i % columns * 8;
        const int middle_y = y + 4 < image.height ? y + 4 : image.height - 1;
        const int middle_x = x + 4 < image.width ? x + 4 : image.width - 1;
        const bool candidate = image.candidates(c)[middle_y * image.words + middle_x / 32] >> (middle_x & 31) & 1;
        const uint32_t reach = probe(group, image, c, middle_y, middle_x, kFineRadius, candidate);
        if (group.lane() == 0) image.fine(c)[i % cells] = reach;
      });
}

// Of 32 pixels, those around which a disc of d^2 < need fits into the class, for need up to kDiscLimit.
AF_DEVICE inline uint32_t discs_fit(const ClickImage& image, int c, int y, int w, uint32_t bits, uint32_t need) {
  if (need > kDiscLimit) need = kDiscLimit;
  for (int dy = 0; bits && static_cast<uint32_t>(dy * dy) < need; ++dy) {
    const int half = static_cast<int>(sqrtf(static_cast<float>(need - 1 - dy * dy))), width = 2 * half + 1;
    if (y - dy < 0 || y + dy >= image.height) return 0;
    for (int side = -1; side <= 1; side += 2) {
      const int row = y + side * dy;
      uint64_t ones = image.word(c, row, w - 1) >> 16 | static_cast<uint64_t>(image.word(c, row, w)) << 16 |
                      static_cast<uint64_t>(image.word(c, row, w + 1)) << 48;
      int length = 1;  // bit i of `ones`: the pixels i to i + length - 1 are all in the class
      for (; 2 * length <= width; length *= 2) ones &= ones >> length;
      ones &= ones >> (width - length);
      bits &= static_cast<uint32_t>(ones >> (16 - half));
    }
  }
  return bits;
}

// The 32 pixels of word (c, y, w) that may have a value of at least that of `key`.
AF_DEVICE inline uint32_t pixels_that_may_win(const ClickImage& image, int c, int y, int w, uint64_t key) {
  const bool by_weight = weighted(image);
  const float least = least_squared(by_weight, key);
  const uint32_t reach = image.coarse(c)[y / 32 * image.words + w];
  if (!may_win(reach, kCoarseRadius, least)) return 0;
  uint32_t bits = image.candidates(c)[y * image.words + w];
  for (int k = 0; k < 4 && bits; ++k) {
    const uint32_t column = uint32_t{255} << 8 * k;
    if (!(bits & column)) continue;
    const uint32_t near = image.fine(c)[y / 8 * (4 * image.words) + 4 * w + k];
    if (!may_win(near, kFineRadius, least)) {
      bits &= ~column;
    } else if (by_weight) {  // with the pixel's own factor, and its distance along the row
      const float squared =
          near == kNotProbed ? farthest_squared(reach, kCoarseRadius) : farthest_squared(near, kFineRadius);
      for (uint32_t left = bits & column; left; left &= left - 1) {
        const int x = 32 * w + lowest_bit32(left), position = y * image.width + x;
        const int before = x - image.gap_before(c, y, x), after = image.gap_after(c, y, x) - x;
        const uint64_t across = before < after ? before : after, factor = factor_of(image, c, position);
        const float value = static_cast<float>(key_value(true, key));
        if (across * across * factor < key_value(true, key) || squared * static_cast<float>(factor) < value)
          bits &= ~(left & (~left + 1));
      }
    }
  }
  return bits;
}

// Leaves what is left to a sweep (core/click_sweep.h) where a team loses patience.
template <class Group>
AF_DEVICE void scan_pixels(Group& group, const ClickImage& image) {
  const int count = image.height * image.words;
  const bool by_weight = weighted(image);
  uint64_t* click = &image.head()->click;
  int32_t *left = &image.head()->pixels_left, work = 0;
  group.share(
      2 * count,
      [&](int i) -> uint32_t {
        const int c = i / count, y = i % count / image.words, w = i % image.words;
        const uint64_t key = relaxed::load(click);
        if (relaxed::load(left)) return 0;
        const uint32_t bits = pixels_that_may_win(image, c, y, w, key);
        return by_weight ? bits : discs_fit(image, c, y, w, bits, needed(false, key, c, y * image.width + 32 * w, 1));
      },
      [&](int i, uint32_t bits) {
        const int c = i / count, y = i % count / image.words, w = i % image.words;
        for (uint32_t asked = 0; bits;) {
          const int x = 32 * w + lowest_bit32(bits), position = y * image.width + x;
          const uint64_t factor = factor_of(image, c, position), key = group.first_lane(relaxed::load(click));
          const uint32_t need = needed(by_weight, key, c, position, factor);
          if (!by_weight && need != asked) {  // it moves as other teams find better ones
            bits = discs_fit(image, c, y, w, bits, asked = need);
            continue;
          }
          if (work > image.plan.patience) {
            if (group.lane() == 0) relaxed::store(left, 1);
            return;
          }
          const uint32_t squared = squared_to_edge(group, image, c, y, x, need, work);
          ++work;
          if (squared >= need && group.lane() == 0)
            relaxed::max(click, pixel_key(by_weight, squared * factor, c, position));
          bits &= bits - 1;
        }
      });
}

// Weighted placements: the first of the pixels that have the winning value.
template <class Group>
AF_DEVICE void find_first(Group& group, const ClickImage& image) {
  const int count = image.height * image.words;
  const uint64_t key = image.head()->click;
  if (!weighted(image) || !key) return;
  const int c = key_class(true, key);
  const uint64_t value = key_value(true, key);
  int32_t *first = &image.head()->first, *left = &image.head()->first_left, work = 0;
  const auto before = [&](int position) { return kLastPosition - position > relaxed::load(first); };
  group.share(
      count,
      [&](int i) -> uint32_t {
        const int y = i / image.words, w = i % image.words;
        if (relaxed::load(left) || !before(y * image.width + 32 * w)) return 0;
        return pixels_that_may_win(image, c, y, w, key);
      },
      [&](int i, uint32_t bits) {
        const int y = i / image.words, w = i % image.words;
        for (; bits; bits &= bits - 1) {
          const int x = 32 * w + lowest_bit32(bits), position = y * image.width + x;
          const uint64_t factor = factor_of(image, c, position), squared = value / factor;
          if (squared * factor != value) continue;
          if (work > image.plan.patience) {
            if (group.lane() == 0) relaxed::store(left, 1);
            return;
          }
          ++work;
          if (squared_to_edge(group, image, c, y, x, static_cast<uint32_t>(squared), work) != squared) continue;
          if (group.lane() == 0) relaxed::max(first, kLastPosition - position);
          return;  // later pixels of the word come after it
        }
      });
}

// One rank writes what the call answers.
template <class Group>
AF_DEVICE void write_click(Group& group, const ClickImage& image) {
  if (group.rank() != 0) return;
  const SelectClick& call = image.plan.call;
  const ClickHead& head = *image.head();
  const int64_t i = image.image;
  const bool valid = head.click && !head.not_finite, by_weight = weighted(image);
  const int c = key_class(by_weight, head.click);
  const int position = kLastPosition - (by_weight ? head.first : key_tail(head.click));
  call.valid[i] = valid, call.positive[i] = valid && c == 0;
  call.y[i] = call.x[i] = -1, call.area[i] = 0, call.score[i] = 0.f;
  if (head.not_finite) call.score[i] = NAN;
  if (!valid) return;
  const int y = position / image.width, x = position % image.width;
  call.y[i] = y, call.x[i] = x;
  call.area[i] = image.sums()[image.region(c, y, x)].area;
  const uint64_t squared = key_value(by_weight, head.click) / factor_of(image, c, position);
  call.score[i] = Choice(image).by_region ? score_of(key_score(head.best)) : static_cast<float>(squared);
}

}  // namespace activefreq::AF_ISA
