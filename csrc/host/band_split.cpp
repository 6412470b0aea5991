// The kernel bodies of band_split and band_merge on the host, for tests.
#include <vector>

#include "core/band_split_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

// Axes are the numbers of BandAxis.
extern "C" void band_split(int64_t merge, const void* volume, void* centre, void* result, int64_t volumes,
                           const int64_t* height, const int64_t* width, int64_t depth, int64_t element, double scale,
                           const Run* run) {
  const auto axis = [](const int64_t* n) { return BandAxis{n[0], n[1], n[2], n[3]}; };
  const BandGrid grid = {volumes, axis(height), axis(width), depth};
  std::vector<float> workspace(static_cast<size_t>(band_workspace(grid)));
  const BandCall call = {grid, static_cast<Element>(element), merge != 0, volume, centre, result, workspace.data(),
                         scale};
  band_steps(
      call, [&](const BandMatrices& p) { run_group(*run, [&](auto& group) { band_matrices(group, p); }); },
      [&](const BandProduct& p) { run_group(*run, [&](auto& group) { band_multiply(group, p); }); });
}
