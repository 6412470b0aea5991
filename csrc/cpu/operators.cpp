// Compiled once per instruction set: the table of that build.
#include "cpu/operators.h"

namespace activefreq::AF_ISA {

void click_maps(const ClickMaps&, int threads);

const Operators& operators() {
  static const Operators table = {click_maps};
  return table;
}

}  // namespace activefreq::AF_ISA
