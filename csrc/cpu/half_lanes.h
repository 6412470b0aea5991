// Few planes: two rows of half as many planes fill the lanes. Along rows, the low half of a vector is row r and the
// high half row r + 2. Columns need all rows of one column in the same lanes, so between the two the
// halves are exchanged: then the low half is column 2m, the high half column 2m + 1, of one row. The exchange undoes
// itself.
#pragma once
#include "cpu/lanes.h"

namespace activefreq::AF_ISA {

// (low of a, low of b) and (high of a, high of b), in place.
template <class T>
AF_INLINE void exchange_halves(ComplexVector<T>& a, ComplexVector<T>& b) {
  constexpr int lanes = kLanes<T>;
  constexpr auto all = std::make_integer_sequence<int, lanes>();
  const ComplexVector<T> first = a, second = b;
  a = {every_other<T, lanes / 2, lanes, 0>(first.re, second.re, all),
       every_other<T, lanes / 2, lanes, 0>(first.im, second.im, all)};
  b = {every_other<T, lanes / 2, lanes, 1>(first.re, second.re, all),
       every_other<T, lanes / 2, lanes, 1>(first.im, second.im, all)};
}

template <class T>
AF_INLINE Vector<T> halves(T low, T high) {
  constexpr int lanes = kLanes<T>;
  return every_other<T, lanes / 2, lanes, 0>(Vector<T>{} + low, Vector<T>{} + high,
                                             std::make_integer_sequence<int, lanes>());
}

template <class T>
AF_INLINE Vector<T> high_half_twice(Vector<T> v) {
  constexpr int lanes = kLanes<T>;
  return every_other<T, lanes / 2, lanes, 1>(v, v, std::make_integer_sequence<int, lanes>());
}

// The spectrum of a pair of rows, `count` columns and room for one more, as two rows of (count + 1) / 2 vectors.
template <class T>
void split_rows(ComplexVector<T>* pair, int64_t count, ComplexVector<T>* row, ComplexVector<T>* next) {
  pair[count] = {Vector<T>{}, Vector<T>{}};
  for (int64_t m = 0; 2 * m < count; ++m) {
    row[m] = pair[2 * m];
    next[m] = pair[2 * m + 1];
    exchange_halves<T>(row[m], next[m]);
  }
}

// And back.
template <class T>
void join_rows(const ComplexVector<T>* row, const ComplexVector<T>* next, int64_t count, ComplexVector<T>* pair) {
  for (int64_t m = 0; 2 * m < count; ++m) {
    pair[2 * m] = row[m];
    pair[2 * m + 1] = next[m];
    exchange_halves<T>(pair[2 * m], pair[2 * m + 1]);
  }
}

}  // namespace activefreq::AF_ISA
