# SPDX-License-Identifier: Apache-2.0
# Tests in Python: the system's interpreter, because python3-pytest is installed for that one.
foreach(candidate IN ITEMS /usr/bin/python3 python3)
  execute_process(COMMAND "${candidate}" -c "import pytest" RESULT_VARIABLE missing
                  OUTPUT_QUIET ERROR_QUIET)
  if(missing EQUAL 0)
    set(ENTREPOT_PYTHON "${candidate}")
    break()
  endif()
endforeach()
if(NOT ENTREPOT_PYTHON)
  message(FATAL_ERROR "No python3 with pytest found: install python3-pytest, or run tests/run.sh, "
                      "which does")
endif()

# entrepot_python_test(<name> <file> LABELS ... TIMEOUT ... [RUN_SERIAL]): one CTest entry that runs
# one pytest file against the built binary.
function(entrepot_python_test name file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "RUN_SERIAL" "TIMEOUT" "LABELS")
  add_test(NAME ${name} COMMAND "${ENTREPOT_PYTHON}" -B -m pytest -q -p no:cacheprovider "${file}")
  if(TARGET entrepot)
    set(binary "$<TARGET_FILE:entrepot>")
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_RUN_SERIAL}
    ENVIRONMENT "ENTREPOT_BINARY=${binary};ENTREPOT_BUILD_DIR=${PROJECT_BINARY_DIR};ENTREPOT_SANITIZE=${ENTREPOT_SANITIZE}")
endfunction()
