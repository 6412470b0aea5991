// N numbers as registers of the size that this build has. One vector type wider than the registers would be simpler,
// but compilers keep such a vector in memory and work on it in small pieces.
#pragma once
#include <cstring>

#include "core/portable.h"

namespace activefreq::AF_ISA {

#if defined(__AVX512BW__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif

template <class T, int N>
struct Pack {
  typedef T Register __attribute__((vector_size(kRegisterBytes)));
  static constexpr int kParts = N * static_cast<int>(sizeof(T)) / kRegisterBytes;
  static_assert(kParts * kRegisterBytes == N * static_cast<int>(sizeof(T)));
  Register part[kParts];

  static Pack load(const T* values) {
    Pack pack;
    std::memcpy(pack.part, values, sizeof pack.part);
    return pack;
  }
  static Pack all(T value) {
    Pack pack;
    for (int i = 0; i < kParts; ++i) pack.part[i] = Register{} + value;
    return pack;
  }
  static Pack counting_from(T first) {
    T values[N];
    for (int i = 0; i < N; ++i) values[i] = static_cast<T>(first + i);
    return load(values);
  }
  void store(T* values, int64_t count = N) const { std::memcpy(values, part, static_cast<size_t>(count) * sizeof(T)); }

  // f of the registers of several packs, one after the other
  template <class F, class... Packs>
  static Pack map(F f, const Packs&... packs) {
    Pack pack;
    for (int i = 0; i < kParts; ++i) pack.part[i] = f(packs.part[i]...);
    return pack;
  }
  friend Pack operator+(const Pack& a, const Pack& b) {
    return map([](Register x, Register y) { return x + y; }, a, b);
  }
  friend Pack operator-(const Pack& a, const Pack& b) {
    return map([](Register x, Register y) { return x - y; }, a, b);
  }
  friend Pack operator*(const Pack& a, const Pack& b) {
    return map([](Register x, Register y) { return x * y; }, a, b);
  }
  friend Pack min(const Pack& a, const Pack& b) {
    return map([](Register x, Register y) { return x < y ? x : y; }, a, b);
  }
  friend Pack max(const Pack& a, const Pack& b) {
    return map([](Register x, Register y) { return x > y ? x : y; }, a, b);
  }
  // a < b ? x : y
  friend Pack where_less(const Pack& a, const Pack& b, const Pack& x, const Pack& y) {
    return map([](Register p, Register q, Register u, Register v) { return p < q ? u : v; }, a, b, x, y);
  }

  T sum() const {
    return reduce([](const auto& a, const auto& b) { return a + b; });
  }
  T least() const {
    return reduce([](const auto& a, const auto& b) { return a < b ? a : b; });
  }
  T most() const {
    return reduce([](const auto& a, const auto& b) { return a > b ? a : b; });
  }

 private:
  // All numbers combined by f, in halves.
  template <class F>
  T reduce(F f) const {
    Register all = part[0];
    for (int i = 1; i < kParts; ++i) all = f(all, part[i]);
    return fold(f, all);
  }
  template <class F, class Vector>
  static T fold(F f, const Vector& vector) {
    if constexpr (sizeof(Vector) > 16) {
      typedef T Half __attribute__((vector_size(sizeof(Vector) / 2)));
      Half halves[2];
      std::memcpy(halves, &vector, sizeof vector);
      const Half half = f(halves[0], halves[1]);
      return fold(f, half);
    } else {
      T result = vector[0];
      for (size_t i = 1; i < sizeof vector / sizeof(T); ++i) result = static_cast<T>(f(result, T{vector[i]}));
      return result;
    }
  }
};

}  // namespace activefreq::AF_ISA
