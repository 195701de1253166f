// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/curl_source.h"

#include <curl/curl.h>

#include <mutex>
#include <stdexcept>
#include <utility>

#include "metrics/check.h"
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

}  // namespace

CurlSource::CurlSource(loop::Loop& loop, Options options, const metrics::Metrics& metrics)
    : loop_(loop), metrics_(metrics) {
  require_libcurl();
  if (options.user_agent.empty()) options.user_agent = "entrepot/" ENTREPOT_VERSION;
  for (UpstreamOptions& upstream : options.upstreams) {
    const std::string name = upstream.name;
    upstreams_[name] =
        std::make_unique<Upstream>(loop.base(), std::move(upstream), options, metrics);
  }
}

CurlSource::~CurlSource() = default;

Upstream& CurlSource::find(const std::string& name) {
  loop_.assert_in_loop();
  const auto found = upstreams_.find(name);
  check(found != upstreams_.end(), "an upstream that is not configured is asked");
  return *found->second;
}

std::unique_ptr<cache::Fetch> CurlSource::fetch(cache::FetchRequest request,
                                                cache::FetchSink& sink) {
  Upstream& upstream = find(request.upstream);
  return std::make_unique<ObjectFetch>(upstream, std::move(request), sink);
}

std::unique_ptr<cache::Fetch> CurlSource::list_tags(std::string upstream, std::string repository,
                                                    cache::ListingSink& sink) {
  return std::make_unique<ListingFetch>(find(upstream), std::move(repository), std::nullopt, sink);
}

std::unique_ptr<cache::Fetch> CurlSource::list_referrers(std::string upstream,
                                                         std::string repository,
                                                         const cache::Digest& subject,
                                                         cache::ListingSink& sink) {
  return std::make_unique<ListingFetch>(find(upstream), std::move(repository), subject, sink);
}

void CurlSource::report_mismatch(const std::string& upstream, const std::string& endpoint,
                                 const cache::Digest&) {
  loop_.assert_in_loop();
  const metrics::EndpointMetrics& series = metrics_.endpoint(upstream, endpoint);
  series.digest_mismatches().add();
  series.failure("digest");
}

}  // namespace entrepot::upstream
