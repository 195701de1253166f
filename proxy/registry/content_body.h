// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cache/content.h"
#include "cache/executor.h"
#include "proxy/http/body.h"

namespace entrepot::registry {

/// A file of the cache, whole or arriving, as a reply body. Loop thread of its exchange.
class ContentBody final : public http::Body {
 public:
  /// `content` has a file. `executor` is the exchange's loop and outlives the body.
  ContentBody(std::shared_ptr<const cache::Content> content, cache::Executor& executor);

  int fd() const override;
  std::uint64_t available(std::uint64_t offset) const override;
  State state() const override;
  bool fleeting() const override { return content_->file->fleeting(); }
  void passed(std::uint64_t offset) override;
  void unreadable() override;
  void wait(std::uint64_t offset, std::function<void()> wake) override;

 private:
  const std::shared_ptr<const cache::Content> content_;
  cache::Executor& executor_;
  /// The job last waited with. The progress holds it weakly, so that it lapses with the body.
  std::shared_ptr<const std::function<void()>> wake_;
};

}  // namespace entrepot::registry
