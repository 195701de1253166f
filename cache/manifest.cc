// SPDX-License-Identifier: Apache-2.0
#include "cache/manifest.h"

#include <nlohmann/json.hpp>

#include "cache/media_type.h"

namespace entrepot::cache {
namespace {

using Json = nlohmann::json;

/// True when no value lies deeper than max_manifest_depth. Looked at before parsing, because what
/// a parser builds from a deep document is costly to build and to destroy.
bool shallow(std::string_view bytes) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > max_manifest_depth) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

void add_reference(const Json& descriptor, std::vector<Digest>& out) {
  if (!descriptor.is_object()) return;
  // Registries do not check that they hold a foreign layer, so naming one proves nothing.
  if (descriptor.contains("urls")) return;
  const auto digest = descriptor.find("digest");
  if (digest == descriptor.end() || !digest->is_string()) return;
  if (const auto parsed = Digest::parse(digest->get_ref<const std::string&>())) {
    out.push_back(*parsed);
  }
}

void add_references(const Json& document, const char* member, std::vector<Digest>& out) {
  const auto list = document.find(member);
  if (list == document.end() || !list->is_array()) return;
  for (const auto& descriptor : *list) add_reference(descriptor, out);
}

/// Schema 1 names its layers differently: fsLayers[].blobSum.
void add_schema1_layers(const Json& document, std::vector<Digest>& out) {
  const auto list = document.find("fsLayers");
  if (list == document.end() || !list->is_array()) return;
  for (const auto& layer : *list) {
    if (!layer.is_object()) continue;
    const auto sum = layer.find("blobSum");
    if (sum == layer.end() || !sum->is_string()) continue;
    if (const auto parsed = Digest::parse(sum->get_ref<const std::string&>())) {
      out.push_back(*parsed);
    }
  }
}

bool too_long(const Json& document) {
  for (const char* member : {"layers", "blobs", "manifests", "fsLayers"}) {
    const auto list = document.find(member);
    if (list != document.end() && list->size() > max_references) return true;
  }
  return false;
}

std::string_view implied_type(const Json& document) {
  if (document.contains("manifests")) return oci_index;
  if (document.contains("layers") || document.contains("config")) return oci_manifest;
  if (document.contains("fsLayers")) return docker_schema1;
  return {};
}

}  // namespace

std::optional<ManifestOutline> parse_manifest(std::string_view bytes) {
  ManifestOutline outline;
  outline.over_limits = !shallow(bytes);
  if (outline.over_limits) return outline;
  const Json document = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return std::nullopt;
  outline.over_limits = too_long(document);
  if (outline.over_limits) return outline;
  const auto type = document.find("mediaType");
  if (type != document.end() && type->is_string()) {
    outline.media_type = parse_media_type(type->get_ref<const std::string&>());
  }
  if (outline.media_type.empty()) outline.media_type = implied_type(document);
  if (outline.media_type.empty() || !document.contains("schemaVersion")) {
    // A registry's error document or a stranger's JSON has neither.
    if (!is_manifest_type(outline.media_type)) return std::nullopt;
  }
  if (const auto config = document.find("config"); config != document.end()) {
    add_reference(*config, outline.references);
  }
  add_references(document, "layers", outline.references);
  add_references(document, "blobs", outline.references);
  add_references(document, "manifests", outline.references);
  add_schema1_layers(document, outline.references);
  return outline;
}

}  // namespace entrepot::cache
