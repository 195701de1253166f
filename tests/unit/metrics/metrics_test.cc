// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "metrics/version.h"

namespace entrepot::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

std::vector<UpstreamLabels> sample() {
  return {{"docker.io", {"registry-1.docker.io", "mirror.example"}}, {"quay.io", {"quay.io"}}};
}

TEST(ClientMetrics, KnowsTheLatestRequest) {
  const ClientMetrics clients;
  const ClientMetrics::Time start{24h};
  EXPECT_FALSE(clients.latest(start));
  clients.requested(Engine::containers, ClientNetwork::host, start);
  clients.requested(Engine::docker, ClientNetwork::local, start + 10s);
  clients.requested(Engine::containers, ClientNetwork::host, start + 5s);
  const auto latest = clients.latest(start + 12s);
  ASSERT_TRUE(latest);
  EXPECT_EQ(latest->engine, Engine::docker);
  EXPECT_EQ(latest->network, ClientNetwork::local);
  EXPECT_EQ(latest->ago, 2s);
  EXPECT_EQ(clients.latest(start)->ago, 0s) << "counted by another thread a moment later";
}

TEST(ClientMetrics, TheFirstRequestOfADayFromANetwork) {
  using std::chrono::days;
  const ClientMetrics clients;
  const std::chrono::sys_days today{days(20'000)};
  const auto begins = [&](std::chrono::sys_days day) {
    return clients.begins_day(ClientNetwork::local, day);
  };
  EXPECT_TRUE(begins(today));
  EXPECT_FALSE(begins(today));
  EXPECT_TRUE(clients.begins_day(ClientNetwork::global, today)) << "another network";
  EXPECT_TRUE(begins(today + days(1)));
  EXPECT_FALSE(begins(today)) << "a loop that read the clock before midnight";
  EXPECT_FALSE(begins(today + days(1)));
  EXPECT_TRUE(begins(today + days(400))) << "a clock that is ahead";
  EXPECT_TRUE(begins(today + days(2)));

  const ClientMetrics::Time start{24h};
  const ClientMetrics others;
  EXPECT_TRUE(others.requested(Engine::docker, ClientNetwork::host, start));
  EXPECT_FALSE(others.requested(Engine::docker, ClientNetwork::host, start));
}

TEST(Counts, AddUpAllUpstreams) {
  const Metrics metrics(sample());
  EXPECT_EQ(counts_of(metrics), Counts());
  for (const char* name : {"docker.io", "quay.io"}) {
    const auto& upstream = metrics.upstream(name);
    upstream.request(Kind::blob, Outcome::hit, 200);
    upstream.request(Kind::manifest, Outcome::stale, 200);
    upstream.request(Kind::tags, Outcome::revalidated, 200);
    upstream.request(Kind::blob, Outcome::miss, 206);
    upstream.request(Kind::referrers, Outcome::error, 404);
    upstream.request(Kind::blob, Outcome::error, 503);
    upstream.request(Kind::blob, Outcome::error, 599);
    upstream.response_bytes(Outcome::hit).add(10);
    upstream.response_bytes(Outcome::miss).add(1);
  }
  metrics.upstream({}).request(Kind::ping, Outcome::hit, 200);
  metrics.upstream({}).request(Kind::other, Outcome::refused, 404);
  metrics.endpoint("docker.io", "mirror.example").bytes().add(3);
  metrics.endpoint("quay.io", "quay.io").bytes().add(4);
  metrics.endpoint("quay.io", "quay.io").digest_mismatches().add(1);
  metrics.disk().errors(DiskOperation::read).add(2);
  metrics.disk().errors(DiskOperation::index).add(1);
  metrics.cache().evictions(EvictionReason::corrupt).add(5);
  metrics.cache().evictions(EvictionReason::size).add(7);
  metrics.cache().bypass(BypassReason::disk_full).add(1);
  metrics.cache().bypass(BypassReason::inodes).add(2);
  metrics.cache().bypass(BypassReason::too_large).add(4);
  EXPECT_EQ(counts_of(metrics), (Counts{.requests = 14,
                                        .hits = 6,
                                        .errors = 2,
                                        .served_bytes = 22,
                                        .fetched_bytes = 7,
                                        .disk_errors = 3,
                                        .mismatches = 1,
                                        .changed = 5,
                                        .disk_full = 3}));
}

TEST(Counts, NeverFall) {
  const Metrics metrics(sample());
  metrics.endpoint("docker.io", "mirror.example").bytes().add(3);
  auto fewer = sample();
  fewer[0].endpoints = {"registry-1.docker.io"};
  set_upstreams(metrics, fewer);
  EXPECT_EQ(counts_of(metrics).fetched_bytes, 3U) << "an endpoint went";
  set_upstreams(metrics, sample());
  EXPECT_EQ(counts_of(metrics).fetched_bytes, 3U) << "and came back at zero";
  metrics.endpoint("docker.io", "mirror.example").bytes().add(4);
  metrics.upstream("docker.io").request(Kind::blob, Outcome::hit, 200);
  EXPECT_EQ(counts_of(metrics).fetched_bytes, 7U);
  set_upstreams(metrics, {sample()[1]});
  EXPECT_EQ(counts_of(metrics).fetched_bytes, 7U) << "an upstream went";
  EXPECT_EQ(counts_of(metrics).requests, 1U);
  set_upstreams(metrics, sample());
  metrics.upstream("docker.io").request(Kind::blob, Outcome::hit, 200);
  EXPECT_EQ(counts_of(metrics).requests, 2U);
}

/// One series of every metric, with its mandatory labels.
class MetricsFromTheStart : public testing::TestWithParam<const char*> {};

TEST_P(MetricsFromTheStart, IsThere) {
  EXPECT_THAT("\n" + Metrics(sample()).text(), HasSubstr(std::string("\n") + GetParam() + "\n"));
}

INSTANTIATE_TEST_SUITE_P(
    Series, MetricsFromTheStart,
    testing::Values(
        R"(entrepot_requests_total{upstream="docker.io",kind="blob",outcome="hit",code="200"} 0)",
        R"(entrepot_requests_total{upstream="docker.io",kind="manifest",outcome="stale",code="200"} 0)",
        R"(entrepot_requests_total{upstream="quay.io",kind="tags",outcome="error",code="503"} 0)",
        R"(entrepot_requests_total{upstream="none",kind="ping",outcome="hit",code="200"} 0)",
        R"(entrepot_requests_total{upstream="none",kind="other",outcome="refused",code="404"} 0)",
        R"(entrepot_response_bytes_total{upstream="docker.io",outcome="hit"} 0)",
        R"(entrepot_not_hit_total{upstream="quay.io",reason="absent"} 0)",
        R"(entrepot_transfers{upstream="quay.io"} 0)",
        R"(entrepot_transfers_queued{upstream="none"} 0)",
        R"(entrepot_transfers_dropped_total{upstream="quay.io",reason="left"} 0)",
        R"(entrepot_ratelimit_limit{upstream="quay.io",endpoint="quay.io"} Nan)",
        R"(entrepot_loop_lag_seconds_count{loop="admin"} 0)", "entrepot_connections_limit 0",
        "entrepot_connections_refused_total 0", "entrepot_disk_free_bytes 0",
        "entrepot_disk_reserve_bytes 0", "entrepot_index_memory_bytes 0",
        "entrepot_index_live_bytes 0", "entrepot_index_dead_bytes 0",
        "entrepot_index_compactions_total 0", "entrepot_store_jobs_queued 0",
        R"(entrepot_job_failures_total{pool="store"} 0)",
        R"(entrepot_tls_handshakes_total{result="ok"} 0)",
        "entrepot_tls_kernel_connections_total 0",
        R"(entrepot_request_duration_seconds_count{outcome="revalidated"} 0)",
        R"(entrepot_request_duration_seconds_bucket{outcome="hit",le="0.0005"} 0)",
        R"(entrepot_request_duration_seconds_bucket{outcome="hit",le="30"} 0)",
        R"(entrepot_request_duration_seconds_bucket{outcome="hit",le="+Inf"} 0)",
        R"(entrepot_time_to_first_byte_seconds_sum{outcome="miss"} 0)", "entrepot_connections 0",
        "entrepot_flights 0",
        R"(entrepot_upstream_requests_total{upstream="docker.io",endpoint="mirror.example",kind="blob",code="0"} 0)",
        R"(entrepot_upstream_bytes_total{upstream="quay.io",endpoint="quay.io"} 0)",
        R"(entrepot_upstream_time_to_first_byte_seconds_count{upstream="quay.io",endpoint="quay.io"} 0)",
        R"(entrepot_endpoint_up{upstream="quay.io",endpoint="quay.io"} 1)",
        R"(entrepot_endpoint_failures_total{upstream="quay.io",endpoint="quay.io",reason="timeout"} 0)",
        R"(entrepot_ratelimit_remaining{upstream="quay.io",endpoint="quay.io"} Nan)",
        "entrepot_cache_bytes 0", "entrepot_cache_max_bytes 0",
        R"(entrepot_cache_objects{kind="blob"} 0)", "entrepot_cache_evicted_bytes_total 0",
        R"(entrepot_cache_evictions_total{reason="size"} 0)",
        R"(entrepot_digest_mismatches_total{upstream="quay.io",endpoint="quay.io"} 0)",
        "entrepot_fills_resumed_total 0", "entrepot_cache_repeated_reads_total 0",
        R"(entrepot_last_request_timestamp_seconds{engine="docker",network="host"} 0)",
        R"(entrepot_disk_errors_total{operation="sync"} 0)",
        R"(entrepot_bypass_total{reason="disk-full"} 0)", "entrepot_scrubbed_bytes_total 0"));

TEST(Metrics, BuildInfoNamesTheVersionAndTheCommit) {
  EXPECT_THAT(Metrics(sample()).text(),
              testing::HasSubstr("entrepot_build_info{version=\"" + std::string(version()) +
                                 "\",commit=\"" + std::string(commit()) + "\"} 1"));
}

TEST(Metrics, EveryFamilyHasHelpTypeAndSeries) {
  const Metrics metrics(sample());
  metrics.tls().set_certificates({{"tls.crt", std::chrono::system_clock::from_time_t(86400)}});
  std::istringstream lines(metrics.text());
  int families = 0;
  bool open = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      EXPECT_FALSE(open) << "no series before: " << line;
      ++families;
      open = true;
    } else if (!line.starts_with("#")) {
      open = false;
    }
  }
  EXPECT_FALSE(open);
  EXPECT_EQ(families, 64);
}

