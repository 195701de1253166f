// SPDX-License-Identifier: Apache-2.0
// X-Forwarded-For: each line of the input is a field.
#include "proxy/http/peer/forwarded_for.h"

#include <string>
#include <variant>

#include "proxy/http/parse/request_parser.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  using namespace http;
  static const TrustedProxies proxies{
      .protocol = ForwardingProtocol::x_forwarded_for,
      .networks = {std::get<Network>(Network::parse("10.0.0.0/8")),
                   std::get<Network>(Network::parse("2001:db8::/32"))}};
  static const TrustedProxies nobody{.protocol = ForwardingProtocol::x_forwarded_for};
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (!input.empty()) head.append("X-Forwarded-For: ").append(take_line(input)).append("\r\n");
  Request request;
  RequestParser parser;
  parser.begin(request);
  std::size_t taken = 0;
  if (parser.feed(head + "\r\n", taken) != RequestParser::Result::complete) return;
  const ForwardedFor found = forwarded_for(request, proxies);
  require(!found.malformed || !found.client, "a client of a malformed list");
  require(!found.client || found.client->ip.known(), "an unknown client");
  // Without a trusted entry, the last one decides alone.
  const ForwardedFor last = forwarded_for(request, nobody);
  require(found.malformed || found.client.has_value() == last.client.has_value(),
          "a list with and without an entry");
  if (last.client) {
    require(parse_forwarded_address(last.client->text()) == last.client,
            "an address that is not read as it is written");
    if (!proxies.contain(last.client->ip))
      require(found.client == last.client, "an entry before the one that a proxy has written");
  }
}

}  // namespace entrepot::fuzz
