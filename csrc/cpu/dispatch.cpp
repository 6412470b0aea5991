// Which instruction set runs: asked of the processor once, at load.
#include <atomic>
#include <cstring>

#include "cpu/operators.h"

namespace activefreq {
namespace {

struct Build {
  const char* name;
  const Operators& (*operators)();
};

#if defined(__x86_64__)
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

struct Available {
  Build builds[3];
  const char* names[4] = {nullptr, nullptr, nullptr, nullptr};
  int count = 0;
  Available() {
    add({"baseline", baseline::operators});
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (has_avx2()) add({"avx2", avx2::operators});
    if (has_avx512()) add({"avx512", avx512::operators});
#endif
  }
  void add(Build build) {
    names[count] = build.name;
    builds[count++] = build;
  }
};

const Available& available() {
  static const Available list;
  return list;
}

std::atomic<int>& selected() {
  static std::atomic<int> index{available().count - 1};
  return index;
}

}  // namespace

const Operators& operators() { return available().builds[selected().load(std::memory_order_relaxed)].operators(); }
const char* instruction_set() { return available().names[selected().load()]; }
const char* const* instruction_sets() { return available().names; }

bool select_instruction_set(const char* name) {
  for (int i = 0; i < available().count; ++i)
    if (std::strcmp(available().names[i], name) == 0) {
      selected().store(i);
      return true;
    }
  return false;
}

}  // namespace activefreq
