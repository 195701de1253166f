// SPDX-License-Identifier: Apache-2.0
#include "cache/content/manifest.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "cache/base/media_type.h"

namespace entrepot::cache {
namespace {

using Json = nlohmann::json;

/// True if no value is nested deeper than max_manifest_depth. Checked before parsing, because a
/// deep document is costly to build and to destroy.
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

/// Returns `bytes` as ASCII, with a question mark for each other byte and for each escaped
/// surrogate. Annotations may be Latin-1 or contain half a surrogate pair, which the parser
/// rejects. All members read here are ASCII.
std::string ascii_of(std::string_view bytes) {
  constexpr std::string_view high_digits = "89abcdefABCDEF";  // of surrogates: D800 to DFFF
  std::string text(bytes);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) text[i] = '?';
    if (text[i] != '\\') continue;
    const bool surrogate = text.size() - i > 5 && text[i + 1] == 'u' &&
                           (text[i + 2] == 'd' || text[i + 2] == 'D') &&
                           high_digits.find(text[i + 3]) != high_digits.npos;
    if (surrogate) text.replace(i + 2, 2, "00");
    ++i;  // skip the escaped character, which may be a backslash
  }
  return text;
}

Json parse_leniently(std::string_view bytes) {
  Json document = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded())
    document = Json::parse(ascii_of(bytes), nullptr, /*allow_exceptions=*/false);
  return document;
}

/// Digests in insertion order, each once.
class References {
 public:
  void add(const Json& digest) {
    if (!digest.is_string()) return;
    const auto parsed = Digest::parse(digest.get_ref<const std::string&>());
    if (parsed && known_.insert(*parsed).second) all_.push_back(*parsed);
  }
  std::vector<Digest> take() { return std::move(all_); }

 private:
  std::vector<Digest> all_;
  std::unordered_set<Digest> known_;
};

void add_reference(const Json& descriptor, References& out) {
  if (!descriptor.is_object()) return;
  // Registries do not check that they store a foreign layer, so a reference to one proves nothing.
  if (descriptor.contains("urls")) return;
  if (const auto digest = descriptor.find("digest"); digest != descriptor.end()) out.add(*digest);
}

void add_references(const Json& document, const char* member, References& out) {
  const auto list = document.find(member);
  if (list == document.end() || !list->is_array()) return;
  for (const auto& descriptor : *list) add_reference(descriptor, out);
}

/// Schema 1 lists its layers as fsLayers[].blobSum.
void add_schema1_layers(const Json& document, References& out) {
  const auto list = document.find("fsLayers");
  if (list == document.end() || !list->is_array()) return;
  for (const auto& layer : *list) {
    if (!layer.is_object()) continue;
    if (const auto sum = layer.find("blobSum"); sum != layer.end()) out.add(*sum);
  }
}

bool too_long(const Json& document) {
  std::size_t entries = 0;
  for (const char* member : {"layers", "blobs", "manifests", "fsLayers"}) {
    const auto list = document.find(member);
    if (list != document.end()) entries += list->size();
  }
  return entries > max_references;
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
  const Json document = parse_leniently(bytes);
  if (!document.is_object()) return std::nullopt;
  outline.over_limits = too_long(document);
  if (outline.over_limits) return outline;
  const auto type = document.find("mediaType");
  if (type != document.end() && type->is_string()) {
    outline.media_type = parse_media_type(type->get_ref<const std::string&>());
  }
  if (outline.media_type.empty()) outline.media_type = implied_type(document);
  if (outline.media_type.empty() || !document.contains("schemaVersion")) {
    // An error document of a registry, or unrelated JSON, has neither.
    if (!is_manifest_type(outline.media_type)) return std::nullopt;
  }
  References references;
  if (const auto config = document.find("config"); config != document.end()) {
    add_reference(*config, references);
  }
  for (const char* member : {"layers", "blobs", "manifests"}) {
    add_references(document, member, references);
  }
  add_schema1_layers(document, references);
  outline.references = references.take();
  return outline;
}

}  // namespace entrepot::cache
