# SPDX-License-Identifier: Apache-2.0
# The flags every target of the project is built with, and the two ways to declare one.

# Hardening and sanitizers: also for the C sources we compile ourselves (llhttp).
add_library(entrepot_hardening INTERFACE)
target_compile_options(entrepot_hardening INTERFACE
  -fstack-protector-strong -fstack-clash-protection)
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-fcf-protection ENTREPOT_HAS_CF_PROTECTION)  # x86 only
if(ENTREPOT_HAS_CF_PROTECTION)
  target_compile_options(entrepot_hardening INTERFACE -fcf-protection)
endif()

add_library(entrepot_flags INTERFACE)
target_link_libraries(entrepot_flags INTERFACE entrepot_hardening)
target_compile_features(entrepot_flags INTERFACE cxx_std_20)
target_include_directories(entrepot_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(entrepot_flags INTERFACE -Wall -Wextra -Wconversion -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)  # metrics/mutex.h
# In a unity build a name shadows those of the sources before it. GCC tells local ones apart.
if(NOT CMAKE_UNITY_BUILD)
  target_compile_options(entrepot_flags INTERFACE -Wshadow)
else()
  target_compile_options(entrepot_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local>)
endif()
# GCC 12 sees overlapping copies in "literal" + std::string where there are none (GCC bug 105651),
# and reads of the value of an empty std::optional (GCC bug 80635).
target_compile_options(entrepot_flags INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized>)
# As on amd64, where the tests run: on ARM `char` has no sign by default, and "c >= 0" is a warning.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(entrepot_flags INTERFACE -fsigned-char)
endif()
target_compile_definitions(entrepot_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(entrepot_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
# glibc refuses to fortify without optimisation, and the sanitizers replace what it fortifies.
if(NOT ENTREPOT_SANITIZE)
  target_compile_options(entrepot_hardening INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
else()
  target_compile_options(entrepot_hardening INTERFACE
    -fsanitize=${ENTREPOT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(entrepot_hardening INTERFACE -fsanitize=${ENTREPOT_SANITIZE})
  # GCC predefines a macro for each, clang none.
  if(ENTREPOT_SANITIZE MATCHES "address")
    target_compile_definitions(entrepot_flags INTERFACE ENTREPOT_ASAN)
  elseif(ENTREPOT_SANITIZE MATCHES "thread")
    target_compile_definitions(entrepot_flags INTERFACE ENTREPOT_TSAN)
  endif()
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

# entrepot_library(<folder> SOURCES ... LIBRARIES ...): the static library entrepot_<folder>.
function(entrepot_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_library(entrepot_${folder} STATIC ${arg_SOURCES})
  target_link_libraries(entrepot_${folder} PUBLIC entrepot_flags ${arg_LIBRARIES})
  entrepot_use_precompiled(entrepot_${folder} entrepot_precompiled)
endfunction()

# entrepot_test_binary(<target> [EXCLUDE_FROM_ALL] SOURCES ... LIBRARIES ...): a GoogleTest binary.
function(entrepot_test_binary target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "EXCLUDE_FROM_ALL" "" "SOURCES;LIBRARIES")
  add_executable(${target} ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ${arg_EXCLUDE_FROM_ALL})
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES} GTest::gmock GTest::gtest_main)
  entrepot_use_precompiled(${target} entrepot_precompiled_tests)
  # The code under test is optimised, the tests are not: they take a quarter less time to compile.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O0>)
endfunction()

# entrepot_unit_test(<folder> [SINGLE_THREADED] SOURCES ... LIBRARIES ...): one GoogleTest binary
# unit_<folder>, one CTest entry per test case, or under a sanitizer per half of them, labelled
# "unit". Besides, one binary unit_<folder>.<file> for each file, which tests/one.sh builds on
# demand. SINGLE_THREADED: the tests start no thread, so that ThreadSanitizer has nothing to find in
# them, and its build leaves them out.
function(entrepot_unit_test folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SINGLE_THREADED" "" "SOURCES;LIBRARIES")
  if(arg_SINGLE_THREADED)
    foreach(source IN LISTS arg_SOURCES)
      file(STRINGS "${source}" threads
        REGEX "#include.*(<thread>|<future>|loop/thread|scripted_server)")
      if(threads)
        message(FATAL_ERROR "${source} starts threads: remove SINGLE_THREADED from unit_${folder}")
      endif()
    endforeach()
    if(ENTREPOT_SANITIZE STREQUAL "thread")
      return()
    endif()
  endif()
  entrepot_test_binary(unit_${folder} SOURCES ${arg_SOURCES} LIBRARIES ${arg_LIBRARIES})
  set(helpers ${arg_SOURCES})
  list(FILTER helpers EXCLUDE REGEX "_test\\.cc$")
  foreach(source IN LISTS arg_SOURCES)
    if(source MATCHES "_test\\.cc$")
      get_filename_component(name "${source}" NAME_WE)
      entrepot_test_binary(unit_${folder}.${name} EXCLUDE_FROM_ALL
        SOURCES ${source} ${helpers} LIBRARIES ${arg_LIBRARIES})
      target_compile_definitions(unit_${folder}.${name} PRIVATE
        $<TARGET_PROPERTY:unit_${folder},COMPILE_DEFINITIONS>)
    endif()
  endforeach()
  if(NOT ENTREPOT_SANITIZE)
    gtest_discover_tests(unit_${folder} TEST_PREFIX "unit.${folder}."
      DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 120)
    return()
  endif()
  # A sanitizer takes half a second to start a process, longer than most cases take.
  set(shards 2)
  foreach(shard RANGE 1 ${shards})
    math(EXPR index "${shard} - 1")
    add_test(NAME unit.${folder}.${shard} COMMAND unit_${folder} --gtest_brief=1)
    set_tests_properties(unit.${folder}.${shard} PROPERTIES LABELS unit TIMEOUT 900
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
