// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(Ping, NeedsNoUpstream) {
  for (const char* target : {"/v2", "/v2/", "/ghcr.io/v2/", "/ghcr.io/v2", "/v2/?ns=docker.io"}) {
    Site site;
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_EQ(reply.body, "{}");
    EXPECT_EQ(reply.field("Content-Type"), "application/json");
    EXPECT_EQ(site.last_call().kind, metrics::Kind::ping);
    EXPECT_EQ(site.last_call().outcome, metrics::Outcome::hit);
    EXPECT_THAT(site.store.fetched, IsEmpty());
  }
}

TEST(Shares, ARequestBeyondTheShareOfItsClientIsRefusedBeforeALookUp) {
  Site site;
  site.no_more_requests = true;
  for (const char* target : {"/v2/a/b/manifests/latest", "/v2/a/b/tags/list"}) {
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 429) << target;
    EXPECT_EQ(code_of(reply), "TOOMANYREQUESTS");
    EXPECT_EQ(reply.field("Retry-After"), "1");
    EXPECT_EQ(site.last_call().refusal, RefusalReason::client_requests);
  }
  EXPECT_THAT(site.store.fetched, IsEmpty());
  EXPECT_EQ(site.get("/v2/").status, 200) << "a ping looks nothing up";
}

TEST(Shares, AClientIsTheNameThatIsItsOwn) {
  struct Case {
    std::vector<std::string> names;
    const char* client;
  };
  for (const auto& [names, client] :
       {Case{{}, ""}, Case{{"CN=node", "O=build", "DNS=node.example"}, "CN=node"},
        Case{{"O=SPIRE", "OU=lab", "URI=spiffe://example/a", "SERIAL=01"},
             "URI=spiffe://example/a"},
        Case{{"O=SPIRE", "SERIAL=01"}, "SERIAL=01"}}) {
    Site site;
    const auto exchange =
        std::make_shared<fakes::Exchange>("GET /v2/a/b/tags/list HTTP/1.1\r\nHost: mirror\r\n\r\n");
    exchange->live_on(site.executor);
    exchange->certify(names);
    site.registry.handle(exchange);
    EXPECT_EQ(exchange->client_name, client);
  }
}

TEST(Shares, AMissBeyondTheShareOfItsClientIsNotFetched) {
  Site site;
  site.no_more_misses = true;
  const fakes::Reply reply = site.get("/v2/a/b/manifests/latest");
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.field("Retry-After"), "5");
  EXPECT_EQ(site.last_call().refusal, RefusalReason::client_misses);
  EXPECT_THAT(site.store.fetched, IsEmpty());
}

TEST(Denials, TakeEffectAtTheNextRequest) {
  Site site;
  EXPECT_NE(site.get("/v2/acme/evil/tags/list").status, 403);
  site.registry.deny(std::make_shared<const access::Denials>(
      std::vector<access::Denial>{{.pattern = "docker.io/acme/*"}}));
  const auto fetched = site.store.fetched.size();
  for (const char* target : {"/v2/acme/evil/tags/list", "/v2/docker.io/acme/evil/manifests/latest",
                             "/v2/hub/acme/evil/manifests/latest"}) {
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 403) << target;
    EXPECT_EQ(code_of(reply), "DENIED");
    EXPECT_EQ(site.last_call().refusal, RefusalReason::access);
  }
  EXPECT_EQ(site.store.fetched.size(), fetched);
  EXPECT_THAT(site.metrics.text(),
              HasSubstr("entrepot_access_refused_total{reason=\"deny-list\"} 3"));
  EXPECT_NE(site.get("/v2/ghcr.io/acme/evil/tags/list").status, 403) << "another upstream";
  site.registry.deny(std::make_shared<const access::Denials>());
  EXPECT_NE(site.get("/v2/acme/evil/tags/list").status, 403);
}

TEST(Routing, RejectsUnknownResources) {  // corpus case 82
  for (const char* target :
       {"/", "/v2/x", "/v2//", "/v1/", "/unknown/v2/", "/healthz", "/v2/a/tags/list/"}) {
    Site site;
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_EQ(code_of(reply), "NAME_UNKNOWN") << target;
    EXPECT_THAT(site.store.fetched, IsEmpty()) << target;
  }
}

TEST(Routing, Uploads) {
  Site site;
  for (const char* target : {"/v2/a/b/blobs/uploads/x", "/v2/a/b/blobs/uploads/"}) {
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 404);
    EXPECT_EQ(code_of(reply), "BLOB_UPLOAD_UNKNOWN");
  }
}

