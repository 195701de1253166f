// SPDX-License-Identifier: Apache-2.0
// Lists as they are kept and sent: as text, once, whoever reads it. Immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/digest.h"

namespace entrepot::cache {

/// The tags of a repository, sorted byte-wise, without duplicates, as the elements of a JSON array:
/// `"a","b","c"`. A page of them is a part of that text.
class TagList {
 public:
  /// `lines`: tags that have passed the tag grammar, each followed by '\n', in any order; less than
  /// 4 GiB.
  explicit TagList(std::string_view lines);

  std::size_t size() const { return ends_.size(); }
  /// REQUIRES: index < size().
  std::string_view operator[](std::size_t index) const;
  /// How many tags are not behind `tag`.
  std::size_t count_up_to(std::string_view tag) const;
  /// The elements [first, first + count), which exist.
  std::string_view elements(std::size_t first, std::size_t count) const;
  /// What elements() are part of.
  const std::shared_ptr<const std::string>& text() const { return text_; }
  /// Of memory.
  std::size_t bytes() const;

 private:
  std::size_t begin_of(std::size_t index) const { return index == 0 ? 0 : ends_[index - 1] + 1; }

  std::shared_ptr<const std::string> text_;
  std::vector<std::uint32_t> ends_;  // of each element, where its comma follows
};

/// The descriptors of referrers, byte for byte as an upstream gave them, as elements of a JSON
/// array. They are sorted by artifactType, those without one first, and then by digest: so the
/// descriptors of a type, and each page of them, are a part of the text, and what is behind a
/// descriptor stays behind it while others come and go. (distribution-spec, "Listing Referrers",
/// names no order.)
class Referrers {
 public:
  /// Longest artifactType that can be asked for; a descriptor with a longer one is as one without.
  static constexpr std::size_t max_type = 255;

  /// The place of a descriptor in the order, whether the list has it or not.
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
  /// Those of one artifactType.
  Range of_type(std::string_view artifact_type) const;
  /// How many descriptors are not behind `place`.
  std::size_t count_up_to(const Place& place) const;
  /// How many of the range, from its first on, have at most `bytes` together, commas included.
  std::size_t count_within(Range range, std::size_t bytes) const;
  /// REQUIRES: index < size().
  Place place_of(std::size_t index) const;
  /// The elements of the range, which exist.
  std::string_view elements(Range range) const;
  /// What elements() are part of.
  const std::shared_ptr<const std::string>& text() const { return text_; }
  /// Of memory.
  std::size_t bytes() const;

 private:
  struct Entry {
    Digest digest;
    std::uint32_t end;  // in the text, where its comma follows
  };
  struct Type {
    std::string name;
    std::size_t last;  // one past its last descriptor; the first one is the last of the type before
  };

  std::size_t begin_of(std::size_t index) const {
    return index == 0 ? 0 : entries_[index - 1].end + 1;
  }

  std::shared_ptr<const std::string> text_;
  std::vector<Entry> entries_;
  std::vector<Type> types_;  // by name; each has a descriptor
};

/// Descriptors on their way to a list, in any order. One thread at a time.
class Referrers::Gathered {
 public:
  /// `descriptor`: a JSON object with this artifactType, empty where it has none or one that cannot
  /// be asked for, and this digest. Of several with the same of both the first one stays. Less than
  /// 4 GiB in all.
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
  std::map<std::string, std::uint32_t, std::less<>> types_;  // and the number of each
};

}  // namespace entrepot::cache
