// Runs the launches of a plan (core/freq_mix_plan.h) on the host, block after block.
#pragma once
#include <functional>
#include <limits>
#include <memory>
#include <utility>

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

// A rank of a block of a cluster.
class ClusterRank {
 public:
  ClusterRank(int rank, int size, Point* const* memory, std::function<void()> sync, std::function<void()> sync_cluster)
      : rank_(rank % size),
        size_(size),
        block_(rank / size),
        memory_(memory),
        sync_(std::move(sync)),
        sync_cluster_(std::move(sync_cluster)) {}
  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  int block() const { return block_; }
  Point* of_block(Point* here, int block) const { return memory_[block] + (here - memory_[block_]); }
  void sync() const { sync_(); }
  void sync_cluster() const { sync_cluster_(); }
  static void begin() {}  // all memory is there before the first rank runs
  static void await_all() {}

 private:
  int rank_, size_, block_;
  Point* const* memory_;
  std::function<void()> sync_, sync_cluster_;
};

// body(rank) on `size` ranks for each of `blocks` blocks, which run at once.
template <class Body>
void run_cluster(const Run& run, int blocks, int size, Point* const* memory, Body body) {
  if (run.kind == Kind::threads) {
    Barrier everyone(blocks * size);
    std::vector<std::unique_ptr<Barrier>> block;
    for (int b = 0; b < blocks; ++b) block.push_back(std::make_unique<Barrier>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < blocks * size; ++rank)
      threads.emplace_back([&, rank] {
        int syncs = 0;
        const auto meet = [&](Barrier& barrier) {
          if (syncs++ != run.skipped) barrier.wait();
        };
        ClusterRank group(rank, size, memory, [&] { meet(*block[rank / size]); }, [&] { meet(everyone); });
        body(group);
      });
    for (std::thread& thread : threads) thread.join();
    return;
  }
  FiberScheduler scheduler(blocks * size, run.seed, run.skipped, run.kind == Kind::turns, blocks);
  scheduler.run([&](int rank) {
    ClusterRank group(rank, size, memory, [&] { scheduler.sync_block(rank); }, [&] { scheduler.sync(rank); });
    body(group);
  });
}

// body(group, block, memory) for every block, `together` of them as a cluster; memory as in run_blocks.
template <class Body>
void run_clusters(const Run& run, int64_t blocks, int together, int64_t shared_bytes, Body body) {
  int size = run.kind == Kind::alone ? 1 : run.ranks;
  if (run.kind != Kind::threads)
    while (together * size > 32 && together * size % 32) ++size;  // fibers fill their warps
  for (int64_t first = 0; first < blocks; first += together) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<std::vector<Point>> memory(together);
    std::vector<Point*> start;
    for (std::vector<Point>& one : memory) {
      one.assign(static_cast<size_t>(shared_bytes) / sizeof(Point) + 1, {nan, nan});
      start.push_back(one.data());
    }
    run_cluster(run, together, size, start.data(),
                [&](ClusterRank& group) { body(group, first + group.block(), start[group.block()]); });
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
#define AF_LAYER(Q, N)                                                                              \
  if (plan.cluster_blocks && plan.fixed_quarter == Q && plan.fixed_side == N)                       \
    return run_clusters(run, plan.blocks.end[kConvolution], plan.cluster_blocks, plan.shared_bytes, \
                        [&](ClusterRank& group, int64_t block, Point* memory) {                     \
                          small_batch_block<Q, N>(group, plan.blocks, block, memory);               \
                        });
  AF_SMALL_BATCH_LAYERS(AF_LAYER)
#undef AF_LAYER
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
