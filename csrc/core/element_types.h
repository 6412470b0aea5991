// The numbers that tensors on a GPU hold: float32, bfloat16, float16. Arithmetic is float32; storing rounds once, to
// nearest, ties to even. An element type is a run-time value here: a kernel branches on it where it reads and writes,
// once for all points of a butterfly, and is compiled once instead of three times.
#pragma once
#include "core/portable.h"

namespace activefreq {

enum class Element : int32_t { float32, bfloat16, float16 };

struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

// Two neighbours in memory, read and written as one.
template <class T>
struct alignas(2 * sizeof(T)) Neighbours {
  T first, second;
};

namespace AF_ISA {

union FloatBits {
  float value;
  uint32_t bits;
};

AF_DEVICE inline float to_float(float value) { return value; }
AF_DEVICE inline float to_float(BFloat16 value) {
  FloatBits f;
  f.bits = static_cast<uint32_t>(value.bits) << 16;
  return f.value;
}
AF_DEVICE inline float to_float(Float16 value) {
#ifdef __CUDA_ARCH__
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
#else
  // The bits at float32's places: an exponent that is too small by 112, which a multiplication corrects, also for
  // numbers below the normal ones; then infinity and NaN.
  FloatBits f, scale;
  f.bits = static_cast<uint32_t>(value.bits & 0x7fff) << 13;
  scale.bits = 239u << 23;  // 2^112
  f.value *= scale.value;
  if ((value.bits & 0x7c00) == 0x7c00) f.bits |= 0x7f800000u;
  f.bits |= static_cast<uint32_t>(value.bits & 0x8000) << 16;
  return f.value;
#endif
}

AF_DEVICE inline void from_float(float value, float& result) { result = value; }
AF_DEVICE inline void from_float(float value, BFloat16& result) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
  FloatBits f;
  f.value = value;
  const bool nan = (f.bits & 0x7fffffff) > 0x7f800000;
  result.bits = nan ? 0x7fff : static_cast<uint16_t>((f.bits + 0x7fff + (f.bits >> 16 & 1)) >> 16);
#endif
}
AF_DEVICE inline void from_float(float value, Float16& result) {
#ifdef __CUDA_ARCH__
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
#else
  FloatBits f, magic;
  f.value = value;
  const uint32_t sign = f.bits >> 16 & 0x8000;
  f.bits &= 0x7fffffff;
  uint32_t bits;
  if (f.bits > 0x7f800000) {
    bits = 0x7fff;
  } else if (f.bits >= 0x477ff000) {  // 65520 and above round to infinity
    bits = 0x7c00;
  } else if (f.bits < 0x38800000) {  // below 2^-14: adding 0.5 leaves 2^-24 as the last bit
    magic.bits = 126u << 23;
    f.value += magic.value;
    bits = f.bits - magic.bits;
  } else {
    bits = (f.bits - (112u << 23) + 0xfff + (f.bits >> 13 & 1)) >> 13;
  }
  result.bits = static_cast<uint16_t>(sign | bits);
#endif
}

// function(T()) with T the type of `element`.
template <class Function>
AF_DEVICE inline void with_element(Element element, Function function) {
  if (element == Element::float32)
    function(float());
  else if (element == Element::bfloat16)
    function(BFloat16());
  else
    function(Float16());
}

}  // namespace AF_ISA
}  // namespace activefreq
