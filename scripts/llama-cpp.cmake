# Read by CMake when it configures llama.cpp (CMAKE_PROJECT_llama.cpp_INCLUDE): builds what editloop uses, and no more.

# llama-cpp-python turns the helpers of llama.cpp's own programs on; no Python module loads them.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "llama: build common utils library" FORCE)

# libllama describes a hundred kinds of models and hands the arithmetic to ggml, which keeps -O3: a third of the compile
# time, and no measurable part of the speed, is in optimizing the description.
if(NOT MSVC)
  cmake_language(DEFER CALL target_compile_options llama PRIVATE -O1)
  cmake_language(DEFER CALL target_precompile_headers llama PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:<algorithm>>" "$<$<COMPILE_LANGUAGE:CXX>:<functional>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<map>>" "$<$<COMPILE_LANGUAGE:CXX>:<memory>>" "$<$<COMPILE_LANGUAGE:CXX>:<regex>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<set>>" "$<$<COMPILE_LANGUAGE:CXX>:<string>>" "$<$<COMPILE_LANGUAGE:CXX>:<thread>>"
    "$<$<COMPILE_LANGUAGE:CXX>:<unordered_map>>" "$<$<COMPILE_LANGUAGE:CXX>:<vector>>")
endif()
