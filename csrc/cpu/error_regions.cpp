// One pass over the image: bit words, runs, and values only where there are errors.
#include "cpu/error_regions.h"

#include "cpu/pack.h"

namespace activefreq::AF_ISA {
namespace {

// The largest |p| as its bits: 0 where all are zero, at least kInfinity where one is not finite.
constexpr int32_t kInfinity = 0x7f800000;
int32_t largest_magnitude(const float* prob, int64_t count) {
  int32_t most = 0;
  for (int64_t i = 0; i < count; ++i) {
    int32_t bits;
    std::memcpy(&bits, prob + i, sizeof bits);
    most = std::max(most, bits & INT32_MAX);
  }
  return most;
}

// Two streams, each line used for a moment: the hardware runs too little ahead of that by itself. Addresses past the
// end do no harm.
inline void fetch_ahead(const float* prob, const int8_t* target) {
  constexpr int kAhead = 2048, kLine = 64 / sizeof(float);
  for (int i = 0; i < 64; i += kLine) __builtin_prefetch(prob + kAhead + i);
  __builtin_prefetch(target + kAhead);
}

constexpr int kLanes = 16;
using Lanes = Pack<int32_t, kLanes>;

struct RunSum {
  int64_t sum;
  int32_t most;
};

// Values of columns first to last, at most 2^30 each. Sums are kept in two halves of 15 bits: 2^15 columns fit 32 bits.
template <bool kMost>
RunSum sum_of_run(const int32_t* values, int first, int last) {
  if (first == last) return {values[first], values[first]};
  const Lanes lane = Lanes::counting_from(0), zero = Lanes::all(0);
  Lanes low = zero, high = zero, most = zero;
  for (int x = first; x <= last; x += kLanes) {
    const Lanes value = where_less(lane, Lanes::all(last - x + 1), Lanes::load(values + x), zero);
    low = low + Lanes::map([](auto v) { return v & 0x7fff; }, value);
    high = high + Lanes::map([](auto v) { return v >> 15; }, value);
    if (kMost) most = max(most, value);
  }
  return {(int64_t{high.sum()} << 15) + low.sum(), kMost ? most.most() : 0};
}

}  // namespace

ClickStatus ErrorRegions::read(const ImageView& image, const ClickRule& rule) {
  const Statistics statistics = statistics_of(rule);
  const int64_t words = words_of(image.width);
  for (ErrorClass& errors : classes) {
    errors.runs.clear(image.height, image.width, rule.connectivity);
    errors.clicked_pixels = 0;
  }
  for (auto& row : words_) row.of(words + 1)[words] = 0;
  clicked_words_.of(words + 1);
  values_.of(64 * words + kLanes), entropies_.of(64 * words + kLanes);

  int32_t magnitude = 0;
  for (int64_t y = 0; y < image.height; ++y) {
    const float* prob = image.prob + y * image.width;
    magnitude = std::max(magnitude, largest_magnitude(prob, image.width));
    read_row(image, y, rule.threshold);
    if (statistics != Statistics::none) fill_values(prob, image.width, rule.threshold, statistics);
    for (int c = 0; c < 2; ++c) {
      uint64_t any = 0;
      for (int64_t k = 0; k < words; ++k) any |= words_[c][k];
      if (!any) {
        classes[c].runs.add_empty_row();
        continue;
      }
      classes[c].runs.add_row(words_[c].data());
      if (statistics != Statistics::none) measure_row(classes[c], y, statistics);
      if (image.clicked) record_clicked(classes[c], words_[c].data(), words);
    }
  }
  nothing_predicted = magnitude == 0;
  if (magnitude >= kInfinity) return ClickStatus::not_finite;
  for (ErrorClass& errors : classes) errors.merge(statistics);
  return ClickStatus::done;
}

void ErrorRegions::read_row(const ImageView& image, int64_t y, float threshold) {
  const float* prob = image.prob + y * image.width;
  const int8_t* target = image.target + y * image.width;
  const auto read_word = [&](int64_t k, const float* p, const int8_t* t, uint64_t inside) {
    const uint64_t predicted = bits_above(p, threshold), object = bits_equal(t, 1), ignored = bits_equal(t, -1);
    words_[0][k] = object & ~predicted & inside;
    words_[1][k] = predicted & ~(object | ignored) & inside;
  };
  const int64_t full = image.width / 64, rest = image.width % 64;
  for (int64_t k = 0; k < full; ++k) {
    fetch_ahead(prob + 64 * k, target + 64 * k);
    read_word(k, prob + 64 * k, target + 64 * k, ~uint64_t{0});
  }
  if (rest)
    read_word(full, Tail<float>(prob + 64 * full, rest).values, Tail<int8_t>(target + 64 * full, rest).values,
              first_bits(rest));
  if (image.clicked) bits_of_row(image.clicked + y * image.width, image.width, clicked_words_.data());
}

// Values of the pixels in words that hold an error.
void ErrorRegions::fill_values(const float* prob, int64_t width, float threshold, Statistics statistics) {
  for (int64_t k = 0; k < words_of(width); ++k) {
    if (!(words_[0][k] | words_[1][k])) continue;
    const int64_t first = 64 * k, count = std::min<int64_t>(64, width - first);
    const float* p = prob + first;
    int32_t *values = values_.data() + first, *entropies = entropies_.data() + first;
    if (statistics == Statistics::error || statistics == Statistics::all)
      for (int64_t i = 0; i < count; ++i) values[i] = fixed_error(p[i], !(p[i] > threshold));
    if (statistics == Statistics::doubt)
      for (int64_t i = 0; i < count; ++i) values[i] = fixed_doubt(p[i]);
    if (statistics == Statistics::entropy || statistics == Statistics::all)
      for (int64_t i = 0; i < count; ++i) entropies[i] = fixed_entropy(p[i]);
  }
}

void ErrorRegions::measure_row(ErrorClass& errors, int64_t y, Statistics statistics) {
  const int32_t count = errors.runs.count(), kept = errors.runs.row()[y];
  const uint16_t *begin = errors.runs.begin(), *end = errors.runs.end();
  const int32_t* values = (statistics == Statistics::entropy ? entropies_ : values_).data();
  int64_t* sum = errors.sum.grow(count, kept);
  if (statistics != Statistics::all) {
    for (int32_t run = kept; run < count; ++run) sum[run] = sum_of_run<false>(values, begin[run], end[run]).sum;
    return;
  }
  const int32_t* entropies = entropies_.data();
  int64_t* entropy_sum = errors.entropy_sum.grow(count, kept);
  int32_t *error_max = errors.error_max.grow(count, kept), *entropy_max = errors.entropy_max.grow(count, kept);
  for (int32_t run = kept; run < count; ++run) {
    const RunSum error = sum_of_run<true>(values, begin[run], end[run]);
    const RunSum entropy = sum_of_run<true>(entropies, begin[run], end[run]);
    sum[run] = error.sum, error_max[run] = error.most;
    entropy_sum[run] = entropy.sum, entropy_max[run] = entropy.most;
  }
}

void ErrorRegions::record_clicked(ErrorClass& errors, const uint64_t* words, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    for (uint64_t left = words[k] & clicked_words_[k]; left; left &= left - 1) {
      const int64_t at = errors.clicked_pixels++;
      errors.clicked_runs.grow(at + 1, at)[at] = errors.runs.run_at(64 * k + lowest_bit(left));
    }
}

void ErrorClass::merge(Statistics statistics) {
  const int32_t count = runs.count();
  int32_t *parent = runs.parent(), *first = components.of(count), *other = joined.of(count), *pixels = area.of(count);
  // Which runs are first is random in noise: both lists are written without a branch.
  component_count = 0;
  int32_t others = 0;
  for (int32_t run = 0; run < count; ++run) {
    // A parent comes before its children, so it already points at the first run.
    parent[run] = parent[parent[run]];
    pixels[run] = runs.end()[run] - runs.begin()[run] + 1;
    first[component_count] = other[others] = run;
    component_count += parent[run] == run, others += parent[run] != run;
  }
  for (int32_t i = 0; i < others; ++i) pixels[parent[other[i]]] += pixels[other[i]];
  if (statistics != Statistics::none)
    for (int32_t i = 0; i < others; ++i) sum[parent[other[i]]] += sum[other[i]];
  if (statistics == Statistics::all)
    for (int32_t i = 0; i < others; ++i) {
      const int32_t run = other[i], to = parent[run];
      entropy_sum[to] += entropy_sum[run];
      error_max[to] = std::max(error_max[to], error_max[run]);
      entropy_max[to] = std::max(entropy_max[to], entropy_max[run]);
    }
  if (!clicked_pixels) return;
  std::fill_n(clicked.of(count), count, 0);
  for (int64_t i = 0; i < clicked_pixels; ++i) ++clicked[parent[clicked_runs[i]]];
}

RegionTotals ErrorClass::totals(int32_t component, Statistics statistics) const {
  RegionTotals totals{};
  totals.area = area[component];
  switch (statistics) {
    case Statistics::none:
      break;
    case Statistics::error:
      totals.error = sum[component];
      break;
    case Statistics::entropy:
      totals.entropy = sum[component];
      break;
    case Statistics::doubt:
      totals.doubt = sum[component];
      break;
    case Statistics::all:
      totals.error = sum[component], totals.error_max = error_max[component];
      totals.entropy = entropy_sum[component], totals.entropy_max = entropy_max[component];
  }
  return totals;
}

}  // namespace activefreq::AF_ISA
