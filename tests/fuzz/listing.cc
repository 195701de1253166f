// SPDX-License-Identifier: Apache-2.0
// A page of tags/list or of referrers, as an upstream sends it and as a client gets it.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proxy/registry/referrers_filter.h"
#include "proxy/upstream/listing_page.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  std::vector<std::string> tags;
  if (upstream::add_tags_page(input, tags))
    for (const auto& tag : tags) require(upstream::is_tag(tag), "an entry that is no tag");
  auto manifests = nlohmann::json::array();
  if (!upstream::add_referrers_page(input, manifests)) return;
  for (const auto& each : manifests)
    require(each.contains("digest") && each.contains("mediaType") && each.contains("size"),
            "an entry that is no descriptor");
  const auto index = upstream::referrers_index(manifests);
  const auto filtered = registry::filter_referrers(index, {"application/x"});
  require(filtered.has_value(), "our own index is not understood");
  const auto parsed = nlohmann::json::parse(*filtered);
  for (const auto& each : parsed["manifests"])
    require(each.value("artifactType", "") == "application/x", "the filter lets others pass");
}

}  // namespace entrepot::fuzz
