// SPDX-License-Identifier: Apache-2.0
// libFuzzer's way in.
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  entrepot::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
