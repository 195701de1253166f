// SPDX-License-Identifier: Apache-2.0
// A request target: path, route, names, reference, query.
#include <string>

#include "proxy/http/parse/target.h"
#include "proxy/registry/referrers_page.h"
#include "proxy/registry/request/names.h"
#include "proxy/registry/request/pagination.h"
#include "proxy/registry/request/query.h"
#include "proxy/registry/request/route.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

void read_path(std::string_view encoded) {
  std::string path;
  if (http::decode_path(encoded, path) != nullptr) return;
  require(path.find('\0') == std::string::npos, "NUL in a path");
  require((path + "/").find("/../") == std::string::npos, "a path that climbs");
  const auto route = registry::parse_route(path);
  if (registry::valid_name(route.name)) {
    require(route.name.size() <= registry::max_name, "a name too long");
    require(route.name.find("..") == std::string_view::npos, "a name that climbs");
  }
  const auto reference = registry::parse_reference(route.reference);
  require((reference.kind == registry::ReferenceKind::digest) == reference.digest.has_value(),
          "a digest reference has its digest");
  if (reference.digest) require(reference.digest->str() == route.reference, "another digest");
  if (reference.kind == registry::ReferenceKind::tag)
    require(registry::valid_tag(route.reference), "a tag that is none");
}

void read_query(std::string_view query) {
  registry::QueryReader reader(query);
  for (std::size_t count = 0; const auto parameter = reader.next(); ++count) {
    require(count <= query.size(), "a query without an end");
    const auto value = registry::decode_parameter(parameter->value, 1024);
    if (!value) continue;
    require(registry::decode_parameter(registry::encode_parameter(*value), 1024) == value,
            "encoding does not come back");
  }
  if (const auto page = registry::parse_page(query))
    require(page->n.value_or(0) <= registry::max_page, "a page too long");
  if (const auto request = registry::parse_referrers(query); request && request->after) {
    const auto next = registry::query_of_next(*request, *request->after, "");
    const auto again = registry::parse_referrers(next);
    require(again && again->after && again->after->digest == request->after->digest &&
                again->after->artifact_type == request->after->artifact_type &&
                again->artifact_types == request->artifact_types,
            "a place in the list of referrers does not come back");
  }
}

}  // namespace

void run(std::string_view input) {
  if (http::check_target(input) != nullptr) return;
  const auto question = input.find('?');
  read_path(input.substr(0, question));
  if (question != std::string_view::npos) read_query(input.substr(question + 1));
}

}  // namespace entrepot::fuzz