TEST(Routing, CatalogIsOffByDefault) {
  Site site;
  EXPECT_EQ(site.get("/v2/_catalog").status, 404);
  EXPECT_EQ(site.get("/v2/_catalog?n=999999999").status, 404);
}

TEST(Routing, CatalogListsNothing) {
  Site site(/*catalog=*/true);
  for (const char* target :
       {"/v2/_catalog", "/ghcr.io/v2/_catalog", "/v2/_catalog?n=999999999"}) {  // corpus case 83
    const fakes::Reply reply = site.get(target);
    EXPECT_EQ(reply.status, 200) << target;
    EXPECT_EQ(reply.body, R"({"repositories":[]})");
  }
  EXPECT_EQ(site.get("/v2/_catalog?n=-1").status, 400);
}

TEST(Routing, RejectsWritesEverywhere) {  // corpus case 81
  const std::string digest = digest_text("x");
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    for (const std::string& target :
         {std::string("/"), std::string("/v2/"), std::string("/v2/a/b/blobs/uploads/"),
          std::string("/v2/a/b/manifests/x?ns=unknown"), "/v2/a/b/blobs/" + digest}) {
      Site site;
      const fakes::Reply reply = site.send(method, target);
      EXPECT_EQ(reply.status, 405) << method << target;
      EXPECT_EQ(code_of(reply), "UNSUPPORTED");
      EXPECT_EQ(reply.field("Allow"), "GET, HEAD");
      EXPECT_EQ(to_string(site.last_call().refusal), "method");
    }
  }
}

TEST(Routing, Authorization) {  // corpus case 92
  Site site;
  for (const std::string& value : {std::string("Basic %%%"), "Basic " + std::string(32000, 'a')}) {
    const fakes::Reply reply = site.get("/v2/a/b/manifests/x", {"Authorization: " + value});
    EXPECT_EQ(reply.status, 400);
    EXPECT_THAT(reply.body, testing::Not(HasSubstr(value.substr(6, 3)))) << "never repeated";
  }
  EXPECT_EQ(site.get("/v2/", {"Authorization: Bearer a", "Authorization: Bearer a"}).status, 400);
  EXPECT_THAT(site.store.fetched, IsEmpty());
  EXPECT_EQ(site.get("/v2/", {"Authorization: Bearer abc"}).status, 200);
}

TEST(Routing, IgnoresForwardingFields) {  // corpus case 93
  Site site;
  site.get("/v2/a/b/manifests/x");
  site.get("/v2/a/b/manifests/x",
           {"Cookie: a=b", "X-Forwarded-Host: ghcr.io", "X-Forwarded-Prefix: /ghcr.io",
            "Forwarded: host=ghcr.io", "Proxy: http://192.0.2.1", "X-Original-URL: /v2/"});
  EXPECT_THAT(site.store.fetched, testing::ElementsAre("docker.io/a/b:x", "docker.io/a/b:x"));
}

