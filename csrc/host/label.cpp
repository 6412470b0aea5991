// The kernel bodies of label on the host, for tests.
#include "core/label_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

extern "C" void label(const uint8_t* mask, int32_t* labels, int32_t* counts, int64_t batch, int64_t height,
                      int64_t width, int64_t connectivity, const Run* run) {
  const Label p = {mask, labels, counts, batch, height, width, static_cast<int32_t>(connectivity)};
  std::vector<uint32_t> workspace(batch * label_workspace(p), 0xabababab);
  for (int64_t i = 0; i < batch; ++i) {
    const LabelImage image = label_image(p, workspace.data(), i);
    run_group(*run, [&](auto& group) {
      find_runs(group, image);
      group.sync();
      join_rows(group, image);
      group.sync();
      point_at_roots(group, image);
      group.sync();
      number_roots(group, image);
      group.sync();
      write_labels(group, image);
    });
  }
}

// Images on which a run differs from a group of one.
extern "C" int32_t differences(const Run* run) {
  std::mt19937 random(run->seed);
  int32_t count = 0;
  for (int connectivity : {4, 8})
    for (const auto& [height, width] : {std::pair(29, 70), std::pair(40, 33), std::pair(1, 64), std::pair(50, 1)}) {
      std::vector<uint8_t> mask(height * width);
      for (auto& pixel : mask) pixel = random() % 16 < 10;
      std::vector<int32_t> expected(mask.size(), -1), labels(mask.size(), -1);
      int32_t expected_count = -1, labels_count = -1;
      const Run alone = {Kind::alone, 1, 0, kNoSync};
      label(mask.data(), expected.data(), &expected_count, 1, height, width, connectivity, &alone);
      label(mask.data(), labels.data(), &labels_count, 1, height, width, connectivity, run);
      count += expected != labels || expected_count != labels_count;
    }
  return count;
}

// Pixels that do not point at their root after the pass that sees to it, from chains as long as joins may leave them.
extern "C" int32_t loose_ends(const Run* run) {
  constexpr int kHeight = 24, kWidth = 64, kPixels = kHeight * kWidth;
  std::mt19937 random(run->seed);
  const std::vector<uint8_t> mask(kPixels, 1);
  std::vector<int32_t> labels(kPixels);
  int32_t count = 0;
  const Label p = {mask.data(), labels.data(), &count, 1, kHeight, kWidth, 8};
  std::vector<uint32_t> workspace(label_workspace(p));
  const LabelImage image = label_image(p, workspace.data(), 0);
  Scalar<Alone> alone{Alone()};
  find_runs(alone, image);
  chain_together(labels.data(), kPixels, 1, random);
  run_group(*run, [&](auto& group) { point_at_roots(group, image); });
  return static_cast<int32_t>(kPixels - std::count(labels.begin(), labels.end(), 0));
}

#include "host/race_main.h"
