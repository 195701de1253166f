# SPDX-License-Identifier: Apache-2.0
# Precompiled headers, for clang: without optimisation, most of the time a source takes to compile goes
# to the headers of the standard library, spdlog and GoogleMock. Every source still includes what it
# uses.
option(ENTREPOT_PRECOMPILED_HEADERS "Compile the headers that most sources include once" OFF)

set(entrepot_common_headers
  <algorithm> <array> <atomic> <chrono> <condition_variable> <deque> <filesystem> <functional> <map>
  <memory> <mutex> <optional> <shared_mutex> <span> <string> <string_view> <thread> <unordered_map>
  <vector> <spdlog/spdlog.h>)

# entrepot_precompile(<name> LIBRARIES ... HEADERS ...): a program that owns precompiled headers or, with
# LIBRARY, a library that does: the code of the one is -fPIE, of the other -fPIC, and clang takes
# precompiled headers of its own kind only.
function(entrepot_precompile name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "LIBRARY" "" "LIBRARIES;HEADERS")
  set(source "${PROJECT_BINARY_DIR}/precompiled/${name}.cc")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "int main() { return 0; }\n")
  endif()
  if(arg_LIBRARY)
    add_library(${name} STATIC EXCLUDE_FROM_ALL "${source}")
  else()
    add_executable(${name} EXCLUDE_FROM_ALL "${source}")
  endif()
  target_link_libraries(${name} PRIVATE entrepot_flags ${arg_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

# entrepot_use_precompiled(<target> <owner>): nothing where they are switched off.
function(entrepot_use_precompiled target owner)
  if(ENTREPOT_PRECOMPILED_HEADERS)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

if(ENTREPOT_PRECOMPILED_HEADERS)
  entrepot_precompile(entrepot_precompiled LIBRARY LIBRARIES spdlog::spdlog Threads::Threads
    HEADERS ${entrepot_common_headers})
  if(ENTREPOT_TESTS)
    entrepot_precompile(entrepot_precompiled_tests
      LIBRARIES spdlog::spdlog Threads::Threads GTest::gmock GTest::gtest
      HEADERS ${entrepot_common_headers} <gmock/gmock.h> <gtest/gtest.h>)
  endif()
endif()