TEST(Metrics, HasASeriesForEachPresentCertificate) {
  const Metrics metrics(sample());
  const auto end = [](std::time_t seconds) {
    return std::chrono::system_clock::from_time_t(seconds);
  };
  metrics.tls().set_certificates({{"a.crt", end(86400)}, {"b.crt", end(1)}});
  EXPECT_THAT(metrics.text(),
              HasSubstr("entrepot_tls_certificate_end_seconds{certificate=\"a.crt\"} 86400\n"));
  metrics.tls().set_certificates({{"b.crt", end(2)}});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("a.crt")));
  EXPECT_THAT(metrics.text(), HasSubstr("{certificate=\"b.crt\"} 2\n"));
}

TEST(Metrics, CountsRequestsByTheirLabels) {
  const Metrics metrics(sample());
  const auto& docker = metrics.upstream("docker.io");
  docker.request(Kind::blob, Outcome::joined, 206);
  docker.request(Kind::blob, Outcome::joined, 206);
  docker.response_bytes(Outcome::joined).add(4096);
  EXPECT_THAT(
      metrics.text(),
      HasSubstr(
          R"(requests_total{upstream="docker.io",kind="blob",outcome="joined",code="206"} 2)"));
  EXPECT_THAT(metrics.text(),
              HasSubstr(R"(response_bytes_total{upstream="docker.io",outcome="joined"} 4096)"));
}

