// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "cache/api/source.h"

namespace entrepot::fakes {

/// An upstream whose every answer comes from the test.
class Source final : public cache::Source {
 public:
  /// One request that reached the upstream.
  struct Asked {
    cache::FetchRequest request;
    cache::FetchSink* sink = nullptr;  ///< null once cancelled or done
    bool cancelled = false;
    std::uint64_t sent = 0;

    void head(std::optional<std::uint64_t> size, std::string media_type = {},
              std::optional<cache::Digest> digest = {}) const {
      sink->on_head({size, std::move(media_type), digest, "endpoint"});
    }
    /// False where the sink refused.
    bool data(std::string_view bytes) {
      const auto offset = std::exchange(sent, sent + bytes.size());
      return data_at(offset, bytes);
    }
    bool data_at(std::uint64_t offset, std::string_view bytes) const {
      return sink->on_data(offset, std::as_bytes(std::span(bytes)));
    }
    void done(std::optional<cache::Failure> failure = {}) {
      std::exchange(sink, nullptr)->on_done(failure);
    }
    void fail(cache::FailureKind kind) { done(cache::Failure{kind, "scripted"}); }
    /// A whole right answer in one go.
    void answer(std::string_view bytes, std::string media_type = {},
                std::optional<cache::Digest> digest = {}) {
      head(bytes.size(), std::move(media_type), digest);
      if (!request.head) data(bytes);
      done();
    }
  };
  struct Listed {
    std::string what;
    cache::ListingSink* sink = nullptr;
    void answer(cache::Listing listing) { sink->on_listing(std::move(listing), {}); }
    void fail(cache::FailureKind kind) {
      sink->on_listing(std::nullopt, cache::Failure{kind, "scripted"});
    }
  };

  std::deque<Asked> asked;  // a deque keeps references valid
  std::deque<Listed> listed;
  int mismatches = 0;
  bool few_left = false;
  bool others_wait = false;

  std::unique_ptr<cache::Fetch> fetch(cache::FetchRequest request,
                                      cache::FetchSink& sink) override {
    asked.push_back({std::move(request), &sink});
    return std::make_unique<CurlTransfer>(asked.back());
  }
  std::unique_ptr<cache::Fetch> list_tags(std::string upstream, std::string repository,
                                          cache::Behalf /*behalf*/,
                                          cache::ListingSink& sink) override {
    listed.push_back({upstream + "/" + repository + " tags", &sink});
    return std::make_unique<cache::Fetch>();
  }
  std::unique_ptr<cache::Fetch> list_referrers(std::string upstream, std::string repository,
                                               const cache::Digest& subject,
                                               cache::Behalf /*behalf*/,
                                               cache::ListingSink& sink) override {
    listed.push_back({upstream + "/" + repository + " " + subject.str(), &sink});
    return std::make_unique<cache::Fetch>();
  }
  void report_mismatch(const std::string&, const std::string&, const cache::Digest&) override {
    ++mismatches;
  }
  bool low_on_quota(const std::string&) const override { return few_left; }
  bool crowded(const std::string&) const override { return others_wait; }

 private:
  struct CurlTransfer : cache::Fetch {
    explicit CurlTransfer(Asked& a) : asked(a) {}
    ~CurlTransfer() override {
      asked.cancelled = asked.sink != nullptr;
      asked.sink = nullptr;
    }
    Asked& asked;
  };
};

}  // namespace entrepot::fakes
