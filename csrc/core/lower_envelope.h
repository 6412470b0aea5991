// One column of the exact distance transform, from the distances along its rows, in a time that no distance lengthens:
//
//     d^2(i) = min over rows s of (i - s)^2 + across(s)^2,
//
// the lower envelope of a parabola per row. Two of them cross once, so those that are lowest somewhere, in the order of
// their rows, are a stack; each row enters it once and leaves it once (Felzenszwalb and Huttenlocher 2012; Meijster et
// al. 2000, whose integer form this is).
#pragma once
#include "core/portable.h"

namespace activefreq::AF_ISA {

struct Parabola {
  int32_t row, squared;  // of across: at most 16384^2, so no sum of two squares leaves 32 bits

  AF_DEVICE int32_t at(int i) const { return (i - row) * (i - row) + squared; }
  // The first row where a later parabola is lower. Asked only where it is not lower at row 0 already.
  AF_DEVICE int overtaken(const Parabola& later) const {
    const int32_t between = later.row * later.row - row * row + later.squared - squared;
    return between / (2 * (later.row - row)) + 1;
  }
};

// across(y), for y in [0, height): distance to the nearest background pixel of row y, 0 on background; the rows over
// and under the column are background. visit(y, d^2) from the last row to the first. stack: height + 2 values, `stride`
// apart.
template <class Across, class Visit>
AF_DEVICE void lower_envelope(int height, Across across, uint16_t* stack, int stride, Visit visit) {
  const int rows = height + 2;  // row y + 1 here is row y of the column
  const auto parabola = [&](int row) {
    const int32_t reach = row == 0 || row > height ? 0 : across(row - 1);
    return Parabola{row, reach * reach};
  };
  Parabola last = {0, 0};     // on top of the stack
  int under = 0, lowest = 0;  // parabolas under it, and where it begins to be lowest
  const auto pop = [&] {
    last = parabola(stack[static_cast<int64_t>(--under) * stride]);
    lowest = under ? parabola(stack[static_cast<int64_t>(under - 1) * stride]).overtaken(last) : 0;
  };
  stack[0] = 0;
  for (int row = 1; row < rows; ++row) {
    const Parabola next = parabola(row);
    while (next.at(lowest) < last.at(lowest)) pop();  // never the first: at row 0 nothing is lower than 0
    const int begin = last.overtaken(next);
    if (begin >= rows) continue;
    stack[static_cast<int64_t>(++under) * stride] = static_cast<uint16_t>(row);
    last = next, lowest = begin;
  }
  for (int row = rows - 1; row > 0; --row) {
    if (row < lowest) pop();
    if (row <= height) visit(row - 1, last.at(row));
  }
}

}  // namespace activefreq::AF_ISA
