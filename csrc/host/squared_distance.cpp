// The kernel bodies of squared_distance on the host, for tests.
#include "core/squared_distance_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

extern "C" void squared_distance(const uint8_t* mask, int32_t* squared, int64_t batch, int64_t height, int64_t width,
                                 const Run* run) {
  std::vector<int32_t> workspace(batch * distance_workspace(height, width) / 4, 7);
  for (int64_t image = 0; image < batch; ++image) {
    const int64_t start = image * height * width;
    const DistanceSteps steps = distance_steps(reinterpret_cast<char*>(workspace.data()), image, height, width);
    const int rows = static_cast<int>(height), columns = static_cast<int>(width);
    run_group(*run, [&](auto& group) {
      measure_rows(group, mask + start, rows, columns, steps);
      group.sync();
      search_columns(group, steps, rows, columns, squared + start);
      group.sync();
      envelope_columns(group, steps, rows, columns, squared + start);
    });
  }
}

// Images on which a run differs from a group of one.
extern "C" int32_t differences(const Run* run) {
  std::mt19937 random(run->seed);
  int32_t count = 0;
  for (const auto& [height, width] :
       {std::pair(9, 70), std::pair(40, 33), std::pair(1, 64), std::pair(50, 1), std::pair(132, 131)}) {
    std::vector<uint8_t> mask(height * width);
    for (auto& pixel : mask)
      pixel = height == 132 || random() % 40 != 0;  // the middle of the last one is far from background
    std::vector<int32_t> expected(mask.size()), squared(mask.size());
    const Run alone = {Kind::alone, 1, 0, kNoSync};
    squared_distance(mask.data(), expected.data(), 1, height, width, &alone);
    squared_distance(mask.data(), squared.data(), 1, height, width, run);
    count += expected != squared;
  }
  return count;
}

#include "host/race_main.h"
