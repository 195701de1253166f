// SPDX-License-Identifier: Apache-2.0
// A value of the index as a disk may return it: it is refused, or parsed in one way only.
#include "cache/index/records.h"

#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

template <typename Decode>
void check_record(Decode decode, std::string_view input) {
  const auto record = decode(input);
  if (record) require(decode(encode(*record)) == record, "encoding does not come back");
}

}  // namespace

void run(std::string_view input) {
  check_record(cache::decode_blob, input);
  check_record(cache::decode_manifest, input);
  check_record(cache::decode_tag, input);
  check_record(cache::decode_link, input);
}

}  // namespace entrepot::fuzz
