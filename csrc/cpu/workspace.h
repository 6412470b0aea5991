// Memory for one task. Blocks of moderate size stay with their thread for the next call: fresh pages from the
// system would cost more than the transform of a small plane.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <new>
#include <utility>

#include "core/portable.h"

namespace activefreq::AF_ISA {

class Workspace {
 public:
  explicit Workspace(size_t bytes) : block_(take(bytes)) {}
  ~Workspace() { give_back(block_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* data() const { return block_.data; }

 private:
  static constexpr size_t kKept = size_t{16} << 20;  // larger blocks return to the system at once
  static constexpr int kBlocks = 8;                  // freq_mix's gradient holds six, and a task of it one or two

  struct Block {
    void* data = nullptr;
    size_t bytes = 0;
  };
  struct Kept {
    Block blocks[kBlocks];
    ~Kept() {
      for (Block& block : blocks) std::free(block.data);
    }
  };
  static Kept& kept() {
    static thread_local Kept blocks;
    return blocks;
  }

  // The smallest kept block that is large enough, so that the same calls find the same blocks again.
  static Block take(size_t bytes) {
    Block* best = nullptr;
    for (Block& block : kept().blocks)
      if (block.data && block.bytes >= bytes && (!best || block.bytes < best->bytes)) best = &block;
    if (best) return std::exchange(*best, {});
    const size_t rounded = (std::max<size_t>(bytes, 1) + 4095) / 4096 * 4096;
    void* data = std::aligned_alloc(64, rounded);
    if (!data) throw std::bad_alloc();
    return {data, rounded};
  }

  // Takes the place of the smallest block (an empty place has none), unless it is smaller still.
  static void give_back(Block block) {
    if (block.bytes <= kKept) {
      Block& least = *std::min_element(std::begin(kept().blocks), std::end(kept().blocks),
                                       [](const Block& a, const Block& b) { return a.bytes < b.bytes; });
      if (least.bytes < block.bytes) std::swap(least, block);
    }
    std::free(block.data);
  }

  Block block_;
};

}  // namespace activefreq::AF_ISA
