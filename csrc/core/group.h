// What a CUDA kernel's body is written over, so that the host runs the very same text in tests.
//
// A group is size() ranks that run the same body, each with its own rank() from 0 on, and meet at sync(): what a rank
// wrote before it, every rank sees after it. On the device the ranks are the threads of a block, of a cluster or of a
// whole grid (cuda/groups.h); on the host there is one rank, or fibers in random order between syncs, or threads
// (host/groups.h). A body takes `Group& group` as its first argument and strides over its work:
//
//     for (int64_t i = group.rank(); i < count; i += group.size()) ...
//
// Bodies that use the lanes of a warp take one of the two classes below instead, which add teams to any kind of ranks.
// A team is a warp of 32 lanes, or a single rank that does the work of all lanes in turn; every lane of a team calls
// every collective. Loops over a team's 32 pixels read `for (int i = lane(); i < 32; i += lanes())` for both.
#pragma once
#include <cstring>
#include <utility>

#include "core/bits32.h"
#include "core/relaxed.h"

namespace activefreq::AF_ISA {

// Every rank is a team of its own.
template <class Ranks>
class Scalar : public Ranks {
 public:
  AF_DEVICE explicit Scalar(Ranks ranks) : Ranks(ranks) {}
  AF_DEVICE int64_t team() const { return Ranks::rank(); }
  AF_DEVICE int64_t teams() const { return Ranks::size(); }
  AF_DEVICE static constexpr int lane() { return 0; }
  AF_DEVICE static constexpr int lanes() { return 1; }

  // words[b][k] is made of bit b of classify(32 k + i), i = 0 to 31.
  template <int kBits, int kWords, class Classify>
  AF_DEVICE void ballots(Classify classify, uint32_t (&words)[kBits][kWords]) const {
    for (int k = 0; k < kWords; ++k) {
      for (int b = 0; b < kBits; ++b) words[b][k] = 0;
      for (int i = 0; i < 32; ++i) {
        const uint32_t value = classify(32 * k + i);
        for (int b = 0; b < kBits; ++b) words[b][k] |= (value >> b & 1) << i;
      }
    }
  }
  AF_DEVICE bool any(bool value) const { return value; }
  template <class T>
  AF_DEVICE T first_lane(T value) const {
    return value;
  }
  template <class T>
  AF_DEVICE T team_max(T value) const {
    return value;
  }
  template <class T>
  AF_DEVICE T team_min(T value) const {
    return value;
  }
  template <class T>
  AF_DEVICE T team_sum(T value) const {
    return value;
  }
  // `count` consecutive numbers from a shared counter; the first of them.
  AF_DEVICE int32_t reserve(int32_t* counter, int32_t count) const { return count ? relaxed::add(counter, count) : 0; }
  // Each lane has a sum for some key, or key -1; add(key, sum) is called with sums of equal keys put together.
  template <class Sum, class Add>
  AF_DEVICE void add_by_key(int32_t key, const Sum& sum, Add add) const {
    if (key >= 0) add(key, sum);
  }
  // A lane asks select(i) for each i below count; where the answer is not 0, work(i, answer) is done by its team.
  template <class Select, class Work>
  AF_DEVICE void share(int64_t count, Select select, Work work) const {
    for (int64_t i = team(); i < count; i += teams())
      if (const uint32_t answer = select(i)) work(i, answer);
  }
};

// 32 ranks are a team. Ranks has ballot(bool) and shuffle(uint32_t, lane) of all 32 lanes.
template <class Ranks>
class Warps : public Ranks {
 public:
  AF_DEVICE explicit Warps(Ranks ranks) : Ranks(ranks) {}
  AF_DEVICE int64_t team() const { return Ranks::rank() / 32; }
  AF_DEVICE int64_t teams() const { return Ranks::size() / 32; }
  AF_DEVICE int lane() const { return static_cast<int>(Ranks::rank() % 32); }
  AF_DEVICE static constexpr int lanes() { return 32; }

  template <int kBits, int kWords, class Classify>
  AF_DEVICE void ballots(Classify classify, uint32_t (&words)[kBits][kWords]) const {
    uint32_t values[kWords];  // all loads before the first ballot
    for (int k = 0; k < kWords; ++k) values[k] = classify(32 * k + lane());
    for (int k = 0; k < kWords; ++k)
      for (int b = 0; b < kBits; ++b) words[b][k] = Ranks::ballot(values[k] >> b & 1);
  }
  AF_DEVICE bool any(bool value) const { return Ranks::ballot(value) != 0; }
  template <class T>
  AF_DEVICE T from_lane(T value, int lane) const {
    static_assert(sizeof(T) % 4 == 0, "values travel in words of 32 bits");
    uint32_t words[sizeof(T) / 4];
    memcpy(words, &value, sizeof value);
    for (uint32_t& word : words) word = Ranks::shuffle(word, lane);
    memcpy(&value, words, sizeof value);
    return value;
  }
  template <class T>
  AF_DEVICE T first_lane(T value) const {
    return from_lane(value, 0);
  }
  template <class T>
  AF_DEVICE T team_max(T value) const {
    for (int distance = 16; distance; distance /= 2) {
      const T other = from_lane(value, lane() ^ distance);
      value = other > value ? other : value;
    }
    return value;
  }
  template <class T>
  AF_DEVICE T team_min(T value) const {
    for (int distance = 16; distance; distance /= 2) {
      const T other = from_lane(value, lane() ^ distance);
      value = other < value ? other : value;
    }
    return value;
  }
  template <class T>
  AF_DEVICE T team_sum(T value) const {
    for (int distance = 16; distance; distance /= 2) value += from_lane(value, lane() ^ distance);
    return value;
  }
  AF_DEVICE int32_t reserve(int32_t* counter, int32_t count) const {  // one atomic operation per team
    int32_t sum = count, base = 0;
    for (int distance = 1; distance < 32; distance *= 2) {
      const int32_t before = from_lane(sum, (lane() - distance) & 31);
      if (lane() >= distance) sum += before;
    }
    if (lane() == 31 && sum) base = relaxed::add(counter, sum);
    return from_lane(base, 31) + sum - count;
  }
  template <class Sum, class Add>
  AF_DEVICE void add_by_key(int32_t key, const Sum& sum, Add add) const {  // lanes with the first lane's key go as one
    const uint32_t held = Ranks::ballot(key >= 0);
    if (!held) return;
    const int leader = lowest_bit32(held);
    const int32_t leading = from_lane(key, leader);
    Sum together = key == leading ? sum : Sum();
    for (int distance = 16; distance; distance /= 2) together.combine(from_lane(together, lane() ^ distance));
    if (lane() == leader)
      add(key, together);
    else if (key >= 0 && key != leading)
      add(key, sum);
  }
  // Neighbours go to different teams: hard places are shared out.
  template <class Select, class Work>
  AF_DEVICE void share(int64_t count, Select select, Work work) const {
    const int64_t stride = (count + 31) / 32;
    for (int64_t t = team(); t < stride; t += teams()) {
      const int64_t i = lane() * stride + t;
      const uint32_t answer = i < count ? select(i) : 0;
      for (uint32_t left = Ranks::ballot(answer != 0); left; left &= left - 1) {
        const int source = lowest_bit32(left);
        work(from_lane(i, source), from_lane(answer, source));
      }
    }
  }
};

}  // namespace activefreq::AF_ISA
