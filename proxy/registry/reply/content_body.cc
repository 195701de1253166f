// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/content_body.h"

#include <utility>

#include "metrics/check.h"

namespace entrepot::registry {

ContentBody::ContentBody(std::shared_ptr<const cache::Content> content, cache::Executor& executor)
    : content_(std::move(content)), executor_(executor) {
  check(content_->file != nullptr, "a body needs a file");
}

int ContentBody::fd() const { return content_->file->fd(); }

std::uint64_t ContentBody::available(std::uint64_t offset) const {
  return content_->progress ? content_->progress->readable(offset, content_->reach)
                            : content_->size;
}

http::Body::State ContentBody::state() const {
  if (!content_->progress) return State::whole;
  if (content_->reader && content_->reader->cut()) return State::failed;
  switch (content_->progress->state()) {
    case cache::Progress::State::growing:
      return State::growing;
    case cache::Progress::State::whole:
      return State::whole;
    case cache::Progress::State::failed:
      // The available bytes of a partial blob suffice for some readers.
      return content_->reach == cache::Progress::ReadPolicy::pieces ? State::whole : State::failed;
  }
  return State::failed;
}

void ContentBody::passed(std::uint64_t offset) {
  if (content_->reader) content_->reader->at(offset);
}

void ContentBody::unreadable() {
  if (content_->doubts != nullptr) content_->doubts->doubt(content_->digest);
}

void ContentBody::wait(std::uint64_t offset, std::function<void()> wake) {
  wake_ = std::make_shared<const std::function<void()>>(std::move(wake));
  cache::Job job = [weak = std::weak_ptr(wake_)] {
    if (const auto alive = weak.lock()) (*alive)();
  };
  if (content_->progress)
    content_->progress->wait(offset, content_->reach, executor_, std::move(job));
  else
    executor_.post(std::move(job));  // complete already: no wait is needed
}

}  // namespace entrepot::registry
