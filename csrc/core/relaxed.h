// Memory that several ranks of a group touch between two syncs. Every operation is atomic and relaxed: it says nothing
// about other addresses; that is what sync() is for. On the device they hold for the whole device.
#pragma once
#include "core/portable.h"

namespace activefreq::AF_ISA::relaxed {

#ifdef __CUDACC__

template <class T>
AF_DEVICE T load(const T* address) {
  return *static_cast<const volatile T*>(address);
}
template <class T>
AF_DEVICE void store(T* address, T value) {
  *static_cast<volatile T*>(address) = value;
}
// These return what was there before.
AF_DEVICE inline int32_t add(int32_t* address, int32_t value) { return atomicAdd(address, value); }
AF_DEVICE inline int64_t add(int64_t* address, int64_t value) {
  return static_cast<int64_t>(
      atomicAdd(reinterpret_cast<unsigned long long*>(address), static_cast<unsigned long long>(value)));
}
AF_DEVICE inline int32_t min(int32_t* address, int32_t value) { return atomicMin(address, value); }
AF_DEVICE inline int32_t max(int32_t* address, int32_t value) { return atomicMax(address, value); }
AF_DEVICE inline uint64_t max(uint64_t* address, uint64_t value) {
  return atomicMax(reinterpret_cast<unsigned long long*>(address), static_cast<unsigned long long>(value));
}
// An input that nobody writes while the kernel runs.
template <class T>
AF_DEVICE T constant(const T* address) {
  return __ldg(address);
}

#else

#ifdef AF_TURN_BEFORE_ACCESS  // host tests let other ranks go on here: csrc/host/groups.h
inline void take_turn();
#else
inline void take_turn() {}
#endif

template <class T>
T load(const T* address) {
  take_turn();
  return __atomic_load_n(address, __ATOMIC_RELAXED);
}
template <class T>
void store(T* address, T value) {
  take_turn();
  __atomic_store_n(address, value, __ATOMIC_RELAXED);
}
template <class T>
T add(T* address, T value) {
  take_turn();
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <class T, class Better>
T replace(T* address, T value, Better better) {
  T before = load(address);
  while (better(value, before) &&
         !__atomic_compare_exchange_n(address, &before, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return before;
}
template <class T>
T min(T* address, T value) {
  return replace(address, value, [](T a, T b) { return a < b; });
}
template <class T>
T max(T* address, T value) {
  return replace(address, value, [](T a, T b) { return a > b; });
}
template <class T>
T constant(const T* address) {
  return *address;
}

#endif

}  // namespace activefreq::AF_ISA::relaxed
