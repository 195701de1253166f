// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <variant>

#include "metrics/exception.h"
#include "proxy/app/command/command_line.h"
#include "proxy/app/process.h"
#include "proxy/app/run.h"

int main(int argc, char** argv) {
  entrepot::app::open_standard_descriptors();
  entrepot::end_on_uncaught_exceptions();
  const auto parsed = entrepot::app::parse_command_line(argc, argv);
  if (const auto* farewell = std::get_if<entrepot::app::Farewell>(&parsed)) {
    (farewell->exit_code == 0 ? std::cout : std::cerr) << farewell->text;
    return farewell->exit_code;
  }
  return entrepot::app::run(std::get<entrepot::app::Command>(parsed));
}
