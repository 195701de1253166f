// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/upstream_source.h"

#include <curl/curl.h>

#include <mutex>
#include <stdexcept>
#include <utility>

#include "metrics/exception.h"
#include "metrics/version.h"
#include "proxy/upstream/listing_fetch.h"
#include "proxy/upstream/object_fetch.h"

namespace entrepot::upstream {
namespace {

constexpr unsigned oldest_libcurl = 0x075800;  // 7.88.0

/// Once per process, before the first handle.
void require_libcurl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw std::runtime_error("libcurl cannot be initialised; check its installation");
    }
  });
  const curl_version_info_data* info = curl_version_info(CURLVERSION_NOW);
  const std::string version = info->version;
  if (info->version_num < oldest_libcurl) {
    throw std::runtime_error("libcurl " + version + " is too old; install 7.88 or later");
  }
  if ((info->features & CURL_VERSION_ASYNCHDNS) == 0) {
    throw std::runtime_error("libcurl " + version +
                             " resolves names in the calling thread, which would block the fetch "
                             "loop; install one built with c-ares or the threaded resolver");
  }
  if ((info->features & CURL_VERSION_SSL) == 0) {
    throw std::runtime_error("libcurl " + version + " has no TLS; install one that has");
  }
}

/// Owns a fetch and keeps the upstream that it uses, which replace() may have removed.
class FetchHandle final : public cache::Fetch {
 public:
  FetchHandle(loop::Loop& loop, std::shared_ptr<Upstream> upstream,
              std::unique_ptr<cache::Fetch> fetch)
      : loop_(loop), upstream_(std::move(upstream)), fetch_(std::move(fetch)) {}
  ~FetchHandle() override {
    fetch_.reset();
    // The last fetch of a replaced upstream may end within its own callback: destroy it later.
    if (upstream_.use_count() == 1) loop_.post([upstream = std::move(upstream_)] {});
  }
  void hold(bool on) override { fetch_->hold(on); }
  void wanted_by(cache::Client client) override { fetch_->wanted_by(client); }

 private:
  loop::Loop& loop_;
  std::shared_ptr<Upstream> upstream_;
  std::unique_ptr<cache::Fetch> fetch_;
};

cache::Failure forgotten(const std::string& upstream) {
  return {cache::FailureKind::unavailable,
          "upstream " + upstream + " is in the configuration no more"};
}

/// A fetch that fails, in a turn of its own.
class FailedFetch final : public cache::Fetch {
 public:
  FailedFetch(loop::Loop& loop, std::function<void()> fail)
      : fail_(std::make_shared<std::function<void()>>(std::move(fail))) {
    loop.post([weak = std::weak_ptr(fail_)] {
      if (const auto alive = weak.lock()) (*alive)();
    });
  }

 private:
  const std::shared_ptr<std::function<void()>> fail_;  // ends with this
};

std::unique_ptr<cache::Fetch> failed_listing(loop::Loop& loop, const std::string& upstream,
                                             cache::ListingSink& sink) {
  return std::make_unique<FailedFetch>(
      loop, [&sink, upstream] { sink.on_listing(std::nullopt, forgotten(upstream)); });
}

}  // namespace

UpstreamSource::UpstreamSource(loop::Loop& loop, Options options, const metrics::Metrics& metrics)
    : loop_(loop), metrics_(metrics) {
  require_libcurl();
  upstreams_ = make(std::move(options));
}

UpstreamSource::~UpstreamSource() = default;

UpstreamSource::Upstreams UpstreamSource::make(Options options) const {
  if (options.user_agent.empty()) options.user_agent = "entrepot/" + std::string(version());
  if (options.readers != nullptr) {
    options.read_off_loop = [&loop = loop_, readers = options.readers](cache::Job read,
                                                                       cache::Job done) {
      readers->post([&loop, read = std::move(read), done = std::move(done)]() mutable {
        run_then(read, [&] { loop.post(std::move(done)); });
      });
    };
  }
  Upstreams made;
  for (UpstreamOptions& upstream : options.upstreams) {
    const std::string name = upstream.name;
    made[name] = std::make_shared<Upstream>(loop_, std::move(upstream), options, metrics_);
  }
  return made;
}

