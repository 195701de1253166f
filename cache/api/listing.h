// SPDX-License-Identifier: Apache-2.0
// Lists in the form in which they are stored and sent: one text shared by all readers. Immutable;
// any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/digest.h"

namespace entrepot::cache {

/// The tags of a repository, sorted byte-wise, without duplicates, as the elements of a JSON array:
/// `"a","b","c"`. A page of tags is a substring of that text.
class TagList {
 public:
  /// `lines`: tags that conform to the tag grammar, each followed by '\n', in any order; less than
  /// 4 GiB.
  explicit TagList(std::string_view lines);

  std::size_t size() const { return ends_.size(); }
  /// REQUIRES: index < size().
  std::string_view operator[](std::size_t index) const;
  /// Number of tags up to and including `tag` in the order of the list.
  std::size_t count_up_to(std::string_view tag) const;
  /// Elements [first, first + count). REQUIRES: first + count <= size().
  std::string_view elements(std::size_t first, std::size_t count) const;
  /// The text that elements() returns parts of.
  const std::shared_ptr<const std::string>& text() const { return text_; }
  /// Memory size in bytes.
  std::size_t bytes() const;

 private:
  std::size_t begin_of(std::size_t index) const { return index == 0 ? 0 : ends_[index - 1] + 1; }

  std::shared_ptr<const std::string> text_;
  std::vector<std::uint32_t> ends_;  // end of each element, which is the position of its comma
};

/// The descriptors of referrers, byte for byte as received, as elements of a JSON array. They are
/// sorted by artifactType, with those without one first, and then by digest. The descriptors of one
/// type, and each page, are therefore a substring of the text, and the order of two descriptors
/// does not change while others are added and removed. (distribution-spec, "Listing Referrers",
/// specifies no order.)
class Referrers {
 public:
  /// Longest artifactType that a request can name. A descriptor with a longer one is treated as one
  /// without.
  static constexpr std::size_t max_type = 255;

  /// The position of a descriptor in the order, whether or not the list contains it.
  struct Place {
    std::string artifact_type;  ///< empty: without one
    Digest digest;
  };
  /// The descriptors [first, last).
  struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
  };
  class Gathered;

  explicit Referrers(const Gathered& gathered);

  std::size_t size() const { return entries_.size(); }
  /// The descriptors of one artifactType.
  Range of_type(std::string_view artifact_type) const;
  /// Number of descriptors up to and including `place`.
  std::size_t count_up_to(const Place& place) const;
  /// Number of leading descriptors of the range whose total length is at most `bytes`, including
  /// commas.
  std::size_t count_within(Range range, std::size_t bytes) const;
  /// REQUIRES: index < size().
  Place place_of(std::size_t index) const;
  /// The elements of the range. REQUIRES: range.last <= size().
  std::string_view elements(Range range) const;
  /// The text that elements() returns parts of.
  const std::shared_ptr<const std::string>& text() const { return text_; }
  /// Memory size in bytes.
  std::size_t bytes() const;

 private:
  struct Entry {
    Digest digest;
    std::uint32_t end;  // in the text: the position of its comma
  };
  struct Type {
    std::string name;
    // Index after its last descriptor. Its first descriptor is at `last` of the preceding type.
    std::size_t last;
  };

  std::size_t begin_of(std::size_t index) const {
    return index == 0 ? 0 : entries_[index - 1].end + 1;
  }

  std::shared_ptr<const std::string> text_;
  std::vector<Entry> entries_;
  std::vector<Type> types_;  // sorted by name; each has at least one descriptor
};

/// Collects descriptors for a list, in any order. One thread at a time.
class Referrers::Gathered {
 public:
  /// `descriptor`: a JSON object with this digest and artifactType. The type is empty if the
  /// descriptor has none or one that no request can name. Keeps the first of several descriptors
  /// with the same type and digest. Less than 4 GiB in total.
  void add(std::string_view artifact_type, const Digest& digest, std::string_view descriptor);
  bool empty() const { return entries_.empty(); }

 private:
  friend class Referrers;
  struct Entry {
    std::uint32_t type, begin, size;
    Digest digest;
  };

  std::string text_;
  std::vector<Entry> entries_;
  std::map<std::string, std::uint32_t, std::less<>> types_;  // name and number of each
};

}  // namespace entrepot::cache
