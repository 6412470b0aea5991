// One vector of numbers, masked loads and stores of consecutive lanes, and the square transpose, for whichever
// instruction set this source is compiled for.
#pragma once
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/fft_codelets.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace activefreq::AF_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
using ComplexVector = Complex<Vector<T>>;

template <class T>
AF_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class T>
AF_INLINE void store(T* to, Vector<T> v) {
  std::memcpy(to, &v, sizeof v);
}

// Past the caches, at a multiple of kVectorBytes. Only worth while where a line of memory (64 bytes) is written as a
// whole at once: then it is neither read first nor takes the place of others. Streamed values are in order with what
// follows after end_of_stream().
template <class T>
AF_INLINE void stream(T* to, Vector<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)v);
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)v);
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)v);
#else
  store<T>(to, v);
#endif
}
inline void end_of_stream() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// v itself, in a register: compilers would rather read memory at every use, which is dear where it is not aligned.
template <class V>
AF_INLINE V in_register(V v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
  return v;
}

// Lanes begin to end. load_lanes(from, mask, v): lanes of the mask from memory, the others from v. Memory outside
// the mask is not touched.
template <class T>
struct LaneMask {
  int begin, end;
#if defined(__AVX512F__)
  uint32_t bits() const { return (1u << end) - (1u << begin); }
#elif defined(__AVX2__)
  template <class Integer>
  __m256i bits() const {
    constexpr int lanes = 32 / sizeof(Integer);
    alignas(32) Integer lane[lanes];
    for (int i = 0; i < lanes; ++i) lane[i] = i >= begin && i < end ? -1 : 0;
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(lane));
  }
#endif
};

#if defined(__AVX512F__)
constexpr bool kCheapMasks = true;  // masked accesses as fast as whole ones
using FloatMask = __mmask16;
using DoubleMask = __mmask8;
inline FloatMask mask_of(LaneMask<float> m) { return static_cast<FloatMask>(m.bits()); }
inline DoubleMask mask_of(LaneMask<double> m) { return static_cast<DoubleMask>(m.bits()); }
AF_INLINE Vector<float> load_lanes(const float* from, FloatMask m, Vector<float> v) {
  return (Vector<float>)_mm512_mask_loadu_ps((__m512)v, m, from);
}
AF_INLINE Vector<double> load_lanes(const double* from, DoubleMask m, Vector<double> v) {
  return (Vector<double>)_mm512_mask_loadu_pd((__m512d)v, m, from);
}
AF_INLINE void store_lanes(float* to, FloatMask m, Vector<float> v) { _mm512_mask_storeu_ps(to, m, (__m512)v); }
AF_INLINE void store_lanes(double* to, DoubleMask m, Vector<double> v) { _mm512_mask_storeu_pd(to, m, (__m512d)v); }
#elif defined(__AVX2__)
constexpr bool kCheapMasks = false;
struct FloatMask {
  __m256i bits;
};
struct DoubleMask {
  __m256i bits;
};
inline FloatMask mask_of(LaneMask<float> m) { return {m.bits<int32_t>()}; }
inline DoubleMask mask_of(LaneMask<double> m) { return {m.bits<int64_t>()}; }
AF_INLINE Vector<float> load_lanes(const float* from, FloatMask m, Vector<float> v) {
  return (Vector<float>)_mm256_blendv_ps((__m256)v, _mm256_maskload_ps(from, m.bits), _mm256_castsi256_ps(m.bits));
}
AF_INLINE Vector<double> load_lanes(const double* from, DoubleMask m, Vector<double> v) {
  return (Vector<double>)_mm256_blendv_pd((__m256d)v, _mm256_maskload_pd(from, m.bits), _mm256_castsi256_pd(m.bits));
}
AF_INLINE void store_lanes(float* to, FloatMask m, Vector<float> v) { _mm256_maskstore_ps(to, m.bits, (__m256)v); }
AF_INLINE void store_lanes(double* to, DoubleMask m, Vector<double> v) { _mm256_maskstore_pd(to, m.bits, (__m256d)v); }
#else
constexpr bool kCheapMasks = false;
using FloatMask = LaneMask<float>;
using DoubleMask = LaneMask<double>;
inline FloatMask mask_of(LaneMask<float> m) { return m; }
inline DoubleMask mask_of(LaneMask<double> m) { return m; }
template <class T>
AF_INLINE Vector<T> load_lanes(const T* from, LaneMask<T> m, Vector<T> v) {
  for (int i = m.begin; i < m.end; ++i) v[i] = from[i];
  return v;
}
template <class T>
AF_INLINE void store_lanes(T* to, LaneMask<T> m, Vector<T> v) {
  for (int i = m.begin; i < m.end; ++i) to[i] = v[i];
}
#endif

template <class T>
using Mask = decltype(mask_of(LaneMask<T>{0, 0}));

// The even (Odd = 0) or odd (Odd = 1) members of a followed by those of b, member = Unit lanes, within blocks of
// Block lanes: one shuffle instruction for the two kinds of block that transpose() uses.
template <class T, int Unit, int Block, int Odd, int... I>
AF_INLINE Vector<T> every_other(Vector<T> a, Vector<T> b, std::integer_sequence<int, I...>) {
  constexpr auto source = [](int lane) {
    const int block = lane / Block * Block, member = lane % Block / Unit, half = Block / Unit / 2;
    return block + (member % half * 2 + Odd) * Unit + lane % Unit + (member >= half ? kLanes<T> : 0);
  };
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(a, b, source(I)...);
#else
  typedef std::conditional_t<sizeof(T) == 4, int32_t, int64_t> Index __attribute__((vector_size(kVectorBytes)));
  return __builtin_shuffle(a, b, Index{source(I)...});
#endif
}

// One stage of the transpose, on the pairs of rows whose numbers differ in Bit.
template <class T, int Bit, int Unit, int Block>
AF_INLINE void exchange(Vector<T>* row) {
  constexpr auto all = std::make_integer_sequence<int, kLanes<T>>();
#pragma GCC unroll 16
  for (int pair = 0; pair < kLanes<T> / 2; ++pair) {
    const int i = pair / Bit * 2 * Bit + pair % Bit;
    const Vector<T> a = row[i], b = row[i + Bit];
    row[i] = every_other<T, Unit, Block, 0>(a, b, all);
    row[i + Bit] = every_other<T, Unit, Block, 1>(a, b, all);
  }
}

// In place, row[i] lane j <-> row[j] lane i. Each stage exchanges one bit of the row number with the lowest bit of
// the lane number and rotates the lane's bits; first within 16 bytes, then between blocks of 16 bytes.
template <class T, int Bit = 1>
AF_INLINE void transpose(Vector<T>* row) {
  constexpr int lanes = kLanes<T>, small = 16 / static_cast<int>(sizeof(T));
  if constexpr (Bit < small)
    exchange<T, Bit, 1, small>(row);
  else if constexpr (Bit < lanes)
    exchange<T, Bit, small, lanes>(row);
  if constexpr (2 * Bit < lanes) transpose<T, 2 * Bit>(row);
}

}  // namespace activefreq::AF_ISA