void UpstreamSource::replace(Options options) {
  loop_.assert_in_loop();
  const auto known = report();
  for (auto& [name, upstream] : make(std::move(options))) {
    retired_.erase(name);
    if (auto& before = upstreams_[name]) before->retire();
    upstreams_[name] = std::move(upstream);
    for (const auto& one : known)
      if (one.name == name) upstreams_[name]->recall(one);
  }
}

void UpstreamSource::retire(const std::vector<std::string>& names) {
  loop_.assert_in_loop();
  for (const auto& name : names) {
    const auto found = upstreams_.find(name);
    if (found == upstreams_.end()) continue;
    found->second->retire();
    retired_[name] = std::move(found->second);
    upstreams_.erase(found);
  }
}

void UpstreamSource::forget(const std::string& name) {
  loop_.assert_in_loop();
  retired_.erase(name);
}

std::shared_ptr<Upstream> UpstreamSource::find(const std::string& name) const {
  loop_.assert_in_loop();
  if (const auto found = upstreams_.find(name); found != upstreams_.end()) return found->second;
  const auto retired = retired_.find(name);
  return retired == retired_.end() ? nullptr : retired->second;
}

std::unique_ptr<cache::Fetch> UpstreamSource::fetch(cache::FetchRequest request,
                                                    cache::FetchSink& sink) {
  const auto upstream = find(request.upstream);
  if (upstream == nullptr)
    return std::make_unique<FailedFetch>(
        loop_, [&sink, name = request.upstream] { sink.on_done(forgotten(name)); });
  return std::make_unique<FetchHandle>(
      loop_, upstream, std::make_unique<ObjectFetch>(*upstream, std::move(request), sink));
}

std::unique_ptr<cache::Fetch> UpstreamSource::list_tags(std::string upstream_name,
                                                        std::string repository,
                                                        cache::Behalf behalf,
                                                        cache::ListingSink& sink) {
  const auto upstream = find(upstream_name);
  if (upstream == nullptr) return failed_listing(loop_, upstream_name, sink);
  return std::make_unique<FetchHandle>(
      loop_, upstream,
      std::make_unique<ListingFetch>(
          *upstream, ListingRequest{std::move(repository), std::nullopt, std::move(behalf)}, sink));
}

std::unique_ptr<cache::Fetch> UpstreamSource::list_referrers(std::string upstream_name,
                                                             std::string repository,
                                                             const cache::Digest& subject,
                                                             cache::Behalf behalf,
                                                             cache::ListingSink& sink) {
  const auto upstream = find(upstream_name);
  if (upstream == nullptr) return failed_listing(loop_, upstream_name, sink);
  return std::make_unique<FetchHandle>(
      loop_, upstream,
      std::make_unique<ListingFetch>(
          *upstream, ListingRequest{std::move(repository), subject, std::move(behalf)}, sink));
}

void UpstreamSource::report_mismatch(const std::string& upstream, const std::string& endpoint,
                                     const cache::Digest&) {
  const auto asked = find(upstream);
  if (asked == nullptr) return;
  for (const auto& one : asked->endpoints()) {
    if (one->label() != endpoint) continue;
    one->metrics().digest_mismatches().add();
    one->metrics().failure(EndpointFailure::digest);
    one->stats().mismatched(Endpoint::Clock::now());
    one->trouble().failed(EndpointFailure::digest, "sent other bytes than the digest says");
  }
}

Reports UpstreamSource::report() const {
  loop_.assert_in_loop();
  Reports reports;
  for (const auto& [name, upstream] : upstreams_) reports.push_back(upstream->report());
  return reports;
}

void UpstreamSource::publish_gauges() {
  loop_.assert_in_loop();
  for (const auto& [name, upstream] : upstreams_) upstream->publish_gauges();
}

void UpstreamSource::recall(const Reports& known) {
  loop_.assert_in_loop();
  for (const auto& report : known) {
    const auto found = upstreams_.find(report.name);
    if (found != upstreams_.end()) found->second->recall(report);
  }
}

bool UpstreamSource::crowded(const std::string& upstream) const {
  const auto asked = find(upstream);
  return asked != nullptr && asked->crowded();
}

bool UpstreamSource::low_on_quota(const std::string& upstream) const {
  const auto asked = find(upstream);
  if (asked == nullptr) return false;
  bool any_open = false;
  for (const auto& endpoint : asked->endpoints()) {
    if (!endpoint->open()) continue;
    if (!endpoint->accounts().low_on_quota()) return false;
    any_open = true;
  }
  return any_open;
}

}  // namespace entrepot::upstream
