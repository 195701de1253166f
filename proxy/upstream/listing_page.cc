// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/listing_page.h"

#include <algorithm>

#include "cache/digest.h"
#include "proxy/upstream/json.h"
#include "proxy/upstream/media_type.h"
#include "proxy/upstream/text.h"

namespace entrepot::upstream {
namespace {

/// Reads tags as they are parsed: a page of some MiB never becomes a tree of values.
class TagsReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TagsReader(std::vector<std::string>& tags) : tags_(tags) {}
  bool found() const { return found_; }

  bool null() override {
    if (depth_ == 1 && at_tags_) found_ = true;
    return true;
  }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override {
    if (depth_ != 2 || !in_tags_ || !is_tag(value)) return true;
    if (tags_.size() >= max_tags) return false;
    tags_.push_back(value);
    return true;
  }
  bool key(string_t& name) override {
    if (depth_ == 1) at_tags_ = name == "tags";
    return true;
  }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return false;
    if (depth_ == 1 && at_tags_) in_tags_ = found_ = true;
    return open();
  }
  bool end_array() override {
    close();
    if (depth_ == 1) in_tags_ = false;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool open() { return ++depth_ <= max_json_depth; }
  bool close() {
    --depth_;
    return true;
  }

  std::vector<std::string>& tags_;
  int depth_ = 0;
  bool at_tags_ = false;  ///< the last key of the outermost object was "tags"
  bool in_tags_ = false;
  bool found_ = false;
};

bool is_descriptor(const nlohmann::json& item) {
  if (!item.is_object()) return false;
  const auto media_type = item.find("mediaType");
  const auto digest = item.find("digest");
  const auto size = item.find("size");
  return media_type != item.end() && media_type->is_string() &&
         !parse_media_type(media_type->get_ref<const std::string&>()).empty() &&
         digest != item.end() && digest->is_string() &&
         cache::Digest::parse(digest->get_ref<const std::string&>()).has_value() &&
         size != item.end() && size->is_number_unsigned();
}

}  // namespace

bool is_tag(std::string_view text) {
  const auto word = [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_';
  };
  return !text.empty() && text.size() <= 128 && word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return word(c) || c == '.' || c == '-'; });
}

bool add_tags_page(std::string_view page, std::vector<std::string>& tags) {
  TagsReader reader(tags);
  return nlohmann::json::sax_parse(page, &reader) && reader.found();
}

bool add_referrers_page(std::string_view page, nlohmann::json& manifests) {
  if (page.size() > max_index_bytes) return false;
  auto document = parse_json(page);
  if (!document || !document->is_object()) return false;
  const auto list = document->find("manifests");
  if (list == document->end() || !(list->is_array() || list->is_null())) return false;
  for (auto& item : *list) {
    if (is_descriptor(item)) manifests.push_back(std::move(item));
  }
  return true;
}

std::string referrers_index(const nlohmann::json& manifests) {
  const nlohmann::json index = {
      {"schemaVersion", 2}, {"mediaType", std::string(oci_index)}, {"manifests", manifests}};
  return index.dump();
}

}  // namespace entrepot::upstream
