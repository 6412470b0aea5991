// squared_distance on CUDA, three steps of one image over a group: along the rows by counting zeros in bit words; up
// and down from every pixel until no row can be nearer, d^2(x, y) = min over t of across(x, y + t)^2 + t^2; and where
// that takes too many rows, the whole column by its lower envelope. Nothing here synchronises: a sync, or the end of a
// kernel, goes between the steps.
#pragma once
#include "core/group.h"
#include "core/lower_envelope.h"
#include "core/squared_distance.h"

namespace activefreq::AF_ISA {

constexpr int kNearRows = 64;  // looked at to either side of a pixel before its column is left to the envelope

// Of one image: a flag per column that has a pixel farther away than that, distances along the rows, and the stacks.
struct DistanceSteps {
  int32_t* far;      // (width)
  uint16_t* across;  // (height, width)
  uint16_t* stack;   // (height + 2, width)
};
AF_HOST_DEVICE inline int64_t distance_workspace(int64_t height, int64_t width) {  // bytes of an image
  return (4 * width + 2 * (2 * height + 2) * width + 15) / 16 * 16;
}
AF_HOST_DEVICE inline DistanceSteps distance_steps(char* workspace, int64_t image, int64_t height, int64_t width) {
  char* const begin = workspace + image * distance_workspace(height, width);
  uint16_t* const across = reinterpret_cast<uint16_t*>(begin + 4 * width);
  return {reinterpret_cast<int32_t*>(begin), across, across + height * width};
}

// across: distance to the nearest background pixel of the same row, at most 16384. A team takes a row: from left to
// right it knows the last background pixel, from right to left the next one; lanes meet their own pixels twice.
template <class Group>
AF_DEVICE void measure_rows(Group& group, const uint8_t* mask, int height, int width, const DistanceSteps& steps) {
  for (int x = group.rank(); x < width; x += group.size()) steps.far[x] = 0;
  constexpr int kAhead = 4;  // words in flight
  const int chunks = (words32_of(width) + kAhead - 1) / kAhead;
  for (int y = group.team(); y < height; y += group.teams()) {
    const uint8_t* pixels = mask + y * width;
    uint16_t* row = steps.across + y * width;
    const auto read = [&](int chunk, uint32_t (&background)[1][kAhead]) {
      const int first = 32 * kAhead * chunk;
      group.template ballots<1, kAhead>(
          [&](int i) -> uint32_t { return first + i >= width || relaxed::constant(pixels + first + i) == 0; },
          background);
    };
    int last = -1;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      uint32_t background[1][kAhead];
      read(chunk, background);
      for (int k = 0; k < kAhead; ++k) {
        const int first = 32 * (kAhead * chunk + k);
        for (int i = group.lane(); i < 32 && first + i < width; i += group.lanes()) {
          const uint32_t before = background[0][k] & (kAllBits >> (31 - i));
          row[first + i] = static_cast<uint16_t>(first + i - (before ? first + highest_bit32(before) : last));
        }
        if (background[0][k]) last = first + highest_bit32(background[0][k]);
      }
    }
    int next = width;
    for (int chunk = chunks - 1; chunk >= 0; --chunk) {
      uint32_t background[1][kAhead];
      read(chunk, background);
      for (int k = kAhead - 1; k >= 0; --k) {
        const int first = 32 * (kAhead * chunk + k);
        for (int i = group.lane(); i < 32 && first + i < width; i += group.lanes()) {
          const uint32_t after = background[0][k] & (kAllBits << i);
          const int distance = (after ? first + lowest_bit32(after) : next) - (first + i);
          if (distance < row[first + i]) row[first + i] = static_cast<uint16_t>(distance);
        }
        if (background[0][k]) next = first + lowest_bit32(background[0][k]);
      }
    }
  }
}

// A rank takes a pixel. The rows over and under the image are background, so the search ends at the nearer of them.
template <class Group>
AF_DEVICE void search_columns(Group& group, const DistanceSteps& steps, int height, int width, int32_t* squared) {
  constexpr int kAhead = 4;  // rows in flight, either side
  const int pixels = height * width;
  for (int i = group.rank(); i < pixels; i += group.size()) {
    const int y = i / width, edge = y + 1 < height - y ? y + 1 : height - y;
    const uint16_t* here = steps.across + i;
    int32_t best = here[0] < edge ? here[0] : edge;
    best *= best;
    int offset = 1;
    for (; offset <= kNearRows && offset < edge && offset * offset < best; offset += kAhead) {
      for (int k = 0; k < kAhead; ++k) {
        const int away = offset + k < edge ? offset + k : edge - 1;
        const int32_t above = here[-away * width], below = here[away * width];
        const int32_t nearer = above < below ? above : below, other = away * away + nearer * nearer;
        best = other < best ? other : best;
      }
    }
    if (offset < edge && offset * offset < best)
      relaxed::store(steps.far + i % width, 1);
    else
      squared[i] = best;
  }
}

// A rank takes a column.
template <class Group>
AF_DEVICE void envelope_columns(Group& group, const DistanceSteps& steps, int height, int width, int32_t* squared) {
  for (int x = group.rank(); x < width; x += group.size())
    if (steps.far[x])
      lower_envelope(
          height, [&](int y) { return static_cast<int32_t>(steps.across[y * width + x]); }, steps.stack + x, width,
          [&](int y, int32_t value) { squared[y * width + x] = value; });
}

}  // namespace activefreq::AF_ISA
