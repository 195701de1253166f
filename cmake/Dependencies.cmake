# SPDX-License-Identifier: Apache-2.0
# Every foreign library, as an imported target. All of them are Debian packages
# (deploy/packages.sh names them).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(CURL 7.88 REQUIRED)
find_package(RocksDB REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(CLI11 2 REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
# It asks for -pthread, which is nothing to the compiler but another kind of precompiled header.
set_target_properties(PkgConfig::RE2 PROPERTIES INTERFACE_COMPILE_OPTIONS "")
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus>=3.3)
pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp>=0.7)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent>=2.1.12 libevent_pthreads>=2.1.12)

# llhttp: a library of its own on newer systems (libllhttp-dev), C sources in node-llhttp on Debian 12.
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/include /usr/share/include/llhttp REQUIRED)
find_library(LLHTTP_LIBRARY llhttp)
if(LLHTTP_LIBRARY)
  add_library(llhttp INTERFACE)
  target_link_libraries(llhttp INTERFACE "${LLHTTP_LIBRARY}")
  target_include_directories(llhttp SYSTEM INTERFACE "${LLHTTP_INCLUDE_DIR}")
else()
  find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp REQUIRED)
  add_library(llhttp STATIC
    "${LLHTTP_SOURCE_DIR}/api.c" "${LLHTTP_SOURCE_DIR}/http.c" "${LLHTTP_SOURCE_DIR}/llhttp.c")
  set_target_properties(llhttp PROPERTIES UNITY_BUILD OFF)
  target_include_directories(llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
  # The parser of foreign bytes most of all.
  target_link_libraries(llhttp PRIVATE entrepot_hardening)
endif()

if(ENTREPOT_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
