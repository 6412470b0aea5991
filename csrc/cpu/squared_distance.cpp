// Down the columns, then back up and along each row as it is finished: cpu/distance_row.h.
#include "core/squared_distance.h"

#include "cpu/distance_row.h"
#include "cpu/huge_pages.h"
#include "cpu/parallel.h"

namespace activefreq::AF_ISA {
namespace {

void transform_image(const SquaredDistance& p, int64_t image) {
  thread_local Buffer<uint16_t> above_all, below_line;
  thread_local DistanceRow distance_row;
  const int64_t height = p.height, width = p.width;
  const uint8_t* mask = p.mask + image * height * width;
  int32_t* squared = p.squared + image * height * width;

  // Distance to the nearest background pixel above, the row over the image included.
  uint16_t* above = above_all.of(height * width);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      const uint16_t last = y ? above[(y - 1) * width + x] : 0;
      above[y * width + x] = mask[y * width + x] ? last + 1 : 0;
    }
  uint16_t* below = below_line.of(width);
  std::fill(below, below + width, uint16_t{0});
  for (int64_t y = height - 1; y >= 0; --y) {
    for (int64_t x = 0; x < width; ++x) {
      const uint16_t next = below[x] + 1;
      below[x] = std::min(above[y * width + x], next);  // 0 on the background
    }
    distance_row(below, width, squared + y * width);
  }
}

}  // namespace

void squared_distance(const SquaredDistance& p, int threads) {
  prefer_huge_pages(p.squared, p.batch * p.height * p.width);
  parallel_for(p.batch, 4 * p.height * p.width, threads, [&](int64_t image) { transform_image(p, image); });
}

}  // namespace activefreq::AF_ISA
