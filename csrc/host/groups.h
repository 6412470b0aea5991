// Ranks of a group (core/group.h) on the host, for tests: one alone, fibers that take turns at random between syncs,
// and threads, which the thread sanitizer watches. Never part of the package.
//
// Every kind can be told to walk past the n-th sync of each rank, to show that a test notices a missing one.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "core/group.h"

namespace activefreq::AF_ISA {

constexpr int kNoSync = -1;  // as `skipped`: every sync is kept

// A group of one.
struct Alone {
  static int rank() { return 0; }
  static int size() { return 1; }
  static void sync() {}
};

// ---- Fibers: one thread, a rank runs until it has to wait, then one drawn at random goes on -------------------------
class FiberScheduler {
 public:
  struct Meeting {  // of a warp or of the whole group
    int size = 0, arrived = 0, passed = 0, collective = 0;
  };

  FiberScheduler(int ranks, unsigned seed, int skipped)
      : fibers_(ranks), teams_((ranks + 31) / 32), values_(ranks), skipped_(skipped), random_(seed) {
    if (ranks > 32 && ranks % 32) fail("ranks have to fill their warps");
    everyone_.size = ranks;
    for (Meeting& team : teams_) team.size = std::min(ranks, 32);
  }

  // Runs body(rank) for every rank. Aborts where some wait for what the others never reach.
  void run(const std::function<void(int)>& body) {
    body_ = &body;
    std::vector<int> order;
    for (int rank = 0; rank < size(); ++rank) {
      Fiber& fiber = fibers_[rank];
      order.push_back(rank);
      fiber.stack.reset(new char[kStack]);
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get(), fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = &home_;
      const auto self = reinterpret_cast<uintptr_t>(this);
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&FiberScheduler::enter), 2,
                  static_cast<unsigned>(self >> 16 >> 16), static_cast<unsigned>(self));
    }
    for (int left = size(); left;) {
      bool progress = false;
      std::shuffle(order.begin(), order.end(), random_);
      for (int rank : order) {
        Fiber& fiber = fibers_[rank];
        if (fiber.done || (fiber.waits_at && fiber.waits_at->passed == fiber.ticket)) continue;
        now_ = rank, progress = true;
        swapcontext(&home_, &fiber.context);
        left -= fiber.done;
      }
      if (!progress) fail("a collective that not every rank reaches");
    }
  }

  int size() const { return static_cast<int>(fibers_.size()); }
  void sync(int rank) {
    if (fibers_[rank].syncs++ != skipped_) wait(everyone_, kSync);
  }
  uint32_t ballot(int rank, bool value) {
    return exchange(rank, value, kBallot, [](const uint32_t* values) {
      uint32_t bits = 0;
      for (int i = 0; i < 32; ++i) bits |= values[i] << i;
      return bits;
    });
  }
  uint32_t shuffle(int rank, uint32_t value, int lane) {
    return exchange(rank, value, kShuffle, [lane](const uint32_t* values) { return values[lane]; });
  }

 private:
  static constexpr size_t kStack = 64 << 10;
  enum Collective { kSync, kBallot, kShuffle };
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    const Meeting* waits_at = nullptr;
    int ticket = 0, syncs = 0;
    bool done = false;
  };

  [[noreturn]] static void fail(const char* reason) {
    std::fprintf(stderr, "fibers: %s\n", reason);
    std::abort();
  }
  static void enter(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<FiberScheduler*>(static_cast<uintptr_t>(high) << 16 << 16 | low);
    (*self->body_)(self->now_);
    self->fibers_[self->now_].done = true;
  }
  void wait(Meeting& meeting, Collective collective) {
    if (!meeting.arrived) meeting.collective = collective;
    if (meeting.collective != collective) fail("lanes of a warp are in different collectives");
    if (++meeting.arrived == meeting.size) {
      meeting.arrived = 0, ++meeting.passed;
      return;
    }
    Fiber& fiber = fibers_[now_];
    fiber.waits_at = &meeting, fiber.ticket = meeting.passed;
    swapcontext(&fiber.context, &home_);
    fiber.waits_at = nullptr;
  }
  template <class Read>
  uint32_t exchange(int rank, uint32_t value, Collective collective, Read read) {
    Meeting& team = teams_[rank / 32];
    if (team.size != 32) fail("a warp has 32 ranks");
    values_[rank] = value;
    wait(team, collective);
    const uint32_t result = read(&values_[rank / 32 * 32]);
    wait(team, collective);  // everyone has read
    return result;
  }

  std::vector<Fiber> fibers_;
  std::vector<Meeting> teams_;
  std::vector<uint32_t> values_;
  Meeting everyone_;
  int skipped_, now_ = 0;
  std::mt19937 random_;
  const std::function<void(int)>* body_ = nullptr;
  ucontext_t home_;
};

