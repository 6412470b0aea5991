// The bodies of the kernels around a library's real transforms (core/rfft2.h), over groups that never meet: a rank
// takes frequencies of a spectrum tensor.
#pragma once
#include "core/rfft2.h"
#include "core/tile_access.h"

namespace activefreq {

struct GatedSpectrum {
  const Point* spectrum;  // (planes, height, width / 2 + 1), S
  const void* gate;       // of its shape, or null
  Gate kind;
  int64_t planes, height, width;
  float scale;   // s
  bool adjoint;  // hermitian_product: of rfft2
};

AF_HOST_DEVICE inline int64_t spectrum_points(const GatedSpectrum& p) {
  return p.planes * p.height * (p.width / 2 + 1);
}

namespace AF_ISA {

AF_DEVICE inline Number gate_at(const GatedSpectrum& p, int64_t i) {
  if (p.kind == Gate::complex) return load(static_cast<const Point*>(p.gate) + i);
  return {p.kind == Gate::real ? static_cast<const float*>(p.gate)[i] : 1.f, 0.f};
}
AF_DEVICE inline Number gated(const GatedSpectrum& p, int64_t i) {
  const Number value = load(p.spectrum + i), gate = gate_at(p, i);
  return p.kind == Gate::complex ? value * gate : Number{value.re * gate.re, value.im * gate.re};
}

struct PlaneFrequency {
  int64_t line, row, column;  // line: of all planes
};
AF_DEVICE inline PlaneFrequency plane_frequency(const GatedSpectrum& p, int64_t i) {
  const int64_t frequencies = p.width / 2 + 1, line = i / frequencies;
  return {line, line % p.height, i - line * frequencies};
}
AF_DEVICE inline bool is_own_mirror(const GatedSpectrum& p, int64_t column) {
  return column == 0 || 2 * column == p.width;
}

// product = s gate S, made Hermitian on the columns that are their own mirror: a complex-to-real transform may or may
// not read what this removes.
template <class Group>
AF_DEVICE inline void hermitian_product(Group& group, const GatedSpectrum& p, Point* product) {
  for (int64_t i = group.rank(); i < spectrum_points(p); i += group.size()) {
    const PlaneFrequency at = plane_frequency(p, i);
    Number z = gated(p, i);
    if (is_own_mirror(p, at.column)) {
      const int64_t mirrored = at.row ? p.height - at.row : 0;
      const Number m = gated(p, i + (mirrored - at.row) * (p.width / 2 + 1));
      z = {0.5f * (z.re + m.re), 0.5f * (z.im - m.im)};
    } else if (p.adjoint) {
      z = {0.5f * z.re, 0.5f * z.im};
    }
    store(product + i, {z.re * p.scale, z.im * p.scale});
  }
}

// gradient holds the transform of the gradient of y: P is that times s h. It becomes conj(gate) P, and gate_gradient
// conj(S) P or its real part.
template <class Group>
AF_DEVICE inline void product_gradient(Group& group, const GatedSpectrum& p, Point* gradient, void* gate_gradient) {
  for (int64_t i = group.rank(); i < spectrum_points(p); i += group.size()) {
    const float factor = is_own_mirror(p, plane_frequency(p, i).column) ? p.scale : 2.f * p.scale;
    const Number g = load(gradient + i), scaled = {g.re * factor, g.im * factor};
    const Number product = scaled * conjugate(load(p.spectrum + i));
    store(gradient + i, scaled * conjugate(gate_at(p, i)));
    if (p.kind == Gate::complex)
      store(static_cast<Point*>(gate_gradient) + i, product);
    else
      static_cast<float*>(gate_gradient)[i] = product.re;
  }
}

}  // namespace AF_ISA
}  // namespace activefreq
