// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/upstream/client.h"

#include <algorithm>

namespace entrepot::upstream {

void Recorder::on_head(const cache::FetchHead& head) {
  {
    const std::lock_guard lock(mutex_);
    heads.push_back(head);
  }
  if (at_head) at_head();
}

bool Recorder::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  {
    const std::lock_guard lock(mutex_);
    offsets.push_back(offset);
    const std::string piece(reinterpret_cast<const char*>(data.data()), data.size());
    if (body.size() < offset) body.resize(offset, '?');
    const std::size_t common = std::min(body.size() - offset, piece.size());
    if (body.compare(offset, common, piece, 0, common) != 0) repeats_agree = false;
    body.replace(offset, common, piece);
  }
  changed_.notify_all();
  return !at_data || at_data();
}

void Recorder::on_done(const std::optional<cache::Failure>& why) {
  // Locals only after the callback and the lock: the recorder may be gone once wait() returned.
  if (at_done) at_done();
  const std::lock_guard lock(mutex_);
  failure = why;
  ++dones;
  changed_.notify_all();
}

bool Recorder::wait() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, test_deadline, [this] { return dones > 0; });
}

bool Recorder::wait_for_bytes(std::size_t least) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, test_deadline, [&] { return body.size() >= least; });
}

void ListingRecorder::on_listing(std::optional<cache::Listing> result, const cache::Failure& why) {
  const std::lock_guard lock(mutex_);
  listing = std::move(result);
  failure = why;
  done_ = true;
  changed_.notify_all();
}

bool ListingRecorder::wait() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, test_deadline, [this] { return done_; });
}

Recorded::Recorded() : request(blob_request()) {
  request.record = std::make_shared<cache::FetchRecord>();
}

log::UpstreamWork Recorded::work() const {
  log::UpstreamWork sum;
  request.record->add_since({}, sum, std::chrono::steady_clock::now());
  return sum;
}

Options quick_options(const std::vector<std::string>& urls) {
  using std::chrono::milliseconds;
  Options options;
  UpstreamOptions upstream;
  upstream.name = "test";
  for (const auto& url : urls)
    upstream.endpoints.push_back({.url = url, .region = {}, .ns = false});
  options.upstreams.push_back(upstream);
  options.timeouts.connect = milliseconds(10000);  // a loaded machine is slow, not down
  options.timeouts.first_byte = milliseconds(8000);
  options.timeouts.stall = milliseconds(8000);
  options.timeouts.backoff_first = milliseconds(4);
  options.timeouts.backoff_longest = milliseconds(20);
  options.timeouts.token_failed = milliseconds(1);
  return options;
}

Options quick_options(const std::string& url) { return quick_options(std::vector{url}); }

Client::Client(Options options) : label_(endpoint_label(options.upstreams[0].endpoints[0].url)) {
  metrics::UpstreamLabels labels{.name = "test", .endpoints = {}};
  for (const auto& endpoint : options.upstreams[0].endpoints)
    labels.endpoints.push_back(endpoint_label(endpoint.url));
  metrics_ = std::make_unique<metrics::Metrics>(std::vector{labels});
  series_ = metrics_->endpoint("test", label_);
  source_ = std::make_unique<UpstreamSource>(loop_, std::move(options), *metrics_);
  loop_.start();
}

Client::~Client() {
  on_loop([this] {
    fetches_.clear();
    source_.reset();
  });
  loop_.stop();
  loop_.join();
}

void Client::on_loop(const std::function<void()>& job) {
  std::promise<void> done;
  loop_.post([&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

void Client::start(cache::FetchRequest request, cache::FetchSink& sink) {
  on_loop([&] { fetches_.push_back(source_->fetch(std::move(request), sink)); });
}

bool Client::run(cache::FetchRequest request, Recorder& recorder) {
  start(std::move(request), recorder);
  return recorder.wait();
}

bool Client::list_tags(ListingRecorder& recorder) {
  on_loop([&] { fetches_.push_back(source_->list_tags("test", "a/b", {}, recorder)); });
  return recorder.wait();
}

bool Client::list_referrers(const cache::Digest& subject, ListingRecorder& recorder) {
  on_loop(
      [&] { fetches_.push_back(source_->list_referrers("test", "a/b", subject, {}, recorder)); });
  return recorder.wait();
}

void Client::drop() {
  on_loop([this] { fetches_.clear(); });
}

std::string digest_text(char digit) { return "sha256:" + std::string(64, digit); }

cache::FetchRequest blob_request() {
  cache::FetchRequest request;
  request.upstream = "test";
  request.repository = "a/b";
  request.resource = cache::Resource::blob;
  request.reference = digest_text();
  request.max_size = 1ULL << 30;
  return request;
}

cache::FetchRequest manifest_request(std::string reference) {
  cache::FetchRequest request = blob_request();
  request.resource = cache::Resource::manifest;
  request.reference = std::move(reference);
  return request;
}

}  // namespace entrepot::upstream
