// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/cache_api.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "metrics/printable.h"

namespace entrepot::admin {
namespace {

using Json = nlohmann::ordered_json;
using cache::CacheAdmin;
using http::Method;

constexpr std::string_view root = "/api/v1/cache";
constexpr std::size_t largest_page = 50'000;
constexpr std::size_t usual_page = 1'000;
/// Their manifests are read: about a second.
constexpr std::size_t most_images = 2'000;
/// Read for one piece of a check: about a second.
constexpr std::uint64_t verified_at_once = 256ULL << 20;

/// In ASCII, so that nothing foreign in it acts on a terminal.
ApiAnswer answer(const Json& json, int status = 200) {
  return {status, json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"};
}
ApiAnswer changed(const Json& json, std::string change) {
  auto made = answer(json);
  made.change = std::move(change);
  return made;
}
/// "3 objects", "1 object"
std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}
ApiAnswer refuse(int status, const std::string& why) { return answer({{"error", why}}, status); }

/// The value of a key of a query; empty where it is not.
std::string_view value_of(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.size() > key.size() && pair.starts_with(key) && pair[key.size()] == '=')
      return pair.substr(key.size() + 1);
  }
  return {};
}

Json next_of(const std::optional<std::string>& next) { return next ? Json(*next) : Json(nullptr); }

ApiAnswer stats(const CacheAdmin& inspection) {
  const auto stats = inspection.stats();
  return answer({{"used_bytes", stats.used},
                 {"max_bytes", stats.max_size},
                 {"free_bytes", stats.free},
                 {"reserve_bytes", stats.reserve},
                 {"no_room", stats.no_room ? Json(metrics::to_string(*stats.no_room)) : Json()},
                 {"blobs", stats.blobs},
                 {"blob_bytes", stats.blob_bytes},
                 {"manifests", stats.manifests},
                 {"manifest_bytes", stats.manifest_bytes},
                 {"tags", stats.tags},
                 {"fills", stats.fills},
                 {"partial_bytes", stats.partial_bytes},
                 {"quarantined_bytes", stats.quarantined_bytes},
                 {"index_bytes", stats.index_bytes},
                 {"complete", stats.complete}});
}

/// The value of `limit`, `most` at most; nullopt if it is no number from 1.
std::optional<std::size_t> limit_of(std::string_view query, std::size_t most) {
  std::size_t limit = usual_page;
  if (const auto text = value_of(query, "limit"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0) return std::nullopt;
  }
  return std::min(limit, most);
}

ApiAnswer refuse_limit() { return refuse(400, "limit: expected a number from 1"); }

ApiAnswer objects(const CacheAdmin& inspection, std::string_view query) {
  const auto limit = limit_of(query, largest_page);
  if (!limit) return refuse_limit();
  const auto page = inspection.list(value_of(query, "from"), *limit);
  Json list = Json::array();
  for (const auto& object : page.objects) {
    list.push_back({{"digest", object.digest.str()},
                    {"kind", object.is_manifest ? "manifest" : "blob"},
                    {"size", object.size},
                    {"stored_at_ms", object.stored_at.time_since_epoch().count()},
                    {"hits", object.hits},
                    {"pinned", object.pinned},
                    {"repositories", object.repositories}});
  }
  return answer({{"objects", std::move(list)}, {"next", next_of(page.next)}});
}

ApiAnswer images(const CacheAdmin& inspection, std::string_view query) {
  const auto limit = limit_of(query, most_images);
  if (!limit) return refuse_limit();
  const auto pattern = value_of(query, "pattern");
  if (!cache::is_image_pattern(pattern))
    return refuse(400, "expected a pattern such as alpine:3* or ghcr.io/acme/*");
  const auto page = inspection.images(pattern, value_of(query, "from"), *limit);
  Json list = Json::array();
  for (const auto& image : page.images) {
    const auto pulled = image.pulled_at;
    list.push_back(
        {{"repository", image.repository},
         {"tag", image.tag},
         {"digest", image.digest.str()},
         {"state", metrics::to_string(image.state)},
         {"bytes", image.bytes},
         {"missing", image.missing},
         {"images", image.images},
         {"images_here", image.images_here},
         {"checked_at_ms", image.checked_at.time_since_epoch().count()},
         {"pulled_at_ms", pulled ? Json(pulled->time_since_epoch().count()) : Json(nullptr)}});
  }
  return answer({{"images", std::move(list)}, {"next", next_of(page.next)}});
}

std::string_view word_of(CacheAdmin::Finding verdict) {
  switch (verdict) {
    case CacheAdmin::Finding::right:
      return "right";
    case CacheAdmin::Finding::wrong:
      return "wrong";
    case CacheAdmin::Finding::unreadable:
      return "unreadable";
    case CacheAdmin::Finding::missing:
      return "missing";
  }
  return "";
}

