// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/digest_text.h"

#include <algorithm>

#include "metrics/check.h"

namespace entrepot::registry {

DigestText::DigestText(const cache::Digest& digest) {
  const std::string_view name = digest.algorithm_name();
  size_ = name.size() + 1 + 2 * digest.bytes().size();
  check(size_ + 2 <= buffer_.size(), "the longest digest fits");
  char* out = buffer_.data();
  *out++ = '"';
  out = std::copy(name.begin(), name.end(), out);
  *out++ = ':';
  out = digest.write_hex(out);
  *out = '"';
}

}  // namespace entrepot::registry