/// Each route in each state of the store: HEAD is GET without the body (corpus case 94).
TEST(Routing, HeadIsGet) {
  const std::string bytes = "some bytes";
  const std::string digest = digest_text(bytes);
  const std::string absent = digest_text("absent");
  const auto prepare = [&](Site& site) {
    site.store.in_memory["docker.io/a/b@" + digest] = hit(memory_content(bytes, oci_manifest));
    site.store.in_memory["docker.io/a/b:tag"] = hit(memory_content(bytes, oci_manifest));
    site.store.upstream["docker.io/a/b:far"] = hit(memory_content(bytes, oci_manifest));
    site.store.upstream["docker.io/a/b:limited"] = failed(cache::FailureKind::rate_limited);
    site.store.upstream["docker.io/a/b:denied"] = failed(cache::FailureKind::denied);
    site.store.upstream["docker.io/a/b:down"] = failed(cache::FailureKind::unavailable);
    site.store.upstream["docker.io/a/b:bad"] = failed(cache::FailureKind::bad_upstream);
    cache::ListingAnswer tags;
    tags.tags = std::make_shared<const cache::TagList>("t\n");
    site.store.listings["docker.io/a/b/tags"] = tags;
  };
  const std::vector<std::string> targets = {"/",
                                            "/v2/",
                                            "/v2/x",
                                            "/v2/_catalog",
                                            "/v2/a/b/manifests/tag",
                                            "/v2/a/b/manifests/far",
                                            "/v2/a/b/manifests/limited",
                                            "/v2/a/b/manifests/denied",
                                            "/v2/a/b/manifests/down",
                                            "/v2/a/b/manifests/bad",
                                            "/v2/a/b/manifests/none",
                                            "/v2/a/b/manifests/.bad",
                                            "/v2/a/b/manifests/sha256:bad",
                                            "/v2/a/b/manifests/" + digest,
                                            "/v2/A/manifests/tag",
                                            "/v2/a/b/blobs/" + digest,
                                            "/v2/a/b/blobs/" + absent,
                                            "/v2/a/b/blobs/bad",
                                            "/v2/a/b/blobs/uploads/x",
                                            "/v2/a/b/tags/list",
                                            "/v2/a/b/tags/list?n=1",
                                            "/v2/a/b/tags/list?n=x",
                                            "/v2/c/d/tags/list",
                                            "/v2/a/b/referrers/" + digest,
                                            "/v2/a/b/referrers/bad",
                                            "/v2/a/b/manifests/tag?ns=docker.io",
                                            "/v2/a/b/manifests/tag?ns=unknown",
                                            "/v2/a/b/manifests/tag?ns=a&ns=b",
                                            "/hub/v2/a/b/manifests/tag",
                                            "/v2/hub/a/b/blobs/" + digest};
  for (const std::string& target : targets) {
    Site site;
    prepare(site);
    const fakes::Reply get = site.get(target);
    const fakes::Reply head = site.head(target);
    EXPECT_EQ(head.status, get.status) << target;
    EXPECT_EQ(head.fields, get.fields) << target;
    EXPECT_EQ(head.content_length, get.content_length) << target;
    EXPECT_EQ(head.content_length, get.body.size()) << target;
    EXPECT_EQ(head.body, "") << target;
  }
}

TEST(Reporting, CountsEveryExchange) {
  Site site;
  const std::string digest = digest_text("x");
  site.store.in_memory["ghcr.io/a@" + digest] = hit(memory_content("x"));
  const auto exchange = site.begin("GET", "/v2/ghcr.io/a/blobs/" + digest);
  http::ReplyStats stats;
  stats.status = 200;
  stats.body_bytes = 1234;
  stats.started = std::chrono::steady_clock::time_point(std::chrono::seconds(100));
  stats.first_byte = stats.finished = stats.started + std::chrono::milliseconds(3);
  stats.complete = true;
  site.registry.finished(*exchange, stats);
  const std::string text = site.metrics.text();
  EXPECT_THAT(text, HasSubstr("entrepot_requests_total{upstream=\"ghcr.io\",kind=\"blob\","
                              "outcome=\"hit\",code=\"200\"} 1"));
  EXPECT_THAT(text, HasSubstr("entrepot_response_bytes_total{upstream=\"ghcr.io\","
                              "outcome=\"hit\"} 1234"));
  EXPECT_THAT(text, HasSubstr("entrepot_request_duration_seconds_count{outcome=\"hit\"} 1"));
  EXPECT_THAT(text, HasSubstr("entrepot_time_to_first_byte_seconds_count{outcome=\"hit\"} 1"));
}

TEST(Reporting, ExchangeWithoutReplyHasNoFirstByte) {
  Site site;
  const auto exchange = site.begin("GET", "/v2/a/b/manifests/x");
  http::ReplyStats stats;
  stats.started = std::chrono::steady_clock::time_point(std::chrono::seconds(100));
  stats.finished = stats.started + std::chrono::milliseconds(3);
  site.registry.finished(*exchange, stats);
  const std::string text = site.metrics.text();
  EXPECT_THAT(text, HasSubstr("entrepot_request_duration_seconds_count{outcome=\"miss\"} 1"));
  EXPECT_THAT(text, HasSubstr("entrepot_time_to_first_byte_seconds_count{outcome=\"miss\"} 0"));
}

TEST(Reporting, Refusals) {
  Site site;
  EXPECT_EQ(site.registry.refused(431, "header-too-large", {"192.0.2.7:1", {}}),
            R"({"errors":[{"code":"UNKNOWN","message":"header-too-large"}]})");
  EXPECT_THAT(site.metrics.text(),
              HasSubstr("entrepot_requests_total{upstream=\"none\",kind=\"other\","
                        "outcome=\"refused\",code=\"431\"} 1"));
}

}  // namespace
}  // namespace entrepot::registry
