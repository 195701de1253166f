// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cache/base/executor.h"
#include "cache/content/content.h"
#include "proxy/http/body.h"

namespace entrepot::registry {

/// A complete or growing file of the cache as a reply body. Loop thread of its exchange.
class ContentBody final : public http::Body {
 public:
  /// REQUIRES: `content` has a file. `executor` is the loop of the exchange and must outlive the
  /// body.
  ContentBody(std::shared_ptr<const cache::Content> content, cache::Executor& executor);

  int fd() const override;
  std::uint64_t available(std::uint64_t offset) const override;
  State state() const override;
  bool discardable() const override { return content_->file->discardable(); }
  void passed(std::uint64_t offset) override;
  void unreadable() override;
  void wait(std::uint64_t offset, std::function<void()> wake) override;

 private:
  const std::shared_ptr<const cache::Content> content_;
  cache::Executor& executor_;
  /// The last job passed to wait(). The progress stores a weak reference, so that the job expires
  /// with the body.
  std::shared_ptr<const std::function<void()>> wake_;
};

}  // namespace entrepot::registry
