// SPDX-License-Identifier: Apache-2.0
#include "cache/listing.h"

#include <algorithm>
#include <utility>

namespace entrepot::cache {
namespace {

/// What an entry of a map and a shared string take beside their texts.
constexpr std::size_t entry_overhead = 192;

std::vector<std::string_view> sorted_lines(std::string_view lines) {
  std::vector<std::string_view> sorted;
  sorted.reserve(static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')));
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    sorted.push_back(line);
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  }
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

}  // namespace

TagList::TagList(std::string_view lines) {
  const auto tags = sorted_lines(lines);
  std::size_t size = 0;
  for (const std::string_view tag : tags) size += tag.size() + 3;
  std::string text;
  text.reserve(size);
  ends_.reserve(tags.size());
  for (const std::string_view tag : tags) {
    if (!text.empty()) text += ',';
    text.append(1, '"').append(tag).append(1, '"');
    ends_.push_back(static_cast<std::uint32_t>(text.size()));
  }
  text_ = std::make_shared<const std::string>(std::move(text));
}

std::string_view TagList::operator[](std::size_t index) const {
  const std::size_t begin = begin_of(index) + 1;  // behind the quote
  return std::string_view(*text_).substr(begin, ends_[index] - 1 - begin);
}

std::size_t TagList::count_up_to(std::string_view tag) const {
  std::size_t first = 0, last = size();
  while (first < last) {
    const std::size_t middle = first + (last - first) / 2;
    if ((*this)[middle] <= tag)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

std::string_view TagList::elements(std::size_t first, std::size_t count) const {
  if (count == 0) return {};
  const std::size_t begin = begin_of(first);
  return std::string_view(*text_).substr(begin, ends_[first + count - 1] - begin);
}

std::size_t TagList::bytes() const {
  return sizeof(*this) + text_->capacity() + ends_.capacity() * sizeof(ends_[0]);
}

std::size_t Referrers::bytes() const {
  std::size_t bytes = sizeof(*this) + all->capacity();
  for (const auto& [type, text] : by_type)
    bytes += entry_overhead + type.capacity() + text->capacity();
  return bytes;
}

}  // namespace entrepot::cache
