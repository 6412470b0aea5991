# Every operator source is compiled once per instruction set into a namespace of its own (AF_ISA);
# csrc/cpu/dispatch.cpp picks one at run time. csrc/core/portable.h says why the namespaces differ.
set(ACTIVEFREQ_CPU_OPERATORS
  csrc/cpu/band_split.cpp
  csrc/cpu/click_maps.cpp
  csrc/cpu/error_regions.cpp
  csrc/cpu/farthest_pixel.cpp
  csrc/cpu/haar.cpp
  csrc/cpu/label.cpp
  csrc/cpu/rfft2.cpp
  csrc/cpu/roi_align.cpp
  csrc/cpu/select_click.cpp
  csrc/cpu/squared_distance.cpp
  csrc/cpu/freq_mix.cpp
  csrc/cpu/line_transform.cpp
  csrc/cpu/spectral_filter.cpp
  csrc/cpu/operators.cpp)

set(ACTIVEFREQ_WARNINGS -Wall -Wextra -Werror=return-type)
# Contraction (a*b+c in one rounding) would let two builds choose different clicks. Files whose results
# decide no click turn it on again for themselves.
# -fno-trapping-math lets the compiler turn a choice between two values into a blend; it changes no value.
set(ACTIVEFREQ_ARITHMETIC -ffp-contract=off -fno-math-errno -fno-trapping-math)
set_source_files_properties(csrc/cpu/band_split.cpp csrc/cpu/freq_mix.cpp csrc/cpu/line_transform.cpp
  csrc/cpu/rfft2.cpp csrc/cpu/spectral_filter.cpp
  PROPERTIES COMPILE_OPTIONS "-ffp-contract=fast;-Wno-psabi")

function(activefreq_cpu_library isa)
  add_library(activefreq_cpu_${isa} OBJECT ${ACTIVEFREQ_CPU_OPERATORS})
  target_include_directories(activefreq_cpu_${isa} PRIVATE csrc)
  target_compile_definitions(activefreq_cpu_${isa} PRIVATE AF_ISA=${isa})
  target_compile_options(activefreq_cpu_${isa} PRIVATE ${ACTIVEFREQ_WARNINGS} ${ACTIVEFREQ_ARITHMETIC} ${ARGN})
  if(OpenMP_CXX_FOUND)
    target_link_libraries(activefreq_cpu_${isa} PRIVATE OpenMP::OpenMP_CXX)
  endif()
endfunction()

activefreq_cpu_library(baseline)
set(ACTIVEFREQ_CPU_OBJECTS $<TARGET_OBJECTS:activefreq_cpu_baseline>)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  activefreq_cpu_library(avx2 -mavx2 -mfma -mbmi -mbmi2 -mlzcnt -mpopcnt -mf16c)
  activefreq_cpu_library(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  # Baseline objects come first: of a template that all three instantiate, the linker keeps the first.
  list(APPEND ACTIVEFREQ_CPU_OBJECTS $<TARGET_OBJECTS:activefreq_cpu_avx2> $<TARGET_OBJECTS:activefreq_cpu_avx512>)
endif()

pybind11_add_module(_cpu ${ACTIVEFREQ_CPU_OBJECTS} csrc/cpu/dispatch.cpp csrc/bindings/cpu.cpp)
target_include_directories(_cpu PRIVATE csrc)
target_compile_options(_cpu PRIVATE ${ACTIVEFREQ_WARNINGS})
if(OpenMP_CXX_FOUND)
  target_link_libraries(_cpu PRIVATE OpenMP::OpenMP_CXX)
endif()
if(ACTIVEFREQ_SANITIZE)
  foreach(target _cpu activefreq_cpu_baseline activefreq_cpu_avx2 activefreq_cpu_avx512)
    if(TARGET ${target})
      target_compile_options(${target} PRIVATE -fsanitize=${ACTIVEFREQ_SANITIZE} -fno-sanitize-recover=all -g)
    endif()
  endforeach()
  target_link_options(_cpu PRIVATE -fsanitize=${ACTIVEFREQ_SANITIZE})
endif()
install(TARGETS _cpu DESTINATION activefreq)
