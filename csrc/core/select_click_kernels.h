// select_click on CUDA: the order of its steps, for one image. A sync, or the end of a kernel, goes between them.
#pragma once
#include "core/click_sweep.h"

namespace activefreq::AF_ISA {

enum class ClickStep { masks, join, number, sum, score, coarse, fine, scan, sweep, first, sweep_first, write };

// One step alone. The head was cleared before the first.
template <ClickStep kStep, class Group>
AF_DEVICE void click_step(Group& group, const ClickImage& image) {
  if constexpr (kStep == ClickStep::masks) make_masks(group, image).store(image.head());
  if constexpr (kStep == ClickStep::join) join_rows(group, image);
  if constexpr (kStep == ClickStep::number) number_regions(group, image);
  if constexpr (kStep == ClickStep::sum) sum_regions(group, image);
  if constexpr (kStep == ClickStep::score) score_regions(group, image);
  if constexpr (kStep == ClickStep::coarse) bound_coarse(group, image);
  if constexpr (kStep == ClickStep::fine) bound_fine(group, image);
  if constexpr (kStep == ClickStep::scan) scan_pixels(group, image);
  if constexpr (kStep == ClickStep::sweep)
    if (image.head()->pixels_left) sweep_pixels(group, image);
  if constexpr (kStep == ClickStep::first)
    if (!image.head()->pixels_left) find_first(group, image);
  if constexpr (kStep == ClickStep::sweep_first)
    if (weighted(image) && (image.head()->pixels_left || image.head()->first_left)) sweep_first(group, image);
  if constexpr (kStep == ClickStep::write) write_click(group, image);
}

// All of them by one group.
template <class Group>
AF_DEVICE void select_click(Group& group, const ClickImage& image) {
  if (group.rank() == 0) *image.head() = ClickHead{};
  const SeenValues seen = make_masks(group, image);
  group.sync();
  seen.store(image.head());
  join_rows(group, image);
  group.sync();
  number_regions(group, image);
  group.sync();
  sum_regions(group, image);
  group.sync();
  score_regions(group, image);
  group.sync();
  bound_coarse(group, image);
  group.sync();
  bound_fine(group, image);
  group.sync();
  scan_pixels(group, image);
  group.sync();
  const bool pixels_left = image.head()->pixels_left;  // the same in all ranks: nobody writes it any more
  if (pixels_left) {
    sweep_pixels(group, image);
    group.sync();
  }
  if (weighted(image)) {
    if (!pixels_left) {
      find_first(group, image);
      group.sync();
    }
    if (pixels_left || image.head()->first_left) {
      sweep_first(group, image);
      group.sync();
    }
  }
  write_click(group, image);
}

}  // namespace activefreq::AF_ISA
