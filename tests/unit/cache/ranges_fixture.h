// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/fill/rules/grains.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {

class RangesTest : public CacheTest {
 protected:
  explicit RangesTest(std::string bytes = pattern(100 * grain + 1000)) : blob(std::move(bytes)) {}

  const std::string blob;
  const Digest digest = sha256(blob);

  static RequestedRanges range(std::uint64_t begin, std::uint64_t end) {
    return {.pieces = true, .first = Span{begin, end}, .in = [=](std::uint64_t size) {
              return std::optional(std::vector{Span{begin, std::min(end, size)}});
            }};
  }
  Pending ask(RequestedRanges wanted, RepositoryRef repository = repo, std::uint64_t client = 0) {
    const Pending pending;
    cache->fetch_blob(repository, digest, false, Requester{executor, {}, Client{client}},
                      pending.callback(), std::move(wanted));
    executor.run();
    return pending;
  }
  Pending request_range(std::uint64_t begin, std::uint64_t end, std::uint64_t client = 0) {
    return ask(range(begin, end), repo, client);
  }

  static Span range_of(const fakes::Source::Asked& asked) {
    return {asked.request.offset, asked.request.end.value_or(0)};
  }
  void deliver_to(fakes::Source::Asked& asked) {
    if (asked.sink == nullptr) return;
    asked.head(blob.size());
    executor.run();
    if (asked.sink == nullptr) return;
    const auto end = std::min<std::uint64_t>(asked.request.end.value_or(blob.size()), blob.size());
    const auto offset = asked.request.offset;
    if (!asked.request.head)
      asked.data_at(offset, std::string_view(blob).substr(offset, end - offset));
    asked.done();
    executor.run();
  }
  /// All open requests to the upstream receive their data.
  void deliver_all() {
    for (std::size_t i = 0; i < source.asked.size(); ++i) deliver_to(source.asked[i]);
  }
  std::string read_range(const Pending& pending, std::uint64_t begin, std::uint64_t end) const {
    const auto& content = *pending.answer().content;
    if (content.progress) {
      EXPECT_GE(content.progress->readable(begin, content.reach), end);
    }
    std::string bytes(end - begin, '\0');
    EXPECT_EQ(::pread(content.file->fd(), bytes.data(), bytes.size(), static_cast<off_t>(begin)),
              static_cast<ssize_t>(bytes.size()));
    return bytes;
  }
  void expect_range(std::uint64_t begin, std::uint64_t end) {
    const auto pending = request_range(begin, end);
    deliver_all();
    ASSERT_TRUE(pending.answered());
    EXPECT_EQ(read_range(pending, begin, end), blob.substr(begin, end - begin));
  }
  std::uint64_t requested_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& asked : source.asked)
      if (!asked.request.head)
        bytes += std::min<std::uint64_t>(asked.request.end.value_or(blob.size()), blob.size()) -
                 asked.request.offset;
    return bytes;
  }
};

}  // namespace entrepot::cache
