// Ranks of a group (core/group.h) on the host, for tests: one alone, fibers that take turns at random between syncs or
// before any access to shared memory (core/relaxed.h), and threads, which the thread sanitizer watches. Never part of
// the package.
//
// Every kind can be told to walk past the n-th sync of each rank, to show that a test notices a missing one.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "core/group.h"
#include "core/relaxed.h"

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

  // `at_accesses`: fibers also stop at random where they touch memory that ranks share, so that any rank may come
  // between a load and the store that follows from it.
  FiberScheduler(int ranks, unsigned seed, int skipped, bool at_accesses, int blocks = 1)
      : fibers_(ranks),
        teams_((ranks + 31) / 32),
        blocks_(blocks),
        values_(ranks),
        skipped_(skipped),
        at_accesses_(at_accesses),
        random_(seed) {
    if (ranks > 32 && ranks % 32) fail("ranks have to fill their warps");
    everyone_.size = ranks;
    for (Meeting& team : teams_) team.size = std::min(ranks, 32);
    for (Meeting& block : blocks_) block.size = ranks / blocks;
  }

  // Runs body(rank) for every rank. Aborts where some wait for what the others never reach.
  void run(const std::function<void(int)>& body) {
    body_ = &body;
    running = this;
    for (Fiber& fiber : fibers_) {
      fiber.stack.reset(new char[kStack]);
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get(), fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = nullptr;
      const auto self = reinterpret_cast<uintptr_t>(this);
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&FiberScheduler::enter), 2,
                  static_cast<unsigned>(self >> 16 >> 16), static_cast<unsigned>(self));
    }
    // A warp goes on until all of it waits for others, so that warps get as far apart as their syncs let them.
    std::vector<int> teams(teams_.size()), lanes(teams_[0].size);
    std::iota(teams.begin(), teams.end(), 0), std::iota(lanes.begin(), lanes.end(), 0);
    for (int left = size(); left;) {
      const int before = steps_;
      std::shuffle(teams.begin(), teams.end(), random_);
      for (int team : teams)
        for (int last = -1; last != steps_;) {
          last = steps_;
          std::shuffle(lanes.begin(), lanes.end(), random_);
          for (int lane : lanes) left -= advance(32 * team + lane);
        }
      if (steps_ == before) fail("a collective that not every rank reaches");
    }
    running = nullptr;
  }
  static inline thread_local FiberScheduler* running = nullptr;  // on this thread

  int size() const { return static_cast<int>(fibers_.size()); }
  void take_turn() {
    if (at_accesses_ && random_() % 4 == 0) suspend(fibers_[now_]);
  }
  void sync(int rank) {
    if (fibers_[rank].syncs++ != skipped_) wait(everyone_, kSync);
  }
  void sync_block(int rank) {  // of consecutive ranks; `blocks` of them are the group
    if (fibers_[rank].syncs++ != skipped_) wait(blocks_[rank / blocks_[0].size], kSync);
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
    ucontext_t context;  // to start from; after that jumps, which ask nothing of the system, are quicker
    jmp_buf place;
    bool started = false;
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
    _longjmp(self->home_, 1);
  }
  // Lets a rank run until it waits; whether that was its end.
  bool advance(int rank) {
    Fiber& fiber = fibers_[rank];
    if (fiber.done || (fiber.waits_at && fiber.waits_at->passed == fiber.ticket)) return false;
    now_ = rank, ++steps_;
    resume(fiber);
    return fiber.done;
  }
  __attribute__((noinline)) void resume(Fiber& fiber) {
    if (_setjmp(home_)) return;
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    setcontext(&fiber.context);
  }
  __attribute__((noinline)) void suspend(Fiber& fiber) {
    if (!_setjmp(fiber.place)) _longjmp(home_, 1);
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
    suspend(fiber);
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
  std::vector<Meeting> teams_, blocks_;
  std::vector<uint32_t> values_;
  Meeting everyone_;
  int skipped_, now_ = 0, steps_ = 0;
  bool at_accesses_;
  std::mt19937 random_;
  const std::function<void(int)>* body_ = nullptr;
  jmp_buf home_;
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

#ifdef AF_TURN_BEFORE_ACCESS
inline void relaxed::take_turn() {
  if (FiberScheduler::running) FiberScheduler::running->take_turn();
}
#endif

// body(FiberRank) on every rank.
template <class Body>
void run_fibers(int ranks, unsigned seed, int skipped, bool at_accesses, Body body) {
  FiberScheduler scheduler(ranks, seed, skipped, at_accesses);
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
enum class Kind : int32_t { alone, fibers, warps, threads, turns };

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
  } else if (run.kind == Kind::fibers || run.kind == Kind::turns) {
    run_fibers(run.ranks, run.seed, run.skipped, run.kind == Kind::turns, [&](FiberRank rank) {
      Scalar<FiberRank> group(rank);
      body(group);
    });
  } else {
    run_fibers(run.ranks, run.seed, run.skipped, false, [&](FiberRank rank) {
      Warps<FiberRank> group(rank);
      body(group);
    });
  }
}

// Every step-th of `count` nodes in one set with node 0, in chains of many links.
inline void chain_together(int32_t* parent, int count, int step, std::mt19937& random) {
  for (int i = step; i < count; i += step) parent[i] = std::max(0, i - step * static_cast<int>(1 + random() % 4));
  parent[0] = 0;
}

}  // namespace activefreq::AF_ISA