TEST(Metrics, UnknownCodesAreOther) {
  const Metrics metrics(sample());
  for (const int code : {299, 999, -1, 599, 600})
    metrics.upstream("docker.io").request(Kind::blob, Outcome::error, code);
  EXPECT_THAT(metrics.text(), HasSubstr(R"(outcome="error",code="other"} 5)"));
}

TEST(Metrics, UnknownUpstreamsAreNone) {
  const Metrics metrics(sample());
  metrics.upstream("evil.example\"} 1").request(Kind::other, Outcome::refused, 404);
  metrics.upstream("").request(Kind::other, Outcome::refused, 404);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"({upstream="none",kind="other",outcome="refused",code="404"} 2)"));
  EXPECT_THAT(text, Not(HasSubstr("evil")));
}

TEST(Metrics, UnknownEndpointsAreNotShown) {
  const Metrics metrics(sample());
  metrics.endpoint("docker.io", "nowhere.example").failure(EndpointFailure::tls);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("nowhere.example")));
  EXPECT_THAT(metrics.text(), Not(HasSubstr(R"(endpoint="other")")))
      << "it would say that an endpoint is up";
}

TEST(Metrics, EndpointsFollowTheConfiguration) {
  const Metrics metrics(sample());
  const EndpointMetrics before = metrics.endpoint("quay.io", "quay.io");
  before.failure(EndpointFailure::tls);
  before.up().set(0);
  set_upstreams(metrics, {{"quay.io", {"quay.io", "mirror.example"}}});
  std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"(endpoint_up{upstream="quay.io",endpoint="quay.io"} 0)"))
      << "it keeps its series";
  EXPECT_THAT(text, HasSubstr(R"(endpoint="quay.io",reason="tls"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(endpoint_up{upstream="quay.io",endpoint="mirror.example"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(endpoint="mirror.example",reason="tls"} 0)"));

  set_upstreams(metrics, {{"quay.io", {"mirror.example"}}});
  before.failure(EndpointFailure::tls);  // of a request that goes on
  text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr(R"(endpoint="quay.io")")));

  set_upstreams(metrics, {{"quay.io", {"quay.io"}}});
  EXPECT_THAT(metrics.text(), HasSubstr(R"(endpoint="quay.io",reason="tls"} 0)"))
      << "it comes back as a new one";
}

