// The bodies of the Haar kernels over a group of ranks that never meet (core/group.h): a rank takes blocks of 2 x 2.
#pragma once
#include "core/element_types.h"
#include "core/haar.h"

namespace activefreq {

struct HaarPlanes {
  void* plane;    // (planes, height, width)
  void* band[4];  // ll, lh, hl, hh, each (planes, ceil(height / 2), ceil(width / 2))
  int64_t planes, height, width;
  Element element;
  bool repeat;   // as HaarAnalysis and HaarSynthesis have it
  bool aligned;  // two neighbours of a row are one access
};

// Whether rows start, and tensors lie, so that neighbours can be read as one.
inline bool haar_is_aligned(const HaarPlanes& p) {
  const uintptr_t bytes = p.element == Element::float32 ? 8 : 4;
  return p.width % 2 == 0 && reinterpret_cast<uintptr_t>(p.plane) % bytes == 0;
}

AF_HOST_DEVICE inline int64_t haar_blocks(const HaarPlanes& p) {
  return p.planes * ((p.height + 1) / 2) * ((p.width + 1) / 2);
}

namespace AF_ISA {

struct HaarPlace {
  int64_t top;         // the block's first sample
  bool right, bottom;  // it has a second column, row
};
AF_DEVICE inline HaarPlace haar_place(const HaarPlanes& p, int64_t block) {
  const int64_t columns = (p.width + 1) / 2, rows = (p.height + 1) / 2;
  const bool small = (p.planes * rows * columns) >> 32 == 0;  // a division of 64 bits takes a hundred instructions
  const auto divided = [small](int64_t n, int64_t d) {
    return small ? static_cast<int64_t>(static_cast<uint32_t>(n) / static_cast<uint32_t>(d)) : n / d;
  };
  const int64_t line = divided(block, columns), plane = divided(line, rows);
  const int64_t y = 2 * (line - plane * rows), x = 2 * (block - line * columns);
  return {(plane * p.height + y) * p.width + x, x + 1 < p.width, y + 1 < p.height};
}

template <class T>
AF_DEVICE inline void read_two(const T* from, bool both, bool aligned, bool repeat, float* values) {
  if (aligned) {
    const auto two = *reinterpret_cast<const Neighbours<T>*>(from);
    values[0] = to_float(two.first);
    values[1] = to_float(two.second);
  } else {
    values[0] = to_float(from[0]);
    values[1] = both ? to_float(from[1]) : repeat ? values[0] : 0.f;
  }
}
template <class T>
AF_DEVICE inline void write_two(T* to, bool both, bool aligned, const float* values) {
  if (aligned) {
    Neighbours<T> two;
    from_float(values[0], two.first);
    from_float(values[1], two.second);
    *reinterpret_cast<Neighbours<T>*>(to) = two;
  } else {
    from_float(values[0], to[0]);
    if (both) from_float(values[1], to[1]);
  }
}

template <class Group>
AF_DEVICE inline void haar_analyse(Group& group, const HaarPlanes& p) {
  with_element(p.element, [&](auto type) {
    using T = decltype(type);
    for (int64_t block = group.rank(); block < haar_blocks(p); block += group.size()) {
      const HaarPlace at = haar_place(p, block);
      const T* from = static_cast<const T*>(p.plane) + at.top;
      float top[2], bottom[2] = {0.f, 0.f};
      read_two(from, at.right, p.aligned, p.repeat, top);
      if (at.bottom)
        read_two(from + p.width, at.right, p.aligned, p.repeat, bottom);
      else if (p.repeat)
        bottom[0] = top[0], bottom[1] = top[1];
      const HaarBlock<float> bands = haar_block(top[0], top[1], bottom[0], bottom[1]);
      for (int i = 0; i < 4; ++i) from_float(bands.v[i], static_cast<T*>(p.band[i])[block]);
    }
  });
}

template <class Group>
AF_DEVICE inline void haar_synthesise(Group& group, const HaarPlanes& p) {
  with_element(p.element, [&](auto type) {
    using T = decltype(type);
    for (int64_t block = group.rank(); block < haar_blocks(p); block += group.size()) {
      const HaarPlace at = haar_place(p, block);
      float v[4];
      for (int i = 0; i < 4; ++i) v[i] = to_float(static_cast<const T*>(p.band[i])[block]);
      HaarBlock<float> samples = haar_block(v[0], v[1], v[2], v[3]);
      if (p.repeat && !at.right) samples.v[0] += samples.v[1], samples.v[2] += samples.v[3];
      if (p.repeat && !at.bottom) samples.v[0] += samples.v[2], samples.v[1] += samples.v[3];
      T* to = static_cast<T*>(p.plane) + at.top;
      write_two(to, at.right, p.aligned, samples.v);
      if (at.bottom) write_two(to + p.width, at.right, p.aligned, samples.v + 2);
    }
  });
}

}  // namespace AF_ISA
}  // namespace activefreq
