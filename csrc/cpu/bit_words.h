// 64 pixels as the bits of one word, the first pixel lowest. Compilers do not find the move-mask instructions by
// themselves, so this is the one file with intrinsics for them.
#pragma once
#include <algorithm>
#include <cstring>

#include "core/portable.h"

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

namespace activefreq::AF_ISA {

constexpr int64_t words_of(int64_t width) { return (width + 63) / 64; }
inline uint64_t first_bits(int64_t count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }
inline int lowest_bit(uint64_t word) { return __builtin_ctzll(word); }
inline int count_bits(uint64_t word) { return __builtin_popcountll(word); }

// p > threshold for 64 values.
inline uint64_t bits_above(const float* p, float threshold) {
  uint64_t word = 0;
#if defined(__AVX512F__)
  const __m512 limit = _mm512_set1_ps(threshold);
  for (int i = 0; i < 4; ++i)
    word |= static_cast<uint64_t>(_mm512_cmp_ps_mask(_mm512_loadu_ps(p + 16 * i), limit, _CMP_GT_OQ)) << 16 * i;
#elif defined(__AVX2__)
  const __m256 limit = _mm256_set1_ps(threshold);
  for (int i = 0; i < 8; ++i) {
    const int bits = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(p + 8 * i), limit, _CMP_GT_OQ));
    word |= static_cast<uint64_t>(static_cast<uint32_t>(bits)) << 8 * i;
  }
#elif defined(__SSE2__)
  const __m128 limit = _mm_set1_ps(threshold);
  for (int i = 0; i < 16; ++i) {
    const int bits = _mm_movemask_ps(_mm_cmpgt_ps(_mm_loadu_ps(p + 4 * i), limit));
    word |= static_cast<uint64_t>(static_cast<uint32_t>(bits)) << 4 * i;
  }
#else
  for (int i = 0; i < 64; ++i) word |= static_cast<uint64_t>(p[i] > threshold) << i;
#endif
  return word;
}

// bytes[i] == value for 64 values.
inline uint64_t bits_equal(const void* bytes, int8_t value) {
  uint64_t word = 0;
#if defined(__AVX512BW__)
  word = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(bytes), _mm512_set1_epi8(value));
#elif defined(__AVX2__)
  for (int i = 0; i < 2; ++i) {
    const __m256i part = _mm256_loadu_si256(static_cast<const __m256i*>(bytes) + i);
    const int bits = _mm256_movemask_epi8(_mm256_cmpeq_epi8(part, _mm256_set1_epi8(value)));
    word |= static_cast<uint64_t>(static_cast<uint32_t>(bits)) << 32 * i;
  }
#elif defined(__SSE2__)
  for (int i = 0; i < 4; ++i) {
    const __m128i part = _mm_loadu_si128(static_cast<const __m128i*>(bytes) + i);
    const int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(value)));
    word |= static_cast<uint64_t>(static_cast<uint32_t>(bits)) << 16 * i;
  }
#else
  for (int i = 0; i < 64; ++i) word |= static_cast<uint64_t>(static_cast<const int8_t*>(bytes)[i] == value) << i;
#endif
  return word;
}

// Whether any 16-bit value of some registers is greater than the limit.
template <class Register, size_t kCount>
bool any_above(const Register (&registers)[kCount], uint16_t limit) {
#if defined(__AVX512BW__)
  const __m512i limits = _mm512_set1_epi16(static_cast<int16_t>(limit));
  uint32_t above = 0;
  for (const Register& values : registers) above |= _mm512_cmpgt_epu16_mask((__m512i)values, limits);
  return above != 0;
#elif defined(__AVX2__)
  const __m256i limits = _mm256_set1_epi16(static_cast<int16_t>(limit));
  __m256i above = _mm256_setzero_si256();  // differences saturate: 0 where not above
  for (const Register& values : registers) above = _mm256_or_si256(above, _mm256_subs_epu16((__m256i)values, limits));
  return !_mm256_testz_si256(above, above);
#elif defined(__SSE2__)
  const __m128i limits = _mm_set1_epi16(static_cast<int16_t>(limit));
  __m128i above = _mm_setzero_si128();
  for (const Register& values : registers) above = _mm_or_si128(above, _mm_subs_epu16((__m128i)values, limits));
  return _mm_movemask_epi8(_mm_cmpeq_epi16(above, _mm_setzero_si128())) != 0xffff;
#else
  uint16_t most = 0;
  for (const Register& values : registers)
    for (size_t i = 0; i < sizeof values / 2; ++i) most = std::max<uint16_t>(most, values[i]);
  return most > limit;
#endif
}

// A row's last values, made up to 64: the functions above always read 64.
template <class T>
struct Tail {
  T values[64];
  Tail(const T* row, int64_t count) {
    std::copy(row, row + count, values);
    std::fill(values + count, values + 64, T{});
  }
};

// The bits of a row of bytes that are not 0; words[words_of(width)] is set to 0 as a sentinel.
inline void bits_of_row(const uint8_t* row, int64_t width, uint64_t* words) {
  const int64_t full = width / 64;
  for (int64_t k = 0; k < full; ++k) words[k] = ~bits_equal(row + 64 * k, 0);
  if (width % 64) words[full] = ~bits_equal(Tail<uint8_t>(row + 64 * full, width % 64).values, 0);
  words[words_of(width)] = 0;
}

}  // namespace activefreq::AF_ISA
