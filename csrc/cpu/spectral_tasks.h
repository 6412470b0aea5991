// A filter, and its gradient, as numbered tasks that threads may take in any order. freq_mix runs the tasks of three
// filters in one parallel region.
#pragma once
#include "cpu/parallel.h"
#include "cpu/spectral_plan.h"
#include "cpu/spectral_weights.h"
#include "cpu/workspace.h"

namespace activefreq::AF_ISA {

// Cost of an element of a filtered plane, in units of parallel_for's grain: some 0.4 ns where a codelet serves, so a
// thread joins for about 15 us of work.
constexpr int64_t kFilterCost = 1;

template <class T>
class FilterTasks {
 public:
  FilterTasks(const SpectralFilter<T>& filter, int threads)
      : chunks_(filter, threads), plan_(chunks_), weights_(chunks_), prepared_(chunks_.prepared_bytes()) {
    for (const Chunk<T>& chunk : chunks_.all()) {
      count_ += chunks_.tasks(chunk);
      cost_ += chunk.groups * chunk.weights * chunk.samples * chunks_.points() * kFilterCost;
    }
  }
  FilterTasks(const FilterTasks&) = delete;  // its members know each other's addresses
  FilterTasks& operator=(const FilterTasks&) = delete;

  // First every prepare(i), then every run(i).
  int64_t preparations() const { return static_cast<int64_t>(chunks_.all().size()); }
  void prepare(int64_t i) const { weights_.prepare(chunks_.all()[i], prepared_.data()); }
  int64_t count() const { return count_; }
  int64_t cost() const { return cost_; }  // of all tasks
  void run(int64_t i) const {
    const Workspace scratch(plan_.filter_bytes());
    const Chunk<T>* chunk = chunks_.all().data();
    for (; i >= chunks_.tasks(*chunk); ++chunk) i -= chunks_.tasks(*chunk);
    const int64_t together = chunks_.groups_together(*chunk);
    plan_.filter_groups(*chunk, i * together, std::min(chunk->groups, (i + 1) * together), prepared_.data(),
                        scratch.data());
  }

 private:
  SpectralChunks<T> chunks_;
  SpectralPlan<T> plan_;
  SpectralWeights<T> weights_;
  Workspace prepared_;
  int64_t count_ = 0, cost_ = 0;
};

// Sums over planes are cut into slices by shape alone, never by the number of threads: every sum has one order.
template <class T>
class FilterGradientTasks {
 public:
  FilterGradientTasks(const SpectralFilterBackward<T>& backward, int threads)
      : backward_(backward),
        chunks_(backward.filter, threads, true),
        plan_(chunks_),
        weights_(chunks_),
        prepared_(chunks_.prepared_bytes()),
        products_(count_slices()) {}
  FilterGradientTasks(const FilterGradientTasks&) = delete;  // its members know each other's addresses
  FilterGradientTasks& operator=(const FilterGradientTasks&) = delete;

  // First every prepare(i), then every run(i), then every finish(i).
  int64_t preparations() const { return static_cast<int64_t>(chunks_.all().size()); }
  void prepare(int64_t i) const { weights_.prepare(chunks_.all()[i], prepared_.data()); }
  int64_t count() const { return first_slice_.back(); }
  int64_t cost() const { return cost_; }
  void run(int64_t i) const {
    const Workspace scratch(plan_.gradient_bytes());
    size_t c = 0;
    while (i >= first_slice_[c + 1]) ++c;
    const Chunk<T>& chunk = chunks_.all()[c];
    const int64_t slices = first_slice_[c + 1] - first_slice_[c], slice = i - first_slice_[c];
    const int64_t tasks = chunks_.tasks(chunk), together = chunks_.groups_together(chunk);
    std::memset(products_of(i), 0, plan_.products_bytes());
    for (int64_t task = tasks * slice / slices; task < tasks * (slice + 1) / slices; ++task)
      plan_.filter_groups_gradient(chunk, task * together, std::min(chunk.groups, (task + 1) * together),
                                   backward_.input, prepared_.data(), products_of(i), scratch.data());
  }
  void finish(int64_t c) const {
    weights_.finish_gradient(chunks_.all()[c], products_of(first_slice_[c]), first_slice_[c + 1] - first_slice_[c],
                             backward_.weight_gradient);
  }

 private:
  static constexpr int64_t kSlices = 8;
  static constexpr int64_t kProductsBytes = int64_t{4} << 20;  // aimed at, per chunk

  void* products_of(int64_t slice) const {
    return static_cast<char*>(products_.data()) + slice * plan_.products_bytes();
  }

  size_t count_slices() {
    const int64_t fit = std::max<int64_t>(2, kProductsBytes / std::max<int64_t>(1, plan_.products_bytes()));
    first_slice_.push_back(0);
    for (const Chunk<T>& chunk : chunks_.all()) {
      first_slice_.push_back(first_slice_.back() + std::min({kSlices, fit, chunks_.tasks(chunk)}));
      cost_ += chunk.groups * chunk.weights * chunk.samples * chunks_.points() * 2 * kFilterCost;
    }
    return first_slice_.back() * plan_.products_bytes();
  }

  SpectralFilterBackward<T> backward_;
  SpectralChunks<T> chunks_;
  SpectralPlan<T> plan_;
  SpectralWeights<T> weights_;
  Workspace prepared_;
  std::vector<int64_t> first_slice_;  // of each chunk, and the number of all
  int64_t cost_ = 0;
  Workspace products_;  // last: its size comes from count_slices()
};

}  // namespace activefreq::AF_ISA
