// Memory that grows and is kept: operators hold one set per thread, so that a click does not pay for fresh pages.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "core/portable.h"

namespace activefreq::AF_ISA {

template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Room for `count` values, contents arbitrary.
  T* of(int64_t count) {
    if (count > capacity_) {
      values_.reset(new T[static_cast<size_t>(count)]);
      capacity_ = count;
    }
    return values_.get();
  }
  // Room for `count` values, of which the first `kept` stay; grows by doubling.
  T* grow(int64_t count, int64_t kept) {
    if (count > capacity_) {
      capacity_ = std::max(count, 2 * capacity_);
      std::unique_ptr<T[]> larger(new T[static_cast<size_t>(capacity_)]);
      if (kept) std::memcpy(larger.get(), values_.get(), static_cast<size_t>(kept) * sizeof(T));
      values_ = std::move(larger);
    }
    return values_.get();
  }
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  T& operator[](int64_t i) { return values_[static_cast<size_t>(i)]; }
  const T& operator[](int64_t i) const { return values_[static_cast<size_t>(i)]; }

 private:
  std::unique_ptr<T[]> values_;
  int64_t capacity_ = 0;
};

}  // namespace activefreq::AF_ISA
