// The program that the thread sanitizer watches: `differences` over a team of threads.
// Arguments: ranks, the sync to skip (-1: none).
#pragma once
#include "host/groups.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const Run run = {Kind::threads, std::atoi(arguments[1]), 1, std::atoi(arguments[2])};
  return differences(&run) ? 1 : 0;
}
