// Compiled once per instruction set: the table of that build.
#include "cpu/operators.h"

namespace activefreq::AF_ISA {

void click_maps(const ClickMaps&, int threads);
void label(const Label&, int threads);
void squared_distance(const SquaredDistance&, int threads);
void select_click(const SelectClick&, int threads);

const Operators& operators() {
  static const Operators table = {click_maps, label, squared_distance, select_click};
  return table;
}

}  // namespace activefreq::AF_ISA
