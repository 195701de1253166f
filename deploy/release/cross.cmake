# SPDX-License-Identifier: Apache-2.0
# For another architecture, with Debian's cross compiler and the libraries of that architecture beside those of
# this one. The variables are those of dpkg-architecture (deploy/release/build.sh).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR "$ENV{DEB_HOST_GNU_CPU}")
set(CMAKE_C_COMPILER "$ENV{DEB_HOST_GNU_TYPE}-gcc")
set(CMAKE_CXX_COMPILER "$ENV{DEB_HOST_GNU_TYPE}-g++")
set(CMAKE_STRIP "/usr/bin/$ENV{DEB_HOST_GNU_TYPE}-strip")
set(CMAKE_LIBRARY_ARCHITECTURE "$ENV{DEB_HOST_MULTIARCH}")
set(ENTREPOT_PACKAGE_ARCHITECTURE "$ENV{DEB_HOST_ARCH}")  # cmake/Packaging.cmake
