// band_split and band_merge: a block of bins of the spectrum along two axes of (height, width, depth) volumes.
//
// Along an axis of N samples the block is m bins of neighbouring frequencies, f to f + m - 1 modulo N. It also lives on
// a grid of m samples, the centre's, where the same bins have the frequencies g to g + m - 1 modulo m. The transforms
// along depth cancel, as the block has full depth. With F the N x m matrix of exp(-2 pi i (f + j) y / N), one for
// height and one for width, and G the m x m one of exp(-2 pi i (g + j) p / m):
//   bins of x          B = F_h' x F_w                      (m_h x m_w complex numbers at each depth)
//   split: centre        = scale Re(conj(G_h) B conj(G_w)') / (m_h m_w)
//          border        = x - Re(conj(F_h) B conj(F_w)') / (N_h N_w)
//   merge: merged        = border - Re(conj(F_h) (B - scale G_h' centre G_w) conj(F_w)') / (N_h N_w)
// where B in the last line is that of the border. So nothing but products with small matrices is left, and with
// N = m / theta they are a small part of a transform's work. The block need not hold the mirror of each of its bins,
// so the inverses are complex and the real part is a part of the definition.
//
// Each is the other's adjoint: with k = (N_h N_w) / (m_h m_w), the gradient of split with `scale` is merge with
// scale k, and the gradient of merge is split with scale / k.
//
// Complex numbers are pairs of rows, and every product is real. Between a real axis and its bins (height) the matrix
// has an entry for (sample y; part q of bin j): cos, -sin. Between a complex axis and its bins (width) it has one for
// (part p of sample x; part q of bin j): cos where p = q, sin from imaginary to real, -sin from real to imaginary.
// The way back is the transpose of either: Re(exp(i a) (u + i v)) = u cos a - v sin a.
#pragma once
#include "core/portable.h"

namespace activefreq {

struct BandAxis {
  int64_t size;                         // N
  int64_t count;                        // m
  int64_t frequency, centre_frequency;  // f in [0, N) and g in [0, m)
};

struct BandGrid {
  int64_t volumes;
  BandAxis height, width;
  int64_t depth;
};

template <class T>
struct BandSplit {
  BandGrid grid;
  const T* x;  // (volumes, height, width, depth)
  T* centre;   // (volumes, m_h, m_w, depth)
  T* border;   // as x
  double scale;
};

template <class T>
struct BandMerge {
  BandGrid grid;
  const T* centre;  // as above
  const T* border;
  T* merged;  // as border
  double scale;
};

namespace AF_ISA {

// The two grids that the bins of an axis live on.
struct BandSide {
  int64_t size, count, frequency;
};
AF_HOST_DEVICE inline BandSide large_side(const BandAxis& axis) { return {axis.size, axis.count, axis.frequency}; }
AF_HOST_DEVICE inline BandSide small_side(const BandAxis& axis) {
  return {axis.count, axis.count, axis.centre_frequency};
}

// exp(2 pi i turns / size) is the entry's root; turns are exact.
AF_HOST_DEVICE inline int64_t band_turns(const BandSide& side, int64_t sample, int64_t bin) {
  return (side.frequency + bin) % side.size * sample % side.size;
}
// The entry for part p of a sample and part q of a bin; 0 is the real one.
template <class T>
AF_HOST_DEVICE inline T band_entry(T cosine, T sine, int64_t p, int64_t q) {
  return p == q ? cosine : p ? sine : -sine;
}

}  // namespace AF_ISA
}  // namespace activefreq