ApiAnswer verify(CacheAdmin& inspection, std::string_view query) {
  const bool repair = value_of(query, "repair") == "true";
  const auto done = inspection.verify(value_of(query, "from"), verified_at_once, repair);
  Json bad = Json::array();
  for (const auto& checked : done.bad)
    bad.push_back({{"digest", checked.digest.str()},
                   {"size", checked.size},
                   {"verdict", word_of(checked.verdict)}});
  const std::size_t repaired = repair ? done.bad.size() : 0;
  return changed(
      {{"objects", done.objects},
       {"bytes", done.bytes},
       {"bad", std::move(bad)},
       {"next", next_of(done.next)}},
      repaired == 0 ? "" : "removed " + counted(repaired, "bad object") + " (verify --repair)");
}

ApiAnswer remove_object(CacheAdmin& inspection, std::string_view text) {
  const auto digest = cache::Digest::parse(text);
  if (!digest) return refuse(400, "not a digest: " + std::string(text));
  const auto removed = inspection.remove(*digest);
  if (removed == 0) return refuse(404, digest->str() + " is not stored");
  return changed({{"tags", 0}, {"objects", removed}}, "removed " + digest->str());
}

ApiAnswer remove_repository(CacheAdmin& inspection, std::string_view name, std::string_view query) {
  const auto slash = name.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == name.size())
    return refuse(400, "expected UPSTREAM/REPOSITORY, such as docker.io/library/alpine");
  const auto tag = value_of(query, "tag");
  const auto removed =
      inspection.remove({name.substr(0, slash), name.substr(slash + 1)},
                        tag.empty() ? std::nullopt : std::optional<std::string_view>(tag));
  const auto what = std::string(name) + (tag.empty() ? "" : ":" + std::string(tag));
  if (removed.tags + removed.objects == 0) return refuse(404, "nothing is stored of " + what);
  return changed({{"tags", removed.tags}, {"objects", removed.objects}},
                 "removed " + printable(what) + " (" + counted(removed.tags, "tag") + ", " +
                     counted(removed.objects, "object") + ")");
}

ApiAnswer pin_list(const CacheAdmin& inspection) {
  const auto pins = inspection.pins();
  return answer({{"configured", pins.configured}, {"commanded", pins.commanded}});
}

ApiAnswer change_pins(CacheAdmin& inspection, Method method, std::string_view query) {
  const auto pattern = value_of(query, "pattern");
  const bool pins = method == Method::put;
  switch (pins ? inspection.pin(pattern) : inspection.unpin(pattern)) {
    case CacheAdmin::PinChange::done: {
      auto list = pin_list(inspection);
      list.change = (pins ? "pinned " : "unpinned ") + printable(pattern);
      return list;
    }
    case CacheAdmin::PinChange::unchanged:
      return pin_list(inspection);
    case CacheAdmin::PinChange::invalid:
      return refuse(400, "expected a pattern such as library/* or ghcr.io/acme/*");
    case CacheAdmin::PinChange::configured:
      return refuse(409, "this pin is in the configuration (cache.pin): take it out there");
    case CacheAdmin::PinChange::failed:
      break;
  }
  return refuse(503, "the index takes no writes; see the log");
}

ApiAnswer refuse_method() { return refuse(405, "this is asked for with another method"); }

ApiAnswer route(CacheAdmin& inspection, Method method, std::string_view path,
                std::string_view query) {
  const bool reads = method == Method::get || method == Method::head;
  const std::string_view rest = path.substr(root.size());
  constexpr std::string_view one_object = "/objects/", one_repository = "/repositories/";
  if (rest.empty()) return reads ? stats(inspection) : refuse_method();
  if (rest == "/objects") return reads ? objects(inspection, query) : refuse_method();
  if (rest == "/images") return reads ? images(inspection, query) : refuse_method();
  if (rest == "/verify")
    return method == Method::post ? verify(inspection, query) : refuse_method();
  if (rest == "/pins" && reads) return pin_list(inspection);
  if (rest == "/pins" && (method == Method::put || method == Method::del))
    return change_pins(inspection, method, query);
  if (rest == "/pins") return refuse_method();
  if (rest.starts_with(one_object))
    return method == Method::del ? remove_object(inspection, rest.substr(one_object.size()))
                                 : refuse_method();
  if (rest.starts_with(one_repository))
    return method == Method::del
               ? remove_repository(inspection, rest.substr(one_repository.size()), query)
               : refuse_method();
  return refuse(404, "nothing here");
}

bool is_cache_api(std::string_view path) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace

ApiAnswer answer_cache_api(cache::CacheAdmin& inspection, Method method, std::string_view path,
                           std::string_view query) {
  if (!is_utf8(path) || !is_utf8(query))
    return refuse(400, "what is asked for is no UTF-8, and nothing in the cache is named so");
  if (!is_cache_api(path)) return refuse(404, "nothing here");
  return route(inspection, method, path, query);
}

}  // namespace entrepot::admin
