# SPDX-License-Identifier: Apache-2.0
# Writes the source of entrepot::commit() (metrics/version.h). A file of the same commit is left as it
# is, so that nothing is compiled again.
#
#   cmake -D SOURCE=DIR -D OUTPUT=FILE [-D COMMIT=TEXT] -P write_commit.cmake
if(NOT COMMIT)
  execute_process(
    COMMAND git describe --always --dirty --abbrev=12 --exclude=*
    WORKING_DIRECTORY "${SOURCE}" OUTPUT_VARIABLE COMMIT ERROR_QUIET
    OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT COMMIT MATCHES "^[0-9A-Za-z._+-]+$")
  set(COMMIT unknown)
endif()
set(text "#include \"metrics/version.h\"\n
namespace entrepot {\n
std::string_view commit() { return \"${COMMIT}\"; }\n
}\n")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT text STREQUAL "${before}")
  file(WRITE "${OUTPUT}" "${text}")
endif()
