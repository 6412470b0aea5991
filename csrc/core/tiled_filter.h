// A spectral filter over two axes, cut into tiles that a thread block transforms in shared memory.
//
// Two real planes a, b that share a spectrum W travel as one complex plane z = a + ib:
//     FFT2(z) H -> IFFT2,   H = W made Hermitian,   real part = filtered a, imaginary part = filtered b,
// so that nothing is unpacked. H(k) is W(k) where the half axis holds k, conj W(-k) where it does not, and
// (W(k) + conj W(-k)) / 2 at DC and Nyquist of the half axis, which is core/spectral_filter.h's filter.
//
// Gradient of the weight, with X and G the transforms of the packed planes of x and of the gradient:
//     dW(k) = c / (2 n1 n2) (P(k) + conj P(-k)),   P = sum conj(X) G,   c = 1 at DC and Nyquist, else 2;
// what a packed pair adds to P beside conj(Xa) Ga + conj(Xb) Gb cancels in that symmetrisation.
#pragma once
#include "core/element_types.h"
#include "core/radix_plan.h"
#include "core/spectral_filter.h"

namespace activefreq {

struct alignas(8) Point {  // a complex number in memory
  float re, im;
};

// Axes that are not transformed, slowest first, and the number of their combinations.
struct PlaneAxes {
  FilterAxis axis[kMaxPlaneAxes];
  int count;
  int64_t combinations;
};

struct TiledFilter {
  GeneralAxis axis1, axis2;            // axis2 is the half axis
  int stride1, stride2;                // elements of x
  int weight_stride1, weight_stride2;  // complex numbers
  float scale;                         // 1 / (n1 n2)

  int64_t origin;       // element of x where the first plane starts
  PlaneAxes groups;     // each combination has a spectrum of its own
  PlaneAxes repeats;    // combinations that share it, but for one axis,
  int plane_stride;     // along which
  int64_t planes;       // planes pair up
  int64_t tiles;        // of a repeat: each holds 2^log2_pairs pairs of consecutive planes
  int64_t group_tiles;  // repeats times tiles
  int64_t slices;       // blocks of a group; block s takes tiles s, s + slices, .. of it
  int adjacent;         // planes 2j and 2j + 1 are neighbours in memory, and aligned as such

  // Element (i1, i2) of pair j lies at i1 row + i2 column + j depth of the tile. Either pairs are neighbours, or, where
  // planes are far apart in memory, the points of a line: lanes then read neighbours, and find distinct banks.
  int log2_pairs, pairs_first, row, column, depth, tile_points;  // tile_points: room, padding included
  Divide by_lines1, by_lines2, by_heads;                         // n1 pairs; n2 pairs; heads of axis2 times pairs

  const Point* weight;     // null: planes pass unchanged
  Point* partial;          // backward: (groups, slices, n1, n2), sums of conj(X) G at tile positions
  Point* spectrum;         // backward: (blocks, tile_points) for X, where a second tile exceeds shared memory; or null
  Point* weight_gradient;  // backward, as weight
};

// What one launch works on.
struct FilterTensors {
  const void* source;  // what is filtered: x, or in the backward pass the gradient of y
  const void* input;   // x of the forward pass; backward only
  void* output;
  Element element;
  bool backward;
};

}  // namespace activefreq
