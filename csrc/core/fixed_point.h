// What a pixel adds to a region, as integers: sums of integers do not depend on their order. Mirrors
// activefreq/reference/fixed_point.py operation by operation; contraction is off, so that every build agrees bit for
// bit.
#pragma once
#include <cstring>

#include "core/portable.h"

namespace activefreq::AF_ISA {

constexpr int32_t kOne = 1 << 30;         // stands for 1: values are counted in steps of 2^-30
constexpr float kTiny = 1.17549435e-38f;  // 2^-126, the smallest normal float, the floor under every logarithm

// Natural logarithm of a normal, positive number. x = 2^e m with sqrt(1/2) <= m < sqrt(2); s = (m - 1) / (m + 1), z =
// s^2; log m = 2 artanh s = 2 s (1 + z/3 + z^2/5 + z^3/7 + z^4/9 + ...), and z < 0.0295 leaves the next term below
// 3e-9.
AF_HOST_DEVICE inline float log_positive(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;
  bits -= exponent * (1 << 23);
  float mantissa;
  std::memcpy(&mantissa, &bits, sizeof mantissa);
  const float s = (mantissa - 1.f) / (mantissa + 1.f), z = s * s;
  const float series = z * (z * (z * (z * (1.f / 9.f) + 1.f / 7.f) + 1.f / 5.f) + 1.f / 3.f);
  const float twice = s + s;
  return static_cast<float>(exponent) * 0.693147181f + (twice * series + twice);
}

AF_HOST_DEVICE inline float at_least(float x, float floor) { return x > floor ? x : floor; }  // NaN becomes the floor
AF_HOST_DEVICE inline float into_unit(float p) {
  p = at_least(p, 0.f);
  return p < 1.f ? p : 1.f;
}

AF_HOST_DEVICE inline int32_t fixed_probability(float p) {
  return static_cast<int32_t>(into_unit(p) * static_cast<float>(kOne));
}

// |p - g|: g = 1 on the object. Among error pixels these are the ones that are not predicted.
AF_HOST_DEVICE inline int32_t fixed_error(float p, bool object) {
  const int32_t probability = fixed_probability(p);
  return object ? kOne - probability : probability;
}

// 1 - max(p, 1 - p), of the rounded probability
AF_HOST_DEVICE inline int32_t fixed_doubt(float p) {
  const int32_t probability = fixed_probability(p), rest = kOne - probability;
  return probability < rest ? probability : rest;
}

// -(p log p + q log q), q = 1 - p, in nats: at most ln 2
AF_HOST_DEVICE inline int32_t fixed_entropy(float p) {
  p = into_unit(p);
  const float q = 1.f - p;
  const float negative = p * log_positive(at_least(p, kTiny)) + q * log_positive(at_least(q, kTiny));
  return static_cast<int32_t>(at_least(-negative, 0.f) * static_cast<float>(kOne));
}

}  // namespace activefreq::AF_ISA
