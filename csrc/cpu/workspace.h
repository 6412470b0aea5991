// Memory for one task. Blocks of moderate size stay with their thread for the next call: fresh pages from the
// system would cost more than the transform of a small plane.
#pragma once
#include <cstdlib>
#include <new>

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
  static constexpr int kBlocks = 2;                  // a call's own and, on the same thread, a task's

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

  static Block take(size_t bytes) {
    for (Block& block : kept().blocks)
      if (block.bytes >= bytes && block.data) {
        const Block taken = block;
        block = {};
        return taken;
      }
    const size_t rounded = (bytes + 4095) / 4096 * 4096;
    void* data = std::aligned_alloc(64, rounded ? rounded : 64);
    if (!data) throw std::bad_alloc();
    return {data, rounded};
  }
  static void give_back(Block block) {
    if (block.bytes <= kKept)
      for (Block& place : kept().blocks)
        if (place.bytes < block.bytes) {  // the larger block stays
          std::free(place.data);
          place = block;
          return;
        }
    std::free(block.data);
  }

  Block block_;
};

}  // namespace activefreq::AF_ISA
