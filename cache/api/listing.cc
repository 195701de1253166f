// SPDX-License-Identifier: Apache-2.0
#include "cache/api/listing.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace entrepot::cache {
namespace {

bool before(const Digest& a, const Digest& b) {
  if (a.algorithm() != b.algorithm()) return a.algorithm() < b.algorithm();
  return std::ranges::lexicographical_compare(a.bytes(), b.bytes());
}

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
  const std::size_t begin = begin_of(index) + 1;  // after the quote
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

void Referrers::Gathered::add(std::string_view artifact_type, const Digest& digest,
                              std::string_view descriptor) {
  auto type = types_.find(artifact_type);
  if (type == types_.end())
    type = types_.emplace(artifact_type, static_cast<std::uint32_t>(types_.size())).first;
  entries_.push_back({type->second, static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(descriptor.size()), digest});
  text_.append(descriptor);
}

Referrers::Referrers(const Gathered& gathered) {
  std::vector<std::uint32_t> rank(gathered.types_.size());  // of each type, indexed by its number
  types_.reserve(rank.size());
  for (std::uint32_t next = 0; const auto& [name, number] : gathered.types_) {
    types_.push_back({name, 0});
    rank[number] = next++;
  }
  auto sorted = gathered.entries_;
  for (auto& entry : sorted) entry.type = rank[entry.type];
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.type != b.type ? a.type < b.type : before(a.digest, b.digest);
  });
  const auto same = [](const auto& a, const auto& b) {
    return a.type == b.type && a.digest == b.digest;
  };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());

  std::string text;
  text.reserve(gathered.text_.size() + sorted.size());
  entries_.reserve(sorted.size());
  for (const auto& entry : sorted) {
    if (!text.empty()) text += ',';
    text.append(gathered.text_, entry.begin, entry.size);
    entries_.push_back({entry.digest, static_cast<std::uint32_t>(text.size())});
    types_[entry.type].last = entries_.size();
  }
  text_ = std::make_shared<const std::string>(std::move(text));
}

Referrers::Range Referrers::of_type(std::string_view artifact_type) const {
  const auto type = std::ranges::lower_bound(types_, artifact_type, {}, &Type::name);
  if (type == types_.end() || type->name != artifact_type) return {};
  return {type == types_.begin() ? 0 : std::prev(type)->last, type->last};
}

std::size_t Referrers::count_up_to(const Place& place) const {
  const auto type = std::ranges::lower_bound(types_, place.artifact_type, {}, &Type::name);
  const std::size_t first = type == types_.begin() ? 0 : std::prev(type)->last;
  if (type == types_.end() || type->name != place.artifact_type) return first;
  const auto behind = std::upper_bound(
      entries_.begin() + static_cast<std::ptrdiff_t>(first),
      entries_.begin() + static_cast<std::ptrdiff_t>(type->last), place.digest,
      [](const Digest& digest, const Entry& entry) { return before(digest, entry.digest); });
  return static_cast<std::size_t>(behind - entries_.begin());
}

std::size_t Referrers::count_within(Range range, std::size_t bytes) const {
  const std::size_t end = begin_of(range.first) + bytes;
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(range.first);
  const auto last = entries_.begin() + static_cast<std::ptrdiff_t>(range.last);
  const auto behind =
      std::partition_point(first, last, [end](const Entry& entry) { return entry.end <= end; });
  return static_cast<std::size_t>(behind - first);
}

Referrers::Place Referrers::place_of(std::size_t index) const {
  const auto type = std::ranges::upper_bound(types_, index, {}, &Type::last);
  return {type->name, entries_[index].digest};
}

std::string_view Referrers::elements(Range range) const {
  if (range.first == range.last) return {};
  const std::size_t begin = begin_of(range.first);
  return std::string_view(*text_).substr(begin, entries_[range.last - 1].end - begin);
}

std::size_t Referrers::bytes() const {
  std::size_t bytes = sizeof(*this) + text_->capacity() +
                      entries_.capacity() * sizeof(entries_[0]) +
                      types_.capacity() * sizeof(types_[0]);
  for (const Type& type : types_) bytes += type.name.capacity();
  return bytes;
}

}  // namespace entrepot::cache
