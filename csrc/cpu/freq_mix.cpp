// The whole FreqModule: the tasks of its quarters in one parallel region.
#include "core/freq_mix.h"

#include <optional>

#include "cpu/cache_blocks.h"
#include "cpu/depthwise.h"
#include "cpu/huge_pages.h"
#include "cpu/spectral_tasks.h"

namespace activefreq::AF_ISA {
namespace {

enum Quarter { kConvolution, kHeightWidth, kHeightChannel, kWidthChannel };

template <class T>
int64_t quarter_points(const FreqMix<T>& p) {
  return p.channels / 4 * p.height * p.width;
}

template <class T>
int64_t bytes_moved(const FreqMix<T>& p) {  // input and output
  return 2 * 4 * p.batch * quarter_points(p) * static_cast<int64_t>(sizeof(T));
}

template <class T>
const T* weight_of(const FreqMix<T>& p, int quarter) {
  return quarter == kHeightWidth ? p.weight_hw : quarter == kHeightChannel ? p.weight_hc : p.weight_wc;
}

template <class T>
SpectralFilter<T> filter_of(const FreqMix<T>& p, int quarter, bool conjugate) {
  const int64_t channels = p.channels / 4, plane = p.height * p.width, start = quarter * quarter_points(p);
  const int64_t h = p.height / 2 + 1, w = p.width / 2 + 1;
  const FilterAxis samples = {p.batch, p.channels * plane, 0}, none = {1, 0, 0};
  SpectralFilter<T> f = {p.input + start, p.output + start, weight_of(p, quarter), conjugate, none, none, none, {}, 2};
  f.plane[0] = samples;
  if (quarter == kHeightWidth) {
    f.outer = {p.height, p.width, 2 * w};
    f.half = {p.width, 1, 2};
    f.plane[1] = {channels, plane, channels > 1 ? 2 * p.height * w : 0};
  } else if (quarter == kHeightChannel) {
    f.outer = {channels, plane, 2 * h};
    f.half = {p.height, p.width, 2};
    f.plane[1] = {p.width, 1, 0};
  } else {
    f.outer = {channels, plane, 2 * w};
    f.half = {p.width, 1, 2};
    f.plane[1] = {p.height, p.width, 0};
  }
  return f;
}

template <class T>
void copy_quarter(const FreqMix<T>& p, int quarter, int64_t sample) {
  const int64_t start = (sample * 4 + quarter) * quarter_points(p);
  std::memcpy(p.output + start, p.input + start, quarter_points(p) * sizeof(T));
}

// Tasks of several kinds under one numbering: each kind takes the numbers that the ones before left.
struct Counter {
  int64_t i;
  bool take(int64_t count) {
    if (i < count) return true;
    i -= count;
    return false;
  }
};

constexpr int64_t kConvolutionBlock = 8192;  // points of one convolution task, at least

template <class T>
void forward(const FreqMix<T>& p, int threads) {
  const int64_t quarter = p.channels / 4, plane = p.height * p.width;
  std::optional<FilterTasks<T>> filter[4];
  int64_t preparations = 0, count = 0, cost = 0;
  for (int q = kHeightWidth; q <= kWidthChannel; ++q)
    if (weight_of(p, q)) {
      filter[q].emplace(filter_of(p, q, false), threads);
      preparations += filter[q]->preparations();
      count += filter[q]->count();
      cost += filter[q]->cost();
    } else {
      count += p.batch;
    }
  const Depthwise<T> convolution(p.height, p.width);
  const bool streams = bytes_moved(p) >= kOutOfCache;
  const int64_t block = std::min(quarter, (kConvolutionBlock + plane - 1) / plane);
  const int64_t blocks = (quarter + block - 1) / block;
  count += p.batch * blocks;
  cost += p.batch * quarter_points(p) / 4;  // a quarter of a filter's cost

  prefer_huge_pages(p.output, 4 * p.batch * quarter_points(p));

  const auto convolve = [&](int64_t i) {
    const int64_t sample = i / blocks, begin = i % blocks * block, end = std::min(quarter, begin + block);
    const Workspace memory(convolution.memory_bytes()), filtered(streams ? plane * sizeof(T) : 0);
    for (int64_t c = begin; c < end; ++c) {
      const int64_t start = (sample * p.channels + c) * plane;
      if (p.width > kLanes<T>) bring_in(p.input + start, plane);  // a narrower plane is read in its order anyway
      convolution.filter(p.input + start, p.conv_weight + 9 * c, false, p.conv_bias ? p.conv_bias[c] : T{0},
                         streams ? static_cast<T*>(filtered.data()) : p.output + start, memory.data());
      if (streams) stream_out(static_cast<const T*>(filtered.data()), plane, p.output + start);
    }
  };

  parallel_for(preparations, cost / kFilterCost / count, threads, [&](int64_t i) {
    Counter number{i};
    for (const auto& f : filter)
      if (f && number.take(f->preparations())) return f->prepare(number.i);
  });
  parallel_for(count, cost / count, threads, [&](int64_t i) {
    Counter number{i};
    for (int q = kHeightWidth; q <= kWidthChannel; ++q)
      if (number.take(filter[q] ? filter[q]->count() : p.batch))
        return filter[q] ? filter[q]->run(number.i) : copy_quarter(p, q, number.i);
    convolve(number.i);
  });
}

template <class T>
void backward(const FreqMixBackward<T>& b, int threads) {
  const FreqMix<T>& p = b.mix;
  T* const weight_gradient[4] = {nullptr, b.weight_hw_gradient, b.weight_hc_gradient, b.weight_wc_gradient};
  const int64_t quarter = p.channels / 4, plane = p.height * p.width;
  std::optional<FilterGradientTasks<T>> filter[4];
  int64_t preparations = 0, count = quarter, cost = p.batch * quarter_points(p) / 2;
  for (int q = kHeightWidth; q <= kWidthChannel; ++q)
    if (weight_of(p, q)) {
      filter[q].emplace(
          SpectralFilterBackward<T>{filter_of(p, q, true), b.input + q * quarter_points(p), weight_gradient[q]},
          threads);
      preparations += filter[q]->preparations();
      count += filter[q]->count();
      cost += filter[q]->cost();
    } else {
      count += p.batch;
    }
  const Depthwise<T> convolution(p.height, p.width);
  const bool streams = bytes_moved(p) >= kOutOfCache;

  prefer_huge_pages(p.output, 4 * p.batch * quarter_points(p));

  const auto convolve = [&](int64_t c) {  // one channel of all samples: its sums in one order
    const Workspace memory(convolution.memory_bytes()), filtered(streams ? plane * sizeof(T) : 0);
    Vector<T> sums[10] = {};
    for (int64_t sample = 0; sample < p.batch; ++sample) {
      const int64_t start = (sample * p.channels + c) * plane;
      bring_in(b.input + start, plane);
      bring_in(p.input + start, plane);
      convolution.filter(p.input + start, p.conv_weight + 9 * c, true, T{0},
                         streams ? static_cast<T*>(filtered.data()) : p.output + start, memory.data());
      if (streams) stream_out(static_cast<const T*>(filtered.data()), plane, p.output + start);
      convolution.add_gradient(b.input + start, p.input + start, sums, memory.data());
    }
    for (int i = 0; i < 10; ++i) {
      T total = 0;
      for (int lane = 0; lane < kLanes<T>; ++lane) total += sums[i][lane];
      if (i < 9)
        b.conv_weight_gradient[9 * c + i] = total;
      else if (b.conv_bias_gradient)
        b.conv_bias_gradient[c] = total;
    }
  };

  const int64_t small = cost / kFilterCost / count;
  parallel_for(preparations, small, threads, [&](int64_t i) {
    Counter number{i};
    for (const auto& f : filter)
      if (f && number.take(f->preparations())) return f->prepare(number.i);
  });
  parallel_for(count, cost / count, threads, [&](int64_t i) {
    Counter number{i};
    for (int q = kHeightWidth; q <= kWidthChannel; ++q)
      if (number.take(filter[q] ? filter[q]->count() : p.batch))
        return filter[q] ? filter[q]->run(number.i) : copy_quarter(p, q, number.i);
    convolve(number.i);
  });
  parallel_for(preparations, small, threads, [&](int64_t i) {
    Counter number{i};
    for (const auto& f : filter)
      if (f && number.take(f->preparations())) return f->finish(number.i);
  });
}

}  // namespace

void freq_mix(const FreqMix<float>& p, int threads) { forward(p, threads); }
void freq_mix_double(const FreqMix<double>& p, int threads) { forward(p, threads); }
void freq_mix_backward(const FreqMixBackward<float>& p, int threads) { backward(p, threads); }
void freq_mix_backward_double(const FreqMixBackward<double>& p, int threads) { backward(p, threads); }

}  // namespace activefreq::AF_ISA
