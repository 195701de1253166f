// SPDX-License-Identifier: Apache-2.0
// Runs a target once over every file of the named folders; fails if there is none.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/fuzz/target.h"

int main(int count, char** folders) {
  int seeds = 0;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(folders[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string input(std::istreambuf_iterator<char>(file), {});
      std::cerr << entry.path().filename() << '\n';
      entrepot::fuzz::run(input);
      ++seeds;
    }
  }
  std::cerr << seeds << " seeds\n";
  return seeds > 0 ? 0 : 1;
}
