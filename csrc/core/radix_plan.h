// How an axis of n points is cut into stages of a mixed-radix transform, at run time or, for the sizes that deserve
// kernels of their own, at compile time.
//
// The transform is in place and never reorders. n = r0 r1 .. runs forward by decimation in frequency: stage s takes
// butterflies of r_s points that lie `span` apart, and multiplies by roots of unity. That leaves frequency k at a
// position whose digits are those of k in reverse; what is done to the spectrum looks k up, and the inverse runs the
// same stages backwards.
#pragma once
#include <type_traits>

#include "core/portable.h"

namespace activefreq {

constexpr int kMaxStages = 10;       // 3^9 = 19683 points take 9
constexpr int kLargestCodelet = 16;  // in a transform of several stages, and wherever n is known at run time only

constexpr bool is_codelet(int n) { return (n >= 1 && n <= 8) || n == 12 || n == 14 || n == 16; }
// As the only stage of an axis whose size is known at compile time. 32 points do not fit in a thread's registers.
constexpr bool is_whole_codelet(int n) { return is_codelet(n) || n == 24 || n == 28; }

struct Radices {
  int count;  // 0: n has a prime factor over 7
  int radix[kMaxStages];
};

// Few stages of small radices; the last one odd where possible, which keeps shared memory free of bank conflicts.
constexpr Radices radices_of(int n, bool whole) {
  Radices result = {};
  int rest = n;
  while (!(is_codelet(rest) || (whole && result.count == 0 && is_whole_codelet(rest)))) {
    int head = 0, best = 1 << 30;
    for (int r = 2; r <= kLargestCodelet; ++r) {
      if (!is_codelet(r) || rest % r) continue;
      const int other = rest / r, larger = r > other ? r : other;
      const int cost = is_codelet(other) ? larger + (other % 2 ? 0 : 100) : (1 << 20) - r;
      if (cost < best) best = cost, head = r;
    }
    if (head == 0 || result.count == kMaxStages - 1) return {};
    result.radix[result.count++] = head;
    rest /= head;
  }
  result.radix[result.count++] = rest;
  return result;
}

// n / d by a multiplication, for n d < 2^32.
struct Divide {
  uint32_t magic;  // ceil(2^32 / d); 0 means d = 1
};
constexpr Divide divide_by(int d) {
  return {d == 1 ? 0u : static_cast<uint32_t>(((uint64_t{1} << 32) + static_cast<uint32_t>(d) - 1) / d)};
}

struct Stage {
  int radix;
  int span;  // distance between the points of a butterfly; they are turned by root[m * leg * step], m in [0, span)
  int step;  // n / (radix * span)
  Divide by_span;
};

// An axis whose size is known at run time.
struct GeneralAxis {
  int size, stages;
  Divide by_size, by_heads;  // heads = size / radix of the last stage
  Stage stage[kMaxStages];
};

// False where n has a prime factor over 7. `whole` as the kernel that will run it: its stages decide positions.
inline bool plan_axis(GeneralAxis& axis, int n, bool whole) {
  const Radices radices = radices_of(n, whole);
  axis = {};
  if (radices.count == 0) return false;
  axis.size = n;
  axis.stages = radices.count;
  axis.by_size = divide_by(n);
  axis.by_heads = divide_by(n / radices.radix[radices.count - 1]);
  for (int s = 0, length = n; s < radices.count; length /= radices.radix[s++]) {
    const int span = length / radices.radix[s];
    axis.stage[s] = {radices.radix[s], span, n / length, divide_by(span)};
  }
  return true;
}

namespace AF_ISA {

AF_HOST_DEVICE inline int divide(int n, Divide by) {
  return by.magic ? static_cast<int>((static_cast<uint64_t>(static_cast<uint32_t>(n)) * by.magic) >> 32) : n;
}

AF_HOST_DEVICE inline int span_quotient(const Stage& stage, int n) { return divide(n, stage.by_span); }

// An axis whose size is known at compile time, with the functions that GeneralAxis has below.
template <int kRadix, int kSpan, int kStep>
struct FixedStage {
  static constexpr int radix = kRadix, span = kSpan, step = kStep;
};
template <int kRadix, int kSpan, int kStep>
AF_HOST_DEVICE inline int span_quotient(FixedStage<kRadix, kSpan, kStep>, int n) {
  return n / kSpan;
}

template <int N>
struct FixedAxis {
  static constexpr Radices kRadices = radices_of(N, true);
  static constexpr int size = N, stages = kRadices.count;
  static_assert(stages >= 1 && stages <= 2, "FixedAxis: one or two stages");
  static constexpr int kFirst = kRadices.radix[0], kLast = kRadices.radix[stages - 1];
  using First = FixedStage<kFirst, N / kFirst, 1>;
  using Last = FixedStage<kLast, 1, N / kLast>;
};

template <int N>
AF_HOST_DEVICE inline typename FixedAxis<N>::First first_stage(FixedAxis<N>) {
  return {};
}
template <int N>
AF_HOST_DEVICE inline typename FixedAxis<N>::Last last_stage(FixedAxis<N>) {
  return {};
}
template <int N>
AF_HOST_DEVICE inline int size_quotient(FixedAxis<N>, int n) {
  return n / N;
}
template <int N>
AF_HOST_DEVICE inline int heads_quotient(FixedAxis<N>, int n) {
  return n / (N / FixedAxis<N>::kLast);
}
// The frequency at a position. `table` is for axes that are known at run time only.
template <int N>
AF_HOST_DEVICE inline int frequency_at(FixedAxis<N>, int position, const int*) {
  if constexpr (FixedAxis<N>::stages == 1) return position;
  constexpr int kFirst = FixedAxis<N>::kFirst, kSpan = N / kFirst;
  return position / kSpan + position % kSpan * kFirst;
}
// function(stage) for every stage but the first, in order, and backwards; likewise every stage but the last.
template <int N, class Function>
AF_HOST_DEVICE inline void after_first(FixedAxis<N>, Function function) {
  if constexpr (FixedAxis<N>::stages == 2) function(typename FixedAxis<N>::Last());
}
template <int N, class Function>
AF_HOST_DEVICE inline void back_to_second(FixedAxis<N>, Function function) {
  if constexpr (FixedAxis<N>::stages == 2) function(typename FixedAxis<N>::Last());
}
template <int N, class Function>
AF_HOST_DEVICE inline void before_last(FixedAxis<N>, Function function) {
  if constexpr (FixedAxis<N>::stages == 2) function(typename FixedAxis<N>::First());
}
template <int N, class Function>
AF_HOST_DEVICE inline void back_from_last(FixedAxis<N>, Function function) {
  if constexpr (FixedAxis<N>::stages == 2) function(typename FixedAxis<N>::First());
}

AF_HOST_DEVICE inline const Stage& first_stage(const GeneralAxis& axis) { return axis.stage[0]; }
AF_HOST_DEVICE inline const Stage& last_stage(const GeneralAxis& axis) { return axis.stage[axis.stages - 1]; }
AF_HOST_DEVICE inline int size_quotient(const GeneralAxis& axis, int n) { return divide(n, axis.by_size); }
AF_HOST_DEVICE inline int heads_quotient(const GeneralAxis& axis, int n) { return divide(n, axis.by_heads); }
AF_HOST_DEVICE inline int frequency_at(const GeneralAxis&, int position, const int* table) { return table[position]; }
template <class Function>
AF_HOST_DEVICE inline void after_first(const GeneralAxis& axis, Function function) {
  for (int s = 1; s < axis.stages; ++s) function(axis.stage[s]);
}
template <class Function>
AF_HOST_DEVICE inline void back_to_second(const GeneralAxis& axis, Function function) {
  for (int s = axis.stages - 1; s >= 1; --s) function(axis.stage[s]);
}
template <class Function>
AF_HOST_DEVICE inline void before_last(const GeneralAxis& axis, Function function) {
  for (int s = 0; s < axis.stages - 1; ++s) function(axis.stage[s]);
}
template <class Function>
AF_HOST_DEVICE inline void back_from_last(const GeneralAxis& axis, Function function) {
  for (int s = axis.stages - 2; s >= 0; --s) function(axis.stage[s]);
}

// Digits of a position, first stage most significant, are those of its frequency, first stage least significant.
AF_HOST_DEVICE inline int frequency_of(const GeneralAxis& axis, int position) {
  int frequency = 0;
  for (int s = 0; s < axis.stages; ++s) {
    const int digit = position / axis.stage[s].span;
    frequency += digit * axis.stage[s].step;
    position -= digit * axis.stage[s].span;
  }
  return frequency;
}
AF_HOST_DEVICE inline int position_of(const GeneralAxis& axis, int frequency) {
  int position = 0;
  for (int s = 0; s < axis.stages; ++s)
    position += frequency / axis.stage[s].step % axis.stage[s].radix * axis.stage[s].span;
  return position;
}

// function(std::integral_constant<int, radix>()): the same choice in all ranks of a group.
template <int kRadix, int kSpan, int kStep, class Function>
AF_HOST_DEVICE inline void with_radix(FixedStage<kRadix, kSpan, kStep>, Function function) {
  function(std::integral_constant<int, kRadix>());
}
template <class Function>
AF_HOST_DEVICE inline void with_radix(const Stage& stage, Function function) {
#define AF_RADIX(R) \
  case R:           \
    return function(std::integral_constant<int, R>());
  switch (stage.radix) {
    AF_RADIX(1)
    AF_RADIX(2)
    AF_RADIX(3)
    AF_RADIX(4)
    AF_RADIX(5)
    AF_RADIX(6)
    AF_RADIX(7)
    AF_RADIX(8)
    AF_RADIX(12)
    AF_RADIX(14)
    AF_RADIX(16)
  }
#undef AF_RADIX
}

}  // namespace AF_ISA
}  // namespace activefreq
