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

/// The descriptors of referrers as an upstream gave them, byte for byte, in its order, as elements
/// of a JSON array; and the same again by their artifactType, for those who ask for one type only.
struct Referrers {
  using Text = std::shared_ptr<const std::string>;

  Text all;
  std::map<std::string, Text, std::less<>> by_type;

  /// Of memory.
  std::size_t bytes() const;
};

}  // namespace entrepot::cache
