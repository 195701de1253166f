// SPDX-License-Identifier: Apache-2.0
// A UpstreamSource on a loop of its own, and sinks that remember what they were told.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cache/api/source.h"
#include "metrics/metrics.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/upstream_source.h"

namespace entrepot::upstream {

inline constexpr std::chrono::seconds test_deadline{20};

/// Remembers a fetch. The loop writes, the test's thread reads after wait().
class Recorder : public cache::FetchSink {
 public:
  void on_head(const cache::FetchHead& head) override;
  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_done(const std::optional<cache::Failure>& failure) override;

  /// True once on_done came.
  bool wait();
  /// Waits until that many bytes have come.
  bool wait_for_bytes(std::size_t least);

  // Called on the loop, before the event is recorded. Set before the fetch starts.
  std::function<void()> at_head;
  std::function<bool()> at_data;
  std::function<void()> at_done;

  // Read after wait().
  std::vector<cache::FetchHead> heads;
  std::string body;                    ///< as delivered, each byte at its offset
  std::vector<std::uint64_t> offsets;  ///< of each on_data
  bool repeats_agree = true;           ///< bytes that came again were the same
  std::optional<cache::Failure> failure;
  int dones = 0;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class ListingRecorder : public cache::ListingSink {
 public:
  void on_listing(std::optional<cache::Listing> listing, const cache::Failure& why) override;
  bool wait();

  std::optional<cache::Listing> listing;
  cache::Failure failure;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

/// A request for a blob, and what happens to it.
struct Recorded {
  Recorded();
  log::UpstreamWork work() const;
  cache::FetchRequest request;
};

/// Options with deadlines of milliseconds, for one upstream "test" at `url`.
Options quick_options(const std::string& url);
/// For several endpoints, in this order.
Options quick_options(const std::vector<std::string>& urls);

/// The client under test. The loop runs from the constructor to the destructor.
class Client {
 public:
  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Runs `job` on the loop and waits for it.
  void on_loop(const std::function<void()>& job);
  /// Starts a fetch; it lives until drop() or the destructor.
  void start(cache::FetchRequest request, cache::FetchSink& sink);
  /// start() and wait(): false when it did not end in time.
  bool run(cache::FetchRequest request, Recorder& recorder);
  bool list_tags(ListingRecorder& recorder);
  bool list_referrers(const cache::Digest& subject, ListingRecorder& recorder);
  /// Destroys all fetches.
  void drop();

  cache::Source& source() { return *source_; }
  UpstreamSource& curl() { return *source_; }
  /// The metrics of the first endpoint; valid as long as this.
  const metrics::EndpointMetrics& series() const { return *series_; }
  std::string metrics_text() const { return metrics_->text(); }

 private:
  const std::string label_;
  loop::Loop loop_{"test-fetch"};
  std::unique_ptr<metrics::Metrics> metrics_;
  std::optional<metrics::EndpointMetrics> series_;
  std::unique_ptr<UpstreamSource> source_;              // loop thread
  std::vector<std::unique_ptr<cache::Fetch>> fetches_;  // loop thread
};

/// "sha256:aaaa…"
std::string digest_text(char digit = 'a');
cache::FetchRequest blob_request();
cache::FetchRequest manifest_request(std::string reference = "latest");

}  // namespace entrepot::upstream
