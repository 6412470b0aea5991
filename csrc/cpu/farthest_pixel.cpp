// A pixel is no farther from the edge than from the edge in its own row and column. That bound leaves few pixels
// whose exact distance has to be found, by a search along the row. Where it leaves too many (a large region with
// scattered holes), the whole transform is cheaper.
#include "cpu/farthest_pixel.h"

namespace activefreq::AF_ISA {

// The best pixel so far, and the work spent on finding it.
struct FarthestPixel::Search {
  const Spans& spans;
  const PlacementView& view;
  Candidate best{};
  int64_t work = 0;

  // Offer column x of box row y, no farther than `bound`; `column` is that row's distances, column[x] at x.
  void offer(const uint16_t* column, int64_t y, int64_t x, int32_t bound) {
    const int64_t image_y = spans.top + y, image_x = spans.left + x;
    int32_t squared = bound * bound;
    if (squared * view.largest_factor() < best.key || !view.open(image_y, image_x)) return;
    const uint64_t factor = view.factor(image_y, image_x);
    // An equal key wins only where it comes first.
    const bool before = image_y < best.y || (image_y == best.y && image_x < best.x);
    const uint64_t needed = best.key + (before ? 0 : 1);
    if (squared * factor < needed) return;
    int32_t offset = 1;
    for (; offset * offset < squared; ++offset) {
      const int32_t nearer = std::min(column[x - offset], column[x + offset]);
      const int32_t other = offset * offset + nearer * nearer;
      if (other >= squared) continue;
      squared = other;
      if (squared * factor < needed) break;
    }
    work += offset;
    if (squared * factor >= needed) best = {squared * factor, image_y, image_x, squared};
  }
};

void FarthestPixel::column_distances(const Spans& spans) {
  const int64_t pitch = spans.width + 2, size = (spans.rows + 2) * pitch;
  std::fill_n(column_.of(size), size, uint16_t{0});
  uint16_t* bound = bound_.of(spans.row[spans.rows]);
  for (int64_t y = 0; y < spans.rows; ++y) {
    uint16_t* here = column_.data() + (y + 1) * pitch + 1;
    const uint16_t* above = here - pitch;
    for (int32_t run = spans.row[y]; run < spans.row[y + 1]; ++run)
      for (int64_t x = spans.begin[run] - spans.left; x <= spans.end[run] - spans.left; ++x) here[x] = above[x] + 1;
  }
  for (int64_t y = spans.rows - 1; y >= 0; --y) {
    uint16_t* here = column_.data() + (y + 1) * pitch + 1;
    const uint16_t* below = here + pitch;
    for (int32_t run = spans.row[y]; run < spans.row[y + 1]; ++run) {
      uint16_t* first = here + (spans.begin[run] - spans.left);
      const uint16_t* next = below + (spans.begin[run] - spans.left);
      const int64_t length = spans.end[run] - spans.begin[run] + 1;
      uint16_t farthest = 0, to_left = 1, to_right = static_cast<uint16_t>(length);
      for (int64_t i = 0; i < length; ++i, ++to_left, --to_right) {
        const uint16_t down = next[i] + 1;
        first[i] = std::min(first[i], down);
        farthest = std::max(farthest, std::min(first[i], std::min(to_left, to_right)));
      }
      bound[run] = farthest;
    }
  }
}

Candidate FarthestPixel::operator()(const Spans& spans, const PlacementView& view) {
  const int32_t runs = spans.row[spans.rows];
  if (!runs) return {};
  column_distances(spans);
  const int64_t pitch = spans.width + 2;
  const uint16_t* bound = bound_.data();
  const int64_t patience = 8 * spans.rows * spans.width + 4096;
  Search search{spans, view};
  const auto scan = [&](int64_t y, int32_t run) {
    const uint16_t* column = column_.data() + (y + 1) * pitch + 1;
    const int64_t begin = spans.begin[run] - spans.left, end = spans.end[run] - spans.left;
    for (int64_t x = begin; x <= end; ++x) {
      const int64_t side = std::min(x - begin, end - x) + 1;
      search.offer(column, y, x, std::min<int32_t>(column[x], static_cast<int32_t>(side)));
    }
  };
  // The most promising run first: a good candidate rules out most others.
  const auto first = static_cast<int32_t>(std::max_element(bound, bound + runs) - bound);
  const int64_t first_row = std::upper_bound(spans.row, spans.row + spans.rows + 1, first) - spans.row - 1;
  scan(first_row, first);
  for (int64_t y = 0; y < spans.rows; ++y) {
    for (int32_t run = spans.row[y]; run < spans.row[y + 1]; ++run)
      if (uint64_t{bound[run]} * bound[run] * view.largest_factor() >= search.best.key) scan(y, run);
    if (search.work > patience) return transform(spans, view);
  }
  return search.best;
}

Candidate FarthestPixel::transform(const Spans& spans, const PlacementView& view) {
  const int64_t pitch = spans.width + 2;
  int32_t* squared = squared_.of(spans.width);
  Candidate best;
  for (int64_t y = 0; y < spans.rows; ++y) {
    distance_row_(column_.data() + (y + 1) * pitch + 1, spans.width, squared);
    for (int32_t run = spans.row[y]; run < spans.row[y + 1]; ++run)
      for (int64_t x = spans.begin[run]; x <= spans.end[run]; ++x) {
        const int32_t here = squared[x - spans.left];
        if (here * view.largest_factor() <= best.key || !view.open(spans.top + y, x)) continue;
        const uint64_t key = here * view.factor(spans.top + y, x);
        if (key > best.key) best = {key, spans.top + y, x, here};
      }
  }
  return best;
}

}  // namespace activefreq::AF_ISA
