// Which code transforms a line of a given length.
#include "cpu/line_transform.h"

#include <map>
#include <memory>
#include <mutex>

#include "cpu/line_codelet.h"
#include "cpu/line_plan.h"

namespace activefreq::AF_ISA {
namespace {

template <class T>
const LinePlan<T>& kept_plan(int64_t length) {
  static std::mutex lock;
  static std::map<int64_t, std::unique_ptr<LinePlan<T>>> plans;
  const std::lock_guard<std::mutex> guard(lock);
  std::unique_ptr<LinePlan<T>>& plan = plans[length];
  if (!plan) plan = std::make_unique<LinePlan<T>>(length);
  return *plan;
}

template <class T>
LineTransform<T> planned(int64_t length) {
  return {length,
          &kept_plan<T>(length),
          nullptr,
          nullptr,
          plan_forward<T>,
          plan_inverse<T>,
          plan_columns<T, false>,
          plan_columns<T, true>,
          plan_transform<T>};
}

}  // namespace

const LinePlan<float>& line_plan(int64_t length, float) { return kept_plan<float>(length); }
const LinePlan<double>& line_plan(int64_t length, double) { return kept_plan<double>(length); }

LineTransform<double> line_transform(int64_t length, double) { return planned<double>(length); }

// The lengths of the networks' layers at 224, 352, 384 and 448 pixels: height and width, and a quarter of the channels.
LineTransform<float> line_transform(int64_t length, float) {
  switch (length) {
    case 7:
      return codelet<float, 7>();
    case 8:
      return codelet<float, 8>();
    case 11:
      return codelet<float, 11>();
    case 12:
      return codelet<float, 12>();
    case 14:
      return codelet<float, 14>();
    case 16:
      return codelet<float, 16>();
    case 22:
      return codelet<float, 22>();
    case 24:
      return codelet<float, 24>();
    case 28:
      return codelet<float, 28>();
    case 32:
      return codelet<float, 32>();
    case 44:
      return codelet<float, 44>();
    case 48:
      return codelet<float, 48>();
    case 56:
      return codelet<float, 56>();
    case 64:
      return codelet<float, 64>();
    case 88:
      return codelet<float, 88>();
    case 96:
      return codelet<float, 96>();
    case 112:
      return codelet<float, 112>();
    default:
      return planned<float>(length);
  }
}

}  // namespace activefreq::AF_ISA
