// label on CUDA, five steps of one image over a group. The labels' own memory is the union-find until the last two
// steps: pixels point at their run's first pixel, runs that touch are united, every pixel is made to point at its root,
// roots are numbered in raster order, and every pixel takes its root's number. Nothing here synchronises: a sync, or
// the end of a kernel, goes between the steps.
#pragma once
#include "core/group.h"
#include "core/label.h"
#include "core/union_find.h"

namespace activefreq::AF_ISA {

// One image of a call and its part of the workspace.
struct LabelImage {
  const uint8_t* mask;
  int32_t *labels, *count;
  uint32_t* bits;       // (height, words): the mask
  int32_t* row_counts;  // (height): components whose first pixel is in the row
  int height, width, words, connectivity;

  AF_DEVICE uint32_t word(int y, int k) const { return k < 0 || k >= words ? 0 : bits[y * words + k]; }
};

AF_HOST_DEVICE inline int64_t label_workspace(const Label& p) {  // values of 4 bytes per image
  return p.height * (words32_of(static_cast<int>(p.width)) + 1);
}

AF_HOST_DEVICE inline LabelImage label_image(const Label& p, uint32_t* workspace, int64_t image) {
  const int64_t plane = p.height * p.width;
  const int words = words32_of(static_cast<int>(p.width));
  uint32_t* bits = workspace + image * label_workspace(p);
  return {p.mask + image * plane,
          p.labels + image * plane,
          p.counts + image,
          bits,
          reinterpret_cast<int32_t*>(bits + p.height * words),
          static_cast<int>(p.height),
          static_cast<int>(p.width),
          words,
          p.connectivity};
}

// A team takes a row from left to right and knows the last background pixel.
template <class Group>
AF_DEVICE void find_runs(Group& group, const LabelImage& image) {
  constexpr int kAhead = 4;  // words in flight
  for (int y = group.team(); y < image.height; y += group.teams()) {
    const int row = y * image.width;
    int last = -1;
    for (int chunk = 0; chunk < image.words; chunk += kAhead) {
      uint32_t bits[1][kAhead];
      group.template ballots<1, kAhead>(
          [&](int i) -> uint32_t {
            const int x = 32 * chunk + i;
            return x < image.width && relaxed::constant(image.mask + row + x) != 0;
          },
          bits);
      for (int k = 0; k < kAhead && chunk + k < image.words; ++k) {
        const int first = 32 * (chunk + k);
        const uint32_t word = bits[0][k];
        if (group.lane() == 0) image.bits[y * image.words + chunk + k] = word;
        for (int i = group.lane(); i < 32 && first + i < image.width; i += group.lanes()) {
          const uint32_t gaps = ~word & (kAllBits >> (31 - i));
          const int start = (gaps ? first + highest_bit32(gaps) : last) + 1;
          image.labels[row + first + i] = word >> i & 1 ? row + start : 0;
        }
        if (~word) last = first + highest_bit32(~word);
      }
    }
  }
}

// A rank takes a word.
template <class Group>
AF_DEVICE void join_rows(Group& group, const LabelImage& image) {
  const int count = image.height * image.words;
  for (int i = image.words + group.rank(); i < count; i += group.size()) {
    const int y = i / image.words, w = i % image.words;
    if (!image.word(y, w)) continue;
    const Contacts touch = contacts([&](int k) { return image.word(y, w + k); },
                                    [&](int k) { return image.word(y - 1, w + k); }, image.connectivity);
    const int first = y * image.width + 32 * w, over = first - image.width;
    const auto unite_all = [&](uint32_t pixels, int shift) {
      for (; pixels; pixels &= pixels - 1) {
        const int x = lowest_bit32(pixels);
        unite(image.labels, first + x, over + x + shift);
      }
    };
    unite_all(touch.above_left, -1), unite_all(touch.above, 0), unite_all(touch.above_right, 1);
  }
}

// A team takes a row.
template <class Group>
AF_DEVICE void point_at_roots(Group& group, const LabelImage& image) {
  for (int y = group.team(); y < image.height; y += group.teams()) {
    int32_t count = 0;
    for (int w = 0; w < image.words; ++w) {
      const uint32_t word = image.word(y, w);
      if (!word) continue;
      const int first = y * image.width + 32 * w;
      uint32_t roots[1][1];
      group.template ballots<1, 1>(
          [&](int i) -> uint32_t {
            if (!(word >> i & 1)) return 0;
            const int32_t root = follow_to_root(image.labels, first + i);
            if (root != first + i) relaxed::store(image.labels + first + i, root);
            return root == first + i;
          },
          roots);
      count += count_bits32(roots[0][0]);
    }
    if (group.lane() == 0) image.row_counts[y] = count;
  }
}

// A team takes a row and counts the components before it: whole rows at once, which is quicker than a chain of sums.
template <class Group>
AF_DEVICE void number_roots(Group& group, const LabelImage& image) {
  for (int y = group.team(); y < image.height; y += group.teams()) {
    const int32_t count = image.row_counts[y];
    int32_t number = 0;
    if (count || y == image.height - 1) {
      for (int above = group.lane(); above < y; above += group.lanes()) number += image.row_counts[above];
      number = group.team_sum(number);
    }
    if (y == image.height - 1 && group.lane() == 0) *image.count = number + count;
    for (int w = 0, left = count; left && w < image.words; ++w) {
      const uint32_t word = image.word(y, w);
      if (!word) continue;
      const int first = y * image.width + 32 * w;
      uint32_t roots[1][1];
      group.template ballots<1, 1>(
          [&](int i) -> uint32_t { return (word >> i & 1) && image.labels[first + i] == first + i; }, roots);
      const uint32_t held = roots[0][0];
      for (int i = group.lane(); i < 32; i += group.lanes())
        if (held >> i & 1) image.labels[first + i] = ~(number + count_bits32(held & (kAllBits >> (31 - i))));
      number += count_bits32(held), left -= count_bits32(held);
    }
  }
}

// A rank takes a pixel. A root holds ~number until its own rank comes by, then the number.
template <class Group>
AF_DEVICE void write_labels(Group& group, const LabelImage& image) {
  const int pixels = image.height * image.width;
  for (int i = group.rank(); i < pixels; i += group.size()) {
    const int y = i / image.width, x = i % image.width;
    if (!(image.word(y, x / 32) >> x % 32 & 1)) continue;
    int32_t value = relaxed::load(image.labels + i);
    if (value >= 0) value = relaxed::load(image.labels + value);
    relaxed::store(image.labels + i, value < 0 ? ~value : value);
  }
}

}  // namespace activefreq::AF_ISA
