// The bodies of the kernels around a library's transforms (core/packed_filter.h), over groups that never meet: ranks
// are points of a plane, the pair or group of planes is given.
#pragma once
#include "core/packed_filter.h"

namespace activefreq::AF_ISA {

struct Frequency {
  int64_t k[3];
};
AF_DEVICE inline Frequency frequency_of_point(const PackedFilter& p, int64_t point) {
  const int64_t line = quotient(point, p.axis[2].size), plane = quotient(line, p.axis[1].size);
  return {{plane, line - plane * p.axis[1].size, point - line * p.axis[2].size}};
}
AF_DEVICE inline Frequency mirrored(const PackedFilter& p, const Frequency& f) {
  Frequency m;
  for (int i = 0; i < 3; ++i) m.k[i] = f.k[i] ? p.axis[i].size - f.k[i] : 0;
  return m;
}
AF_DEVICE inline int64_t point_of(const PackedFilter& p, const Frequency& f) {
  return (f.k[0] * p.axis[1].size + f.k[1]) * p.axis[2].size + f.k[2];
}
AF_DEVICE inline int64_t weight_of(const PackedFilter& p, const Frequency& f) {
  return f.k[0] * p.axis[0].weight_stride + f.k[1] * p.axis[1].weight_stride + f.k[2] * p.axis[2].weight_stride;
}
AF_DEVICE inline int64_t element_of(const PackedFilter& p, const Frequency& f) {
  return f.k[0] * p.axis[0].stride + f.k[1] * p.axis[1].stride + f.k[2] * p.axis[2].stride;
}

// The weight made Hermitian.
AF_DEVICE inline Number hermitian(const PackedFilter& p, const Point* weight, int64_t point) {
  const Frequency f = frequency_of_point(p, point), m = mirrored(p, f);
  if (f.k[2] == m.k[2]) {
    const Number a = load(weight + weight_of(p, f)), b = load(weight + weight_of(p, m));
    return {0.5f * (a.re + b.re), 0.5f * (a.im - b.im)};
  }
  return f.k[2] < m.k[2] ? load(weight + weight_of(p, f)) : conjugate(load(weight + weight_of(p, m)));
}

// Where the two planes of a pair start; the second may not exist.
struct PairPlanes {
  int64_t group, first, second;
  bool both;
};
AF_DEVICE inline PairPlanes pair_planes(const PackedFilter& p, int64_t pair) {
  const int64_t group = pair / p.group_pairs, member = 2 * (pair - group * p.group_pairs);
  const int64_t start = p.origin + plane_offset(p.groups, group).x;
  const bool both = member + 1 < p.members.combinations;
  return {group, start + plane_offset(p.members, member).x,
          both ? start + plane_offset(p.members, member + 1).x : int64_t{0}, both};
}

template <class Group>
AF_DEVICE inline void pack_pair(Group& group, const PackedFilter& p, Element element, const void* x, int64_t pair,
                                Point* to) {
  const PairPlanes planes = pair_planes(p, pair);
  with_element(element, [&](auto type) {
    using T = decltype(type);
    const T* from = static_cast<const T*>(x);
    for (int64_t i = group.rank(); i < p.points; i += group.size()) {
      const int64_t at = element_of(p, frequency_of_point(p, i));
      store(to + i, {to_float(from[planes.first + at]), planes.both ? to_float(from[planes.second + at]) : 0.f});
    }
  });
}
template <class Group>
AF_DEVICE inline void unpack_pair(Group& group, const PackedFilter& p, Element element, const Point* from, int64_t pair,
                                  void* y) {
  const PairPlanes planes = pair_planes(p, pair);
  with_element(element, [&](auto type) {
    using T = decltype(type);
    T* to = static_cast<T*>(y);
    for (int64_t i = group.rank(); i < p.points; i += group.size()) {
      const int64_t at = element_of(p, frequency_of_point(p, i));
      const Number z = load(from + i);
      from_float(z.re, to[planes.first + at]);
      if (planes.both) from_float(z.im, to[planes.second + at]);
    }
  });
}

template <class Group>
AF_DEVICE inline void multiply_pair(Group& group, const PackedFilter& p, int64_t pair, Point* z) {
  const Point* weight = p.weight + plane_offset(p.groups, pair / p.group_pairs).weight;
  for (int64_t i = group.rank(); i < p.points; i += group.size()) {
    const Number h = hermitian(p, weight, i);
    store(z + i, load(z + i) * Number{h.re * p.scale, h.im * p.scale});
  }
}

// The pairs of group `which` among pairs [begin, begin + count), whose transforms lie at input and source: sums takes
// conj(X) G in their order, and G goes times conj(H).
template <class Group>
AF_DEVICE inline void combine_pairs(Group& group, const PackedFilter& p, int64_t which, int64_t begin, int64_t count,
                                    const Point* input, Point* source, Point* sums) {
  const int64_t start = which * p.group_pairs, first = start > begin ? start : begin;
  const int64_t last = start + p.group_pairs < begin + count ? start + p.group_pairs : begin + count;
  const Point* weight = p.weight + plane_offset(p.groups, which).weight;
  for (int64_t i = group.rank(); i < p.points; i += group.size()) {
    const Number h = hermitian(p, weight, i), factor = {h.re * p.scale, -h.im * p.scale};
    Point* const total = sums + which * p.points + i;
    Number sum = first == start ? Number{0.f, 0.f} : load(total);
    for (int64_t pair = first; pair < last; ++pair) {
      const int64_t at = (pair - begin) * p.points + i;
      const Number g = load(source + at);
      sum = sum + g * conjugate(load(input + at));
      store(source + at, g * factor);
    }
    store(total, sum);
  }
}

// The weight's gradient of group `which` (core/tiled_filter.h).
template <class Group>
AF_DEVICE inline void finish_gradient(Group& group, const PackedFilter& p, int64_t which, const Point* sums) {
  const Point* from = sums + which * p.points;
  Point* const to = p.weight_gradient + plane_offset(p.groups, which).weight;
  for (int64_t i = group.rank(); i < p.points; i += group.size()) {
    const Frequency f = frequency_of_point(p, i), m = mirrored(p, f);
    if (f.k[2] > p.axis[2].size / 2) continue;
    const Number sum = load(from + i) + conjugate(load(from + point_of(p, m)));
    const float scale = f.k[2] == m.k[2] ? 0.5f * p.scale : p.scale;
    store(to + weight_of(p, f), {sum.re * scale, sum.im * scale});
  }
}

}  // namespace activefreq::AF_ISA