TEST(Metrics, UpstreamsFollowTheConfiguration) {
  const Metrics metrics(sample());
  const UpstreamMetrics quay = metrics.upstream("quay.io");
  quay.request(Kind::blob, Outcome::hit, 200);
  metrics.upstream("docker.io").request(Kind::blob, Outcome::hit, 200);
  set_upstreams(metrics, {sample()[0], {"new.example", {"r.new.example"}}});
  quay.request(Kind::blob, Outcome::hit, 200);  // that began before
  quay.transfers().add(1);
  std::string text = metrics.text();
  EXPECT_THAT(text, Not(HasSubstr("quay.io")));
  EXPECT_THAT(text, HasSubstr(R"(upstream="docker.io",kind="blob",outcome="hit",code="200"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(upstream="new.example",kind="blob",outcome="hit",code="200"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(endpoint_up{upstream="new.example",endpoint="r.new.example"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"({upstream="none",)"));

  set_upstreams(metrics, sample());
  metrics.upstream("quay.io").request(Kind::blob, Outcome::hit, 200);
  text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"(upstream="quay.io",kind="blob",outcome="hit",code="200"} 1)"));
  EXPECT_THAT(text, HasSubstr("entrepot_transfers{upstream=\"quay.io\"} 0"));
}

TEST(Metrics, ReplacedOwnersSetNoGauges) {
  const Metrics metrics(sample());
  EndpointMetrics before = metrics.endpoint("quay.io", "quay.io");
  before.detach_gauges();
  before.up().set(0);
  before.failure(EndpointFailure::tls);
  EXPECT_THAT(metrics.text(), HasSubstr(R"(endpoint_up{upstream="quay.io",endpoint="quay.io"} 1)"));
  EXPECT_THAT(metrics.text(), HasSubstr(R"(endpoint="quay.io",reason="tls"} 1)"));
}

TEST(Metrics, CountsReasonsByTheirWords) {
  const Metrics metrics(sample());
  metrics.endpoint("quay.io", "quay.io").failure(EndpointFailure::other);
  metrics.cache().bypass(BypassReason::other_upstream).add();
  metrics.upstream("quay.io").not_hit(AnswerReason::other);
  metrics.upstream("quay.io").not_hit(AnswerReason::other_upstream);
  metrics.upstream("quay.io").not_hit(AnswerReason::other_upstream);
  metrics.disk().errors(DiskOperation::sync).add(3);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr(R"(endpoint="quay.io",reason="other"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(entrepot_bypass_total{reason="other-upstream"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(not_hit_total{upstream="quay.io",reason="other"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(not_hit_total{upstream="quay.io",reason="other-upstream"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(entrepot_disk_errors_total{operation="sync"} 3)"));
}

TEST(Metrics, HistogramBucketsAreCumulativeAndInclusive) {
  const Metrics metrics(sample());
  const auto duration = metrics.request_duration(Outcome::hit);
  duration.observe(0ns);
  duration.observe(500us);
  duration.observe(501us);
  duration.observe(31s);
  const std::string text = metrics.text();
  const std::string name = R"(entrepot_request_duration_seconds_bucket{outcome="hit",le=)";
  EXPECT_THAT(text, HasSubstr(name + R"("0.0005"} 2)"));
  EXPECT_THAT(text, HasSubstr(name + R"("0.001"} 3)"));
  EXPECT_THAT(text, HasSubstr(name + R"("30"} 3)"));
  EXPECT_THAT(text, HasSubstr(name + R"("+Inf"} 4)"));
  EXPECT_THAT(text, HasSubstr(R"(entrepot_request_duration_seconds_sum{outcome="hit"} 31.0010)"));
}

TEST(Metrics, GaugesMoveBothWays) {
  const Metrics metrics(sample());
  metrics.connections().add(3);
  metrics.connections().add(-1);
  metrics.cache().bytes().set(12345);
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_connections 2\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_cache_bytes 12345\n"));
}

TEST(Metrics, CountsFromManyThreadsWithoutLoss) {
  const Metrics metrics(sample());
  constexpr int rounds = 10'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < rounds; ++n) {
        metrics.upstream("quay.io").request(Kind::blob, Outcome::hit, 200);
        metrics.time_to_first_byte(Outcome::hit).observe(1ms);
      }
    });
  }
  const std::string during = metrics.text();
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(during, HasSubstr("entrepot_requests_total"));
  EXPECT_THAT(metrics.text(),
              HasSubstr(R"({upstream="quay.io",kind="blob",outcome="hit",code="200"} 40000)"));
  EXPECT_THAT(metrics.text(),
              HasSubstr(R"(entrepot_time_to_first_byte_seconds_count{outcome="hit"} 40000)"));
}

}  // namespace
}  // namespace entrepot::metrics
