// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view bytes = R"({"schemaVersion":2})";
const std::string digest = digest_text(bytes);
const std::string by_digest = "/v2/library/alpine/manifests/" + digest;
const std::string by_tag = "/v2/library/alpine/manifests/3.20";
const std::string digest_key = "docker.io/library/alpine@" + digest;
const std::string tag_key = "docker.io/library/alpine:3.20";

class Manifests : public testing::Test {
 protected:
  Manifests() {
    site.store.in_memory[digest_key] = hit(memory_content(bytes, oci_manifest));
    cache::Answer tag = hit(memory_content(bytes, oci_manifest));
    tag.age = std::chrono::seconds(12);
    tag.fresh_for = std::chrono::seconds(48);
    site.store.in_memory[tag_key] = tag;
  }
  Site site;
};

TEST_F(Manifests, ByDigest) {
  const fakes::Reply reply = site.get(by_digest);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, bytes);
  EXPECT_EQ(reply.content_length, bytes.size());
  const std::map<std::string, std::string> expected = {
      {"Content-Type", std::string(oci_manifest)},
      {"Docker-Content-Digest", digest},
      {"ETag", "\"" + digest + "\""},
      {"Cache-Control", "public, max-age=31536000, immutable"},
      {"Cache-Status", "entrepot; hit"},
  };
  EXPECT_EQ(reply.fields, expected);
  EXPECT_THAT(site.store.fetched, IsEmpty());
  EXPECT_EQ(site.last_call().outcome, metrics::Outcome::hit);
  EXPECT_EQ(site.last_call().kind, metrics::Kind::manifest);
}

TEST_F(Manifests, ByTag) {
  const fakes::Reply reply = site.get(by_tag + "?ns=docker.io");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, bytes);
  const std::map<std::string, std::string> expected = {
      {"Content-Type", std::string(oci_manifest)},
      {"Docker-Content-Digest", digest},
      {"ETag", "\"" + digest + "\""},
      {"Cache-Control", "no-cache"},
      {"Cache-Status", "entrepot; hit; ttl=48"},
      {"Age", "12"},
      {"Vary", "Accept"},
      {"OCI-Namespace", "docker.io"},
  };
  EXPECT_EQ(reply.fields, expected);
}

TEST_F(Manifests, Sha512) {  // corpus case 79
  const std::string bytes512 = "sha512";
  auto content = std::make_shared<cache::Content>(*memory_content(bytes512, oci_manifest));
  content->digest = cache::digest_of(cache::Algorithm::sha512, bytes512);
  const std::string name = content->digest.str();
  site.store.in_memory["docker.io/library/alpine@" + name] = hit(content);
  const fakes::Reply reply = site.get("/v2/library/alpine/manifests/" + name);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("Docker-Content-Digest"), name);
  EXPECT_EQ(reply.field("ETag"), "\"" + name + "\"");
}

TEST_F(Manifests, RangeIsIgnored) {
  const fakes::Reply reply = site.get(by_digest, {"Range: bytes=0-"});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, bytes);
}

TEST_F(Manifests, AcceptDecidesForTagsOnly) {
  const fakes::Reply refused = site.get(by_tag, {"Accept: " + std::string(oci_index)});
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(code_of(refused), "MANIFEST_UNKNOWN");
  EXPECT_EQ(refused.field("Vary"), "Accept");
  EXPECT_EQ(site.last_call().outcome, metrics::Outcome::refused);
  EXPECT_EQ(to_string(site.last_call().refusal), "accept");
  EXPECT_EQ(site.get(by_digest, {"Accept: " + std::string(oci_index)}).status, 200);
  EXPECT_EQ(site.get(by_tag, {"Accept: " + std::string(oci_manifest)}).status, 200);
}

TEST_F(Manifests, NotModifiedOnlyWhenAsked) {
  for (const std::string& target : {by_tag, by_digest}) {
    for (const char* method : {"GET", "HEAD"}) {
      const fakes::Reply reply = site.send(method, target, {"If-None-Match: \"" + digest + "\""});
      EXPECT_EQ(reply.status, 304);
      EXPECT_EQ(reply.body, "");
      EXPECT_EQ(reply.content_length, std::nullopt);
      EXPECT_EQ(reply.field("ETag"), "\"" + digest + "\"");
      EXPECT_EQ(reply.field("Docker-Content-Digest"), digest);
    }
    EXPECT_EQ(site.get(target, {"If-None-Match: \"other\""}).status, 200);
    EXPECT_EQ(site.get(target, {"If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT"}).status, 200);
  }
}

TEST_F(Manifests, RevalidatesATagBeforeComparingIt) {  // corpus case 90
  site.store.in_memory.clear();
  const std::string moved = "moved";
  site.store.upstream[tag_key] = hit(memory_content(moved, oci_manifest));
  EXPECT_EQ(site.get(by_tag, {"If-None-Match: \"" + digest + "\""}).status, 200);
  EXPECT_EQ(site.get(by_tag, {"If-None-Match: *"}).status, 304);
  EXPECT_THAT(site.store.fetched, ElementsAre(tag_key, tag_key));
}

TEST_F(Manifests, FetchesAMiss) {
  site.store.in_memory.clear();
  cache::Answer answer = hit(memory_content(bytes, oci_manifest));
  answer.outcome = metrics::Outcome::joined;
  answer.reason = cache::AnswerReason::absent;
  site.store.upstream[digest_key] = answer;
  const auto exchange = site.begin("GET", by_digest);
  EXPECT_FALSE(exchange->replied());
  site.executor.run();
  EXPECT_EQ(exchange->seen().status, 200);
  EXPECT_EQ(exchange->seen().field("Cache-Status"), "entrepot; fwd=uri-miss; collapsed");
  EXPECT_EQ(site.last_call().outcome, metrics::Outcome::joined);
  EXPECT_EQ(to_string(site.last_call().reason), "absent");
}

