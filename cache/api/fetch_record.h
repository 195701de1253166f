// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/access_log.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// The events of one piece of upstream work, such as a fill or the check of a tag, for the access
/// lines of all clients that wait for it. The fetch loop writes it while they may read it.
/// Thread-safe; bounded in size.
class FetchRecord {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Move = log::UpstreamWork::Move;
  /// The first of the endpoints, and of the moves, are kept.
  static constexpr std::size_t most_names = 4;

  /// The wait of a transfer for a response that it can use. Move-only; belongs to one thread.
  class Wait {
   public:
    Wait() = default;
    /// Begins; a null `record` gets nothing.
    explicit Wait(std::shared_ptr<FetchRecord> record);
    Wait(Wait&& other) noexcept = default;
    Wait& operator=(Wait&& other) noexcept;
    ~Wait() { end(); }
    bool running() const { return record_ != nullptr; }
    /// `queued`: the part of it in which requests waited for a transfer slot of the upstream.
    void end(std::chrono::nanoseconds queued = {});

   private:
    std::shared_ptr<FetchRecord> record_;
  };

  /// This endpoint answers, and delivers bytes if they were asked for.
  void delivers(const std::string& endpoint);
  /// A body has paused for `length`. `begins`: it delivered before.
  void stalled(std::chrono::nanoseconds length, bool begins);
  void resumed();
  void moved(Move move);
  /// This many transfers fetch the object at once.
  void transfers(std::size_t count);
  /// An earlier fetch has left so many bytes of the object.
  void kept(std::uint64_t bytes);

  /// The events before a request joined the work.
  struct Mark {
    Time at{};
    std::uint64_t kept = 0, stalls = 0, resumes = 0, moves = 0;
    std::chrono::nanoseconds queued{0}, awaited{0}, stalled{0};
  };
  Mark mark(Time now) const;
  /// Adds the events since `mark`, and the endpoints and transfers of the whole work. No wait is
  /// longer than the time since then.
  void add_since(const Mark& mark, log::UpstreamWork& sum, Time now) const;

 private:
  std::chrono::nanoseconds awaited(Time now) const REQUIRES(mutex_);
  void wait_begins(Time now);
  void wait_ends(Time now, std::chrono::nanoseconds queued);

  mutable Mutex mutex_;
  log::UpstreamWork work_ GUARDED_BY(mutex_);
  int awaited_ GUARDED_BY(mutex_) = 0;  ///< the waits that run
  Time awaited_since_ GUARDED_BY(mutex_){};
};

/// The records of the work that one request of a client has waited for: often one, and two if a tag
/// is checked and its manifest fetched. Thread-safe.
class WorkForRequest {
 public:
  /// The request waits for this work from `now` on. Does nothing if it does already.
  void add(const std::shared_ptr<const FetchRecord>& record,
           FetchRecord::Time now = std::chrono::steady_clock::now());
  /// All records together, each from its add() until now.
  log::UpstreamWork sum(FetchRecord::Time now) const;

 private:
  static constexpr std::size_t most_records = 8;

  struct Joined {
    std::shared_ptr<const FetchRecord> record;
    FetchRecord::Mark mark;
  };

  mutable Mutex mutex_;
  std::vector<Joined> joined_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
