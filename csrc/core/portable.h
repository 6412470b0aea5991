// What every other header starts from: the namespace of a build and the marks for functions that a GPU runs too.
//
// AF_ISA names the instruction set that a source is compiled for (baseline, avx2, avx512, device, host). Functions live
// in activefreq::AF_ISA, so that the linker never hands one build's inline code to another: AVX-512 code reached
// from the baseline build would be an illegal instruction on an older processor. Parameter structs live in
// activefreq itself: they have no code, and the dispatcher passes them to whichever build it picked.
#pragma once
#include <cstddef>
#include <cstdint>

#ifndef AF_ISA
#define AF_ISA generic
#endif

// AF_HOST_DEVICE marks what both sides call. AF_DEVICE marks the bodies of CUDA kernels: device code for nvcc, ordinary
// functions for the host compiler, which runs them in tests (core/group.h).
#ifdef __CUDACC__
#define AF_HOST_DEVICE __host__ __device__
#define AF_DEVICE __device__
#else
#define AF_HOST_DEVICE
#define AF_DEVICE
#endif
