// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/listing_page.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cache/base/digest.h"
#include "proxy/base/text.h"
#include "proxy/upstream/wire/json.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

using Json = nlohmann::json;

/// Reads an array of the outermost object as it is parsed: a page of some MiB never becomes a tree
/// of values.
class ArrayReader : public nlohmann::json_sax<Json> {
 public:
  explicit ArrayReader(std::string_view member) : member_(member) {}
  /// There was such a member, and it was an array or null.
  bool found() const { return found_; }
  std::size_t entries() const { return entries_; }
  /// See PageResult.
  std::size_t fingerprint() const { return fingerprint_; }

  bool null() override {
    if (depth_ == 1 && at_member_) found_ = true;
    return true;
  }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool key(string_t& name) override {
    if (depth_ == 1) at_member_ = name == member_;
    return true;
  }
  bool start_object(std::size_t) override { return ++depth_ <= max_json_depth; }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return false;
    if (depth_ == 1 && at_member_) in_member_ = found_ = true;
    return ++depth_ <= max_json_depth;
  }
  bool end_array() override {
    if (--depth_ == 1) in_member_ = false;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 protected:
  /// The current value is directly in the array, or in an object that is.
  bool in_array() const { return in_member_ && depth_ == 2; }
  bool in_element() const { return in_member_ && depth_ == 3; }
  void count(std::string_view entry) {
    ++entries_;
    fingerprint_ += std::hash<std::string_view>{}(entry);
  }

 private:
  const std::string_view member_;
  std::size_t entries_ = 0;
  std::size_t fingerprint_ = 0;
  int depth_ = 0;
  bool at_member_ = false;  // the last key of the outermost object was that member
  bool in_member_ = false;
  bool found_ = false;
};

class TagsReader final : public ArrayReader {
 public:
  explicit TagsReader(std::string& lines) : ArrayReader("tags"), lines_(lines) {}

  bool string(string_t& value) override {
    if (!in_array() || !is_tag(value)) return true;
    lines_.append(value).append(1, '\n');
    count(value);
    return entries() <= max_tags;
  }

 private:
  std::string& lines_;
};

/// Reads a text for the parser and knows how far that is: behind a bracket, exactly, when the
/// parser tells of it.
class Reading {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Reading(const char* at, const char** front) : at_(at), front_(front) {}
  reference operator*() const { return *at_; }
  Reading& operator++() {
    *front_ = ++at_;
    return *this;
  }
  Reading operator++(int) {
    const Reading before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Reading& a, const Reading& b) { return a.at_ == b.at_; }

 private:
  const char* at_;
  const char** front_;
};

/// True when a client can filter by this artifactType.
bool can_be_asked_for(std::string_view type) {
  return type.size() <= cache::Referrers::max_type &&
         std::none_of(type.begin(), type.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7f;
         });
}

/// The last one of repeated members counts, as with most parsers.
class ReferrersReader final : public ArrayReader {
 public:
  /// `front`: how far the text was read.
  ReferrersReader(cache::Listing& listing, const char* const& front)
      : ArrayReader("manifests"), listing_(listing), front_(front) {}

  bool key(string_t& name) override {
    if (!in_element()) return ArrayReader::key(name);
    at_ = name == "mediaType"      ? Member::media_type
          : name == "digest"       ? Member::digest
          : name == "size"         ? Member::size
          : name == "artifactType" ? Member::artifact_type
                                   : Member::other;
    if (at_ == Member::media_type) descriptor_.media_type = false;
    if (at_ == Member::digest) descriptor_.digest.reset();
    if (at_ == Member::size) descriptor_.size = false;
    if (at_ == Member::artifact_type) descriptor_.artifact_type.clear();
    return true;
  }
  bool string(string_t& value) override {
    if (!in_element()) return true;
    if (at_ == Member::media_type) descriptor_.media_type = !parse_media_type(value).empty();
    if (at_ == Member::digest) descriptor_.digest = cache::Digest::parse(value);
    if (at_ == Member::artifact_type && can_be_asked_for(value)) descriptor_.artifact_type = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t) override {
    if (in_element() && at_ == Member::size) descriptor_.size = true;
    return true;
  }
  bool start_object(std::size_t size) override {
    if (in_array()) {
      descriptor_ = {};
      begin_ = front_ - 1;
    }
    return ArrayReader::start_object(size);
  }
  bool end_object() override {
    ArrayReader::end_object();
    return !in_array() || add({begin_, static_cast<std::size_t>(front_ - begin_)});
  }

 private:
  enum class Member : std::uint8_t { media_type, digest, size, artifact_type, other };
  struct Descriptor {
    bool media_type = false, size = false;
    std::optional<cache::Digest> digest;
    std::string artifact_type;
  };

  bool add(std::string_view text) {
    const auto& [media_type, size, digest, artifact_type] = descriptor_;
    if (!media_type || !digest || !size) return true;
    if (text.size() > max_descriptor) return false;
    listing_.referrers.add(artifact_type, *digest, text);
    count(text);
    return true;
  }

  cache::Listing& listing_;
  const char* const& front_;
  const char* begin_ = nullptr;
  Member at_ = Member::other;
  Descriptor descriptor_;
};

}  // namespace

bool is_tag(std::string_view text) {
  const auto word = [](char c) { return is_alnum(c) || c == '_'; };
  return !text.empty() && text.size() <= 128 && word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return word(c) || c == '.' || c == '-'; });
}

PageResult add_tags_page(std::string_view page, cache::Listing& listing) {
  TagsReader reader(listing.tags);
  const bool parsed = Json::sax_parse(page, &reader);
  return {parsed && reader.found(), reader.entries(), reader.fingerprint()};
}

PageResult add_referrers_page(std::string_view page, cache::Listing& listing) {
  const char* front = page.data();
  ReferrersReader reader(listing, front);
  const bool parsed = Json::sax_parse(Reading(page.data(), &front),
                                      Reading(page.data() + page.size(), &front), &reader);
  return {parsed && reader.found(), reader.entries(), reader.fingerprint()};
}

}  // namespace entrepot::upstream
