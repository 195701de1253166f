// SPDX-License-Identifier: Apache-2.0
#include "cache/store/file_hasher.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "metrics/exception.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

/// Small enough to stay in a core's second-level cache between the copy and the hash.
constexpr std::size_t piece_size = 128 << 10;
constexpr std::uint64_t step = 4 << 20;

}  // namespace

FileHasher::FileHasher(std::shared_ptr<const BlobFile> file, Algorithm algorithm, JobQueue& store,
                       Executor& home, Done done)
    : file_(std::move(file)),
      store_(store),
      home_(home),
      done_(std::move(done)),
      hasher_(algorithm) {}

void FileHasher::advance(std::uint64_t written) {
  {
    const MutexLock lock(mutex_);
    target_ = written;
  }
  run_if_idle();
}

void FileHasher::finish(std::uint64_t size) {
  {
    const MutexLock lock(mutex_);
    target_ = size;
    last_ = true;
  }
  run_if_idle();
}

void FileHasher::cancel() {
  done_ = nullptr;
  end();
}

void FileHasher::end() {
  const MutexLock lock(mutex_);
  if (!phase_.is(HashingPhase::ended)) phase_.enter(HashingPhase::ended);
}

void FileHasher::run_if_idle() {
  {
    const MutexLock lock(mutex_);
    if (!phase_.is(HashingPhase::idle)) return;
    phase_.enter(HashingPhase::running);
  }
  run_later();
}

void FileHasher::run_later() {
  store_.post([self = shared_from_this()] {
    run_or([&self] { self->run(); }, [&self] { self->report(std::nullopt); });
  });
}

void FileHasher::run() {
  for (;;) {
    std::uint64_t until;
    {
      const MutexLock lock(mutex_);
      if (phase_.is(HashingPhase::ended)) return;
      if (target_ == hashed_ && !last_) return phase_.enter(HashingPhase::idle);
      if (target_ == hashed_) break;
      until = target_;
    }
    // In steps, so that a cancelled one ends soon, and others have their turn on the pool.
    if (!hash_until(std::min(until, hashed_ + step))) return report(std::nullopt);
    if (hashed_ < until) return run_later();
  }
  report(hasher_.finish());
}

bool FileHasher::hash_until(std::uint64_t until) {
  thread_local std::array<std::byte, piece_size> piece;
  for (std::uint64_t at = hashed_; at < until;) {
    const auto wanted = std::min<std::uint64_t>(piece.size(), until - at);
    const ssize_t got = ::pread(file_->fd(), piece.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    hasher_.update(std::span(piece).first(static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
    hashed_.store(at, std::memory_order_release);
  }
  return true;
}

void FileHasher::report(std::optional<Digest> digest) {
  end();
  home_.post([self = shared_from_this(), digest] {
    if (auto done = std::exchange(self->done_, nullptr)) done(digest);
  });
}

}  // namespace entrepot::cache