class FiberRank {
 public:
  FiberRank(FiberScheduler& scheduler, int rank) : scheduler_(&scheduler), rank_(rank) {}
  int rank() const { return rank_; }
  int size() const { return scheduler_->size(); }
  void sync() const { scheduler_->sync(rank_); }
  uint32_t ballot(bool value) const { return scheduler_->ballot(rank_, value); }
  uint32_t shuffle(uint32_t value, int lane) const { return scheduler_->shuffle(rank_, value, lane); }

 private:
  FiberScheduler* scheduler_;
  int rank_;
};

// body(FiberRank) on every rank.
template <class Body>
void run_fibers(int ranks, unsigned seed, int skipped, Body body) {
  FiberScheduler scheduler(ranks, seed, skipped);
  scheduler.run([&](int rank) { body(FiberRank(scheduler, rank)); });
}

// ---- Threads --------------------------------------------------------------------------------------------------------
class Barrier {
 public:
  explicit Barrier(int size) : size_(size) {}
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const int ticket = passed_;
    if (++arrived_ == size_) {
      arrived_ = 0, ++passed_;
      everyone_.notify_all();
    } else {
      everyone_.wait(lock, [&] { return passed_ != ticket; });
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable everyone_;
  int size_, arrived_ = 0, passed_ = 0;
};

class ThreadRank {
 public:
  ThreadRank(Barrier& barrier, int rank, int size, int skipped)
      : barrier_(&barrier), rank_(rank), size_(size), skipped_(skipped) {}
  int rank() const { return rank_; }
  int size() const { return size_; }
  void sync() {
    if (syncs_++ != skipped_) barrier_->wait();
  }

 private:
  Barrier* barrier_;
  int rank_, size_, skipped_, syncs_ = 0;
};

// body(ThreadRank) on every rank.
template <class Body>
void run_threads(int ranks, int skipped, Body body) {
  Barrier barrier(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] { body(ThreadRank(barrier, rank, ranks, skipped)); });
  for (std::thread& thread : threads) thread.join();
}

// ---- Any of them, as tests name them --------------------------------------------------------------------------------
enum class Kind : int32_t { alone, fibers, warps, threads };

struct Run {
  Kind kind;
  int32_t ranks;  // warps: a multiple of 32
  uint32_t seed;  // of the order in which fibers take turns
  int32_t skipped;
};

// body(group), with the collectives of core/group.h, on every rank.
template <class Body>
void run_group(const Run& run, Body body) {
  if (run.kind == Kind::alone) {
    Scalar<Alone> group{Alone()};
    body(group);
  } else if (run.kind == Kind::threads) {
    run_threads(run.ranks, run.skipped, [&](ThreadRank rank) {
      Scalar<ThreadRank> group(rank);
      body(group);
    });
  } else if (run.kind == Kind::fibers) {
    run_fibers(run.ranks, run.seed, run.skipped, [&](FiberRank rank) {
      Scalar<FiberRank> group(rank);
      body(group);
    });
  } else {
    run_fibers(run.ranks, run.seed, run.skipped, [&](FiberRank rank) {
      Warps<FiberRank> group(rank);
      body(group);
    });
  }
}

}  // namespace activefreq::AF_ISA
