// select_click on CUDA, where branch and bound would look at too many pixels (noise, many discs of one size): every
// candidate with its exact distance, column by column, by lower envelopes. The same pixel wins. Each function is one
// step of one image over a group and never synchronises.
#pragma once
#include "core/click_pixel.h"
#include "core/lower_envelope.h"

namespace activefreq::AF_ISA {

// A rank takes a column. visit(class, position, d^2) for every candidate.
template <class Group, class Visit>
AF_DEVICE void sweep_columns(Group& group, const ClickImage& image, Visit visit) {
  for (int x = group.rank(); x < image.width; x += group.size())
    for (int c = 0; c < 2; ++c) {
      const int w = x / 32;
      const auto is_candidate = [&](int y) {  // coarse cells without candidates have not written their bits
        return image.coarse(c)[y / 32 * image.words + w] && image.candidates(c)[y * image.words + w] >> (x & 31) & 1;
      };
      bool any = false;
      for (int y = 0; y < image.height && !any; ++y) any = is_candidate(y);
      if (!any) continue;
      const auto across = [&](int y) {
        const int before = x - image.gap_before(c, y, x), after = image.gap_after(c, y, x) - x;
        return before < after ? before : after;
      };
      lower_envelope(image.height, across, image.stack() + x, image.width, [&](int y, int32_t squared) {
        if (is_candidate(y)) visit(c, y * image.width + x, static_cast<uint32_t>(squared));
      });
    }
}

template <class Group>
AF_DEVICE void sweep_pixels(Group& group, const ClickImage& image) {
  const bool by_weight = weighted(image);
  uint64_t best = 0;
  sweep_columns(group, image, [&](int c, int position, uint32_t squared) {
    const uint64_t key = pixel_key(by_weight, squared * factor_of(image, c, position), c, position);
    best = key > best ? key : best;
  });
  best = group.team_max(best);
  if (group.lane() == 0 && best) relaxed::max(&image.head()->click, best);
}

// Weighted placements: the first of the pixels that have the winning value.
template <class Group>
AF_DEVICE void sweep_first(Group& group, const ClickImage& image) {
  const uint64_t key = image.head()->click;
  int32_t first = 0;
  sweep_columns(group, image, [&](int c, int position, uint32_t squared) {
    if (c != key_class(true, key) || squared * factor_of(image, c, position) != key_value(true, key)) return;
    first = kLastPosition - position > first ? kLastPosition - position : first;
  });
  first = group.team_max(first);
  if (group.lane() == 0 && first) relaxed::max(&image.head()->first, first);
}

}  // namespace activefreq::AF_ISA
