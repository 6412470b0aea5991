# The CUDA module. It is found by asking for the compiler, never for a device, links the static runtime,
# and loads on a machine without a driver (calls then say what is missing).
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # Ampere, Hopper, and PTX for what comes after
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(ACTIVEFREQ_CUDA STREQUAL "ON")
    message(FATAL_ERROR "ACTIVEFREQ_CUDA=ON, but no CUDA compiler was found: put nvcc on PATH or set CUDACXX")
  endif()
  message(STATUS "activefreq: no CUDA compiler found, building without activefreq._cuda")
  return()
endif()
enable_language(CUDA)

set(ACTIVEFREQ_CUDA_OPERATORS
  csrc/cuda/click_maps.cu
  csrc/cuda/label.cu
  csrc/cuda/roi_align.cu
  csrc/cuda/select_click.cu
  csrc/cuda/squared_distance.cu)
# Their results decide no click: a*b+c may be one rounding.
set(ACTIVEFREQ_CUDA_FILTERS
  csrc/cuda/band_split.cu
  csrc/cuda/filter_paths.cu
  csrc/cuda/freq_mix.cu
  csrc/cuda/haar.cu
  csrc/cuda/layer_kernels.cu
  csrc/cuda/mix_launch.cu
  csrc/cuda/packed_filter.cu
  csrc/cuda/rfft2.cu
  csrc/cuda/spectral_filter.cu)

pybind11_add_module(_cuda ${ACTIVEFREQ_CUDA_OPERATORS} ${ACTIVEFREQ_CUDA_FILTERS} csrc/cuda/device.cu
  csrc/cuda/fourier_library.cpp csrc/bindings/cuda.cpp)
set_target_properties(_cuda PROPERTIES
  CUDA_STANDARD 17 CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden INTERPROCEDURAL_OPTIMIZATION OFF)
target_include_directories(_cuda PRIVATE csrc ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
target_compile_definitions(_cuda PRIVATE AF_ISA=device)
target_compile_options(_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xptxas=-v>)
# -fmad=false: as -ffp-contract=off on the CPU, for everything that decides a click.
set_source_files_properties(${ACTIVEFREQ_CUDA_OPERATORS} PROPERTIES COMPILE_OPTIONS -fmad=false)
target_link_libraries(_cuda PRIVATE ${CMAKE_DL_LIBS})
install(TARGETS _cuda DESTINATION activefreq)
