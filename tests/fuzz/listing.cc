// SPDX-License-Identifier: Apache-2.0
// A page of tags/list or of referrers, as an upstream sends it and as a client receives it.
#include "cache/api/listing.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "proxy/upstream/wire/listing_page.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

/// The elements of our own index, which must be JSON.
nlohmann::json elements(const std::string& list) { return nlohmann::json::parse("[" + list + "]"); }

void read_tags(std::string_view input) {
  cache::Listing listing;
  if (!upstream::add_tags_page(input, listing).readable) return;
  const cache::TagList tags(listing.tags);
  for (std::size_t i = 0; i < tags.size(); ++i) {
    require(upstream::is_tag(tags[i]), "an entry that is no tag");
    require(i == 0 || tags[i - 1] < tags[i], "tags that are not sorted");
    require(tags.count_up_to(tags[i]) == i + 1, "a tag that is not found");
  }
  require(elements(*tags.text()).size() == tags.size(), "a text of other tags");
}

void read_referrers(std::string_view input) {
  cache::Listing listing;
  const auto page = upstream::add_referrers_page(input, listing);
  if (!page.readable) return;
  const cache::Referrers referrers(listing.referrers);
  const auto all = elements(*referrers.text());
  require(all.size() == referrers.size() && all.size() <= page.entries,
          "descriptors that are not counted");
  for (const auto& each : all)
    require(each.contains("digest") && each.contains("mediaType") && each.contains("size"),
            "an entry that is no descriptor");
  for (std::size_t i = 0; i < referrers.size(); ++i) {
    const auto place = referrers.place_of(i);
    require(referrers.count_up_to(place) == i + 1, "a descriptor that is not found");
    const auto& each = all[i];
    require(each["digest"] == place.digest.str(), "a descriptor of another digest");
    if (!place.artifact_type.empty())
      require(each["artifactType"] == place.artifact_type, "a descriptor of another type");
    const auto [first, last] = referrers.of_type(place.artifact_type);
    require(first <= i && i < last, "a type without its descriptor");
  }
}

}  // namespace

void run(std::string_view input) {
  read_tags(input);
  read_referrers(input);
}

}  // namespace entrepot::fuzz
