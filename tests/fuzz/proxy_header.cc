// SPDX-License-Identifier: Apache-2.0
// The header of the PROXY protocol before the bytes of a client.
#include "proxy/http/peer/proxy_header.h"

#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  using http::ProxyHeader;
  using Result = ProxyHeader::Result;
  input = input.substr(0, ProxyHeader::max_size);
  const ProxyHeader whole = http::parse_proxy_header(input);
  require(whole.result != Result::more || input.size() < ProxyHeader::max_size,
          "a header without an end");
  require(whole.size <= input.size(), "a header that is longer than the bytes");
  require((whole.size > 0) == (whole.result == Result::complete), "the size of no header");
  require(!whole.source || (whole.source->ip.known() && whole.source->port), "an unknown client");
  // Pieces do not change the verdict, and no byte of the client belongs to the header.
  for (std::size_t n = 0; n < input.size(); ++n) {
    const ProxyHeader part = http::parse_proxy_header(input.substr(0, n));
    if (part.result == Result::more) continue;
    require(part.result == whole.result && part.size == whole.size && part.source == whole.source,
            "the verdict depends on how the bytes were cut");
    break;
  }
}

}  // namespace entrepot::fuzz
