// Sets of pixels on which many ranks work at once. A node points at a smaller index of its set; a root points at
// itself, or holds a negative number once roots are numbered. So a set's root is its smallest index: the first pixel in
// row-major order.
#pragma once
#include "core/relaxed.h"

namespace activefreq::AF_ISA {

// Shortens the chain on its way: a node that is no root never becomes one again, so whatever it is made to point at
// higher up in its set stays true, whoever writes last. Many ranks on one chain halve it together.
AF_DEVICE inline int32_t find_root(int32_t* parent, int32_t node) {
  for (;;) {
    const int32_t up = relaxed::load(parent + node);
    if (up < 0 || up == node) return node;
    const int32_t further = relaxed::load(parent + up);
    if (further < 0 || further == up) return up;
    relaxed::store(parent + node, further);
    node = further;
  }
}

// For a pass in which every node is made to point at its root by one rank, its owner. It writes nothing: a rank that
// shortened another's chain with what it read a moment ago would undo what the owner has just settled.
AF_DEVICE inline int32_t follow_to_root(const int32_t* parent, int32_t node) {
  for (;;) {
    const int32_t up = relaxed::load(parent + node);
    if (up < 0 || up == node) return node;
    node = up;
  }
}

AF_DEVICE inline void unite(int32_t* parent, int32_t a, int32_t b) {
  while ((a = find_root(parent, a)) != (b = find_root(parent, b))) {
    const int32_t high = a > b ? a : b, low = a > b ? b : a;
    const int32_t before = relaxed::min(parent + high, low);
    if (before == high) return;
    a = before, b = low;  // another rank linked `high` first: what it points at has to meet `low` too
  }
}

// Pixels of a word whose neighbours in the row above belong to the same set, one for each pair of runs that touch.
struct Contacts {
  uint32_t above_left, above, above_right;
};

// row(k), over(k): words of the row and of the row above, k = -1, 0, 1 words further to the right.
template <class Row, class Over>
AF_DEVICE Contacts contacts(Row row, Over over, int connectivity) {
  const uint32_t here = row(0), up = over(0);
  const uint32_t left = here << 1 | row(-1) >> 31, up_left = up << 1 | over(-1) >> 31;
  const uint32_t above = here & up & ~(left & up_left);
  if (connectivity == 4) return {0, above, 0};
  const uint32_t right = here >> 1 | row(1) << 31, up_right = up >> 1 | over(1) << 31;
  return {here & ~left & ~up & up_left, above, here & ~right & ~up & up_right};
}

}  // namespace activefreq::AF_ISA
