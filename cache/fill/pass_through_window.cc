// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/pass_through_window.h"

#include <fcntl.h>

#include <algorithm>

#include "cache/index/stored_size.h"

namespace entrepot::cache {
namespace {

/// A reader that others wait for is slow at this distance. Bytes.
constexpr std::uint64_t far_behind = PassThroughWindow::max_bytes / 2;

}  // namespace

std::uint64_t PassThroughWindow::needed_from() const {
  return std::min(readers_.slowest(), hasher_.hashed());
}

bool PassThroughWindow::full() const {
  const auto arrived = arrived_.total();
  return arrived - std::min(needed_from(), arrived) >= max_bytes;
}

Span PassThroughWindow::needed() const {
  return {std::min(needed_from(), arrived_.written) / page_size * page_size, arrived_.written};
}

void PassThroughWindow::slide() {
  const auto until = needed().begin;
  if (until <= begin_) return;
  ::fallocate(file_.fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin_),
              static_cast<off_t>(until - begin_));
  begin_ = until;
}

void PassThroughWindow::begin_behind_written() {
  begin_ = arrived_.written / page_size * page_size + page_size;
}

/// The position of the fastest reader; one that begins further on waits for bytes to arrive.
std::uint64_t PassThroughWindow::front() const {
  return std::min(readers_.fastest(), arrived_.written);
}

bool PassThroughWindow::uneven() const {
  const auto first = front();
  return first - std::min(first, readers_.slowest()) >= far_behind;
}

std::size_t PassThroughWindow::cut_slow() {
  const auto first = front();  // it may have left since
  return first < far_behind ? 0 : readers_.cut_before(first - far_behind, max_bytes);
}

}  // namespace entrepot::cache