TEST_F(Manifests, HeadOfAMissRequestsNoBody) {
  site.store.in_memory.clear();
  auto known = std::make_shared<cache::Content>(*memory_content(bytes, oci_manifest));
  known->bytes = nullptr;
  known->size = 4711;
  site.store.upstream[tag_key] = hit(known);
  const fakes::Reply reply = site.head(by_tag);
  EXPECT_THAT(site.store.fetched, ElementsAre(tag_key + " head"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_length, 4711u);
  EXPECT_EQ(reply.field("Content-Type"), oci_manifest);
}

TEST_F(Manifests, NoCacheRevalidatesATag) {
  site.store.upstream[tag_key] = hit(memory_content(bytes, oci_manifest));
  EXPECT_EQ(site.get(by_tag, {"Cache-Control: no-cache"}).status, 200);
  EXPECT_EQ(site.get(by_tag, {"Pragma: no-cache"}).status, 200);
  EXPECT_THAT(site.store.fetched, ElementsAre(tag_key + " revalidate", tag_key + " revalidate"));
  EXPECT_EQ(site.get(by_digest, {"Cache-Control: no-cache"}).status, 200);
  EXPECT_EQ(site.store.fetched.size(), 2u) << "content by digest never changes";
}

TEST_F(Manifests, MarksStaleTags) {
  cache::Answer stale = hit(memory_content(bytes, oci_manifest));
  stale.outcome = metrics::Outcome::stale;
  site.store.in_memory[tag_key] = stale;
  const fakes::Reply reply = site.get(by_tag);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("Warning"), "299 - \"stale: upstream unreachable\"");
  EXPECT_EQ(reply.field("Cache-Status"), "entrepot; fwd=stale; detail=upstream-unreachable; ttl=0");
}

TEST_F(Manifests, BadReferences) {
  for (const std::string reference :
       {".x", "-x", "a:b", ".INVALID_MANIFEST_NAME", "", "a%20b"}) {  // corpus case 76
    const fakes::Reply reply = site.get("/v2/library/alpine/manifests/" + reference);
    EXPECT_EQ(reply.status, 404) << reference;
    EXPECT_EQ(code_of(reply), "MANIFEST_UNKNOWN") << reference;
  }
  EXPECT_EQ(site.get("/v2/library/alpine/manifests/" + std::string(129, 'x')).status, 404);
  for (const std::string& reference :
       {digest + "0", digest.substr(0, digest.size() - 1), "md5:" + std::string(32, '0'),
        std::string("sha256:baddigeststring")}) {
    const fakes::Reply reply = site.get("/v2/library/alpine/manifests/" + reference);
    EXPECT_EQ(reply.status, 400) << reference;
    EXPECT_EQ(code_of(reply), "DIGEST_INVALID") << reference;
  }
  EXPECT_THAT(site.store.fetched, IsEmpty()) << "sends no upstream request";
}

TEST_F(Manifests, Failures) {
  site.store.in_memory.clear();
  EXPECT_EQ(code_of(site.get(by_tag)), "MANIFEST_UNKNOWN");
  EXPECT_EQ(site.get(by_tag).status, 404);
  cache::Answer limited = failed(cache::FailureKind::rate_limited, "slow down");
  limited.failure.retry_after = std::chrono::seconds(17);
  site.store.upstream[tag_key] = limited;
  const fakes::Reply reply = site.get(by_tag + "?ns=docker.io");
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(code_of(reply), "UNAVAILABLE");
  EXPECT_EQ(reply.field("Retry-After"), "17");
  EXPECT_EQ(reply.field("OCI-Namespace"), "docker.io");
  EXPECT_EQ(reply.field("Cache-Status"), "entrepot; fwd=uri-miss");
  EXPECT_EQ(reply.field("WWW-Authenticate"), "");
  EXPECT_EQ(site.last_call().outcome, metrics::Outcome::error);
}

TEST_F(Manifests, DeniedDependsOnTheUpstream) {
  site.store.upstream["docker.io/a/b:x"] = failed(cache::FailureKind::denied);
  site.store.upstream["ghcr.io/a/b:x"] = failed(cache::FailureKind::denied);
  EXPECT_EQ(code_of(site.get("/v2/a/b/manifests/x")), "NAME_UNKNOWN");
  const fakes::Reply reply = site.get("/v2/a/b/manifests/x?ns=ghcr.io");
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(code_of(reply), "DENIED");
}

TEST_F(Manifests, SendsNothingToADisconnectedClient) {
  site.store.in_memory.clear();
  site.store.upstream[digest_key] = hit(memory_content(bytes, oci_manifest));
  const auto exchange = site.begin("GET", by_digest);
  exchange->close();
  site.executor.run();
  EXPECT_FALSE(exchange->replied());
  EXPECT_EQ(to_string(site.last_call().reason), "client-left");
}

TEST_F(Manifests, ConditionalRequestFetchesNoBody) {
  site.store.in_memory.clear();
  auto known = std::make_shared<cache::Content>(*memory_content(bytes, oci_manifest));
  known->bytes = nullptr;
  site.store.upstream[digest_key] = hit(known);
  EXPECT_EQ(site.get(by_digest, {"If-None-Match: \"" + digest + "\""}).status, 304);
  EXPECT_THAT(site.store.fetched, ElementsAre(digest_key + " head")) << "HEAD suffices";
}

}  // namespace
}  // namespace entrepot::registry
