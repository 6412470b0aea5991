// Runs the launches of a plan (core/freq_mix_plan.h) on the host, block after block.
#pragma once
#include <functional>
#include <limits>

#include "core/freq_mix_plan.h"
#include "host/groups.h"

namespace activefreq::AF_ISA {

// Any kind of rank behind one type: the bodies are compiled once.
class AnyRank {
 public:
  template <class Group>
  explicit AnyRank(Group& group) : rank_(group.rank()), size_(group.size()), sync_([&group] { group.sync(); }) {}
  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  void sync() const { sync_(); }

 private:
  int64_t rank_, size_;
  std::function<void()> sync_;
};

// body(group, block, memory) for every block; its memory starts as NaN, so that what nobody wrote shows.
template <class Body>
void run_blocks(const Run& run, int64_t blocks, int64_t shared_bytes, Body body) {
  std::vector<Point> memory;
  for (int64_t block = 0; block < blocks; ++block) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    memory.assign(static_cast<size_t>(shared_bytes) / sizeof(Point) + 1, {nan, nan});
    run_group(run, [&](auto& group) {
      AnyRank any(group);
      body(any, block, memory.data());
    });
  }
}

inline void run_sums(const Run& run, const MixPlan& plan) {
  if (plan.blocks.tensors.backward)
    run_blocks(run, plan.blocks.sum_end[kConvolution], plan.sum_shared_bytes,
               [&](AnyRank& group, int64_t block, Point* memory) { sum_block(group, plan.blocks, block, memory); });
}

inline void run_general_plan(const Run& run, const MixPlan& plan) {
  run_blocks(run, plan.blocks.end[kConvolution], plan.shared_bytes, [&](AnyRank& group, int64_t block, Point* memory) {
    general_mix_block(group, plan.blocks, block, memory);
  });
  run_sums(run, plan);
}

// With the kernel that knows the shape.
inline void run_fixed_plan(const Run& run, const MixPlan& plan) {
#define AF_LAYER(Q, N)                                                     \
  if (plan.fixed_quarter == Q && plan.fixed_side == N)                     \
    run_blocks(run, plan.blocks.end[kConvolution], plan.shared_bytes,      \
               [&](AnyRank& group, int64_t block, Point* memory) {         \
                 fixed_mix_block<Q, N>(group, plan.blocks, block, memory); \
               });
  AF_FIXED_LAYERS(AF_LAYER)
#undef AF_LAYER
  run_sums(run, plan);
}

}  // namespace activefreq::AF_ISA
