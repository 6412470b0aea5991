// The kernel bodies of haar_dwt2 and haar_idwt2 on the host, for tests.
#include "core/haar_kernels.h"
#include "host/groups.h"

using namespace activefreq;
using namespace activefreq::AF_ISA;

extern "C" void haar(int64_t inverse, void* plane, void* ll, void* lh, void* hl, void* hh, int64_t planes,
                     int64_t height, int64_t width, int64_t element, int64_t repeat, const Run* run) {
  HaarPlanes p = {plane, {ll, lh, hl, hh}, planes, height, width, static_cast<Element>(element), repeat != 0, false};
  p.aligned = haar_is_aligned(p);
  run_group(*run, [&](auto& group) {
    if (inverse)
      haar_synthesise(group, p);
    else
      haar_analyse(group, p);
  });
}
