// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view bytes = "0123456789";
const std::string digest = digest_text(bytes);
const std::string target = "/v2/a/b/blobs/" + digest;
const std::string key = "docker.io/a/b@" + digest;

class Blobs : public testing::Test {
 protected:
  Site site;
};

/// The replies are the same for bytes in memory and in a file.
class StoredBlobs : public testing::TestWithParam<bool> {
 protected:
  StoredBlobs() {
    site.store.in_memory[key] = hit(GetParam() ? file_content(bytes) : memory_content(bytes));
  }
  Site site;
};
INSTANTIATE_TEST_SUITE_P(Storage, StoredBlobs, testing::Values(false, true),
                         [](const auto& instance) { return instance.param ? "File" : "Memory"; });

TEST_P(StoredBlobs, Whole) {
  const fakes::Reply reply = site.get(target);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, bytes);
  EXPECT_EQ(reply.content_length, bytes.size());
  const std::map<std::string, std::string> expected = {
      {"Content-Type", "application/octet-stream"},
      {"Docker-Content-Digest", digest},
      {"ETag", "\"" + digest + "\""},
      {"Accept-Ranges", "bytes"},
      {"Cache-Control", "public, max-age=31536000, immutable"},
      {"Cache-Status", "entrepot; hit"},
  };
  EXPECT_EQ(reply.fields, expected);
  EXPECT_THAT(site.store.fetched, IsEmpty());
}

TEST_P(StoredBlobs, SingleRanges) {
  const struct {
    const char* range;
    std::string_view body;
    const char* content_range;
  } cases[] = {
      {"bytes=0-", "0123456789", "bytes 0-9/10"}, {"bytes=0-1", "01", "bytes 0-1/10"},
      {"bytes=3-5", "345", "bytes 3-5/10"},       {"bytes=7-99", "789", "bytes 7-9/10"},
      {"bytes=-2", "89", "bytes 8-9/10"},         {"bytes=9-", "9", "bytes 9-9/10"},
  };
  for (const auto& expected : cases) {
    const fakes::Reply reply = site.get(target, {std::string("Range: ") + expected.range});
    EXPECT_EQ(reply.status, 206) << expected.range;
    EXPECT_EQ(reply.body, expected.body) << expected.range;
    EXPECT_EQ(reply.content_length, expected.body.size()) << expected.range;
    EXPECT_EQ(reply.field("Content-Range"), expected.content_range);
    EXPECT_EQ(reply.field("Accept-Ranges"), "bytes");
    EXPECT_EQ(reply.field("Content-Type"), "application/octet-stream");
    EXPECT_EQ(reply.field("Docker-Content-Digest"), digest);
    EXPECT_EQ(reply.field("ETag"), "\"" + digest + "\"");
  }
}

TEST_F(Blobs, RequestsRangesFromTheCache) {
  const auto requested = [this](const std::vector<std::string>& fields,
                                std::string_view method = "GET") {
    site.send(method, target, fields);
    return site.store.last_wanted;
  };
  using Spans = std::vector<cache::Span>;
  EXPECT_FALSE(requested({}).pieces);
  EXPECT_FALSE(requested({"Range: bytes=3-"}).pieces) << "open-ended";
  EXPECT_FALSE(requested({"Range: bytes=0-1", "Range: bytes=0-1"}).pieces);
  EXPECT_FALSE(requested({"Range: bytes=0-1", "If-Range: \"other\""}).pieces);
  EXPECT_FALSE(requested({"Range: bytes=0-1"}, "HEAD").pieces);

  const auto one = requested({"Range: bytes=3-5"});
  EXPECT_TRUE(one.pieces);
  EXPECT_EQ(one.first, (cache::Span{3, 6}));
  EXPECT_EQ(one.in(10), (Spans{{3, 6}}));
  EXPECT_EQ(one.in(5), (Spans{{3, 5}}));
  EXPECT_EQ(one.in(3), Spans{}) << "outside of the blob";

  const auto all = requested({"Range: bytes=0-9"});
  EXPECT_TRUE(all.pieces);
  EXPECT_EQ(all.in(10), std::nullopt) << "the ranges cover the whole blob";
  EXPECT_EQ(all.in(11), (Spans{{0, 10}}));

  const auto last = requested({"Range: bytes=-4"});
  EXPECT_TRUE(last.pieces);
  EXPECT_EQ(last.first, std::nullopt);
  EXPECT_EQ(last.in(10), (Spans{{6, 10}}));

  const auto several = requested({"Range: bytes=7-8,0-1"});
  EXPECT_EQ(several.first, (cache::Span{7, 9}));
  EXPECT_EQ(several.in(10), (Spans{{7, 9}, {0, 2}}));
  EXPECT_EQ(several.in(3), (Spans{{0, 2}}));
}

TEST_P(StoredBlobs, Unsatisfiable) {  // corpus case 88
  const fakes::Reply reply = site.get(target, {"Range: bytes=10-"});
  EXPECT_EQ(reply.status, 416);
  EXPECT_EQ(code_of(reply), "RANGE_INVALID");
  EXPECT_EQ(reply.field("Content-Range"), "bytes */10");
}

TEST_P(StoredBlobs, IgnoresInvalidRanges) {
  for (const char* range : {"bytes=5-2", "=", "lines=0-1", "bytes=0-9,3-4", "bytes=20-,30-"}) {
    const fakes::Reply reply = site.get(target, {std::string("Range: ") + range});
    EXPECT_EQ(reply.status, 200) << range;
    EXPECT_EQ(reply.body, bytes);
    EXPECT_EQ(reply.field("Content-Range"), "");
  }
  EXPECT_EQ(site.get(target, {"Range: bytes=0-1", "Range: bytes=0-1"}).status, 200);
}

TEST_P(StoredBlobs, SeveralRanges) {
  const fakes::Reply reply = site.get(target, {"Range: bytes=7-,0-1,3-3"});
  EXPECT_EQ(reply.status, 206);
  const std::string type = reply.field("Content-Type");
  constexpr std::string_view before = "multipart/byteranges; boundary=";
  ASSERT_EQ(type.substr(0, before.size()), before);
  const std::string boundary = type.substr(before.size());
  EXPECT_THAT(boundary, testing::MatchesRegex("[A-Za-z0-9]{20,70}"));
  const auto part = [&](const std::string& range, const std::string& content) {
    return "--" + boundary + "\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes " +
           range + "/10\r\n\r\n" + content + "\r\n";
  };
  EXPECT_EQ(reply.body,
            part("7-9", "789") + part("0-1", "01") + part("3-3", "3") + "--" + boundary + "--\r\n");
  EXPECT_EQ(reply.content_length, reply.body.size());
  EXPECT_EQ(reply.field("Content-Range"), "");
  EXPECT_EQ(reply.field("Accept-Ranges"), "bytes");
  EXPECT_EQ(reply.field("Docker-Content-Digest"), digest);
  EXPECT_NE(site.get(target, {"Range: bytes=7-,0-1"}).field("Content-Type"), type)
      << "each reply has a new boundary";
}

TEST_P(StoredBlobs, TooManyRanges) {  // corpus case 89
  std::string range = "Range: bytes=0-0";
  for (int i = 0; i < 1024; ++i) range += ",0-0";
  const fakes::Reply reply = site.get(target, {range});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(code_of(reply), "RANGE_INVALID");
}

TEST_P(StoredBlobs, IfRange) {  // corpus case 90
  EXPECT_EQ(site.get(target, {"Range: bytes=0-1", "If-Range: \"" + digest + "\""}).status, 206);
  EXPECT_EQ(site.get(target, {"Range: bytes=0-1", "If-Range: \"other\""}).status, 200);
  EXPECT_EQ(site.get(target, {"Range: bytes=50-", "If-Range: \"other\""}).status, 200);
}

TEST_P(StoredBlobs, HeadIgnoresRange) {
  for (const char* range : {"bytes=0-1", "bytes=50-"}) {
    const fakes::Reply reply = site.head(target, {std::string("Range: ") + range});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_length, bytes.size());
    EXPECT_EQ(reply.field("Content-Range"), "");
  }
}

TEST_P(StoredBlobs, NotModified) {
  const fakes::Reply reply =
      site.get(target, {"If-None-Match: \"" + digest + "\"", "Range: bytes=50-"});
  EXPECT_EQ(reply.status, 304) << "preconditions come before ranges (RFC 9110 §13.2.2)";
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(reply.content_length, std::nullopt);
  EXPECT_EQ(reply.field("Docker-Content-Digest"), digest);
  EXPECT_EQ(reply.field("Content-Type"), "");
}

TEST_F(Blobs, Empty) {
  const std::string empty = digest_text("");
  site.store.in_memory["docker.io/a/b@" + empty] = hit(memory_content(""));
  const fakes::Reply reply = site.get("/v2/a/b/blobs/" + empty, {"Range: bytes=0-"});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_length, 0u);
}

TEST_F(Blobs, FetchesAMissAndHeadRequestsNoBody) {
  site.store.upstream[key] = hit(memory_content(bytes));
  EXPECT_EQ(site.get(target).body, bytes);
  auto known = std::make_shared<cache::Content>(*memory_content(bytes));
  known->bytes = nullptr;
  site.store.upstream[key] = hit(known);
  const fakes::Reply reply = site.head(target);
  EXPECT_EQ(reply.content_length, bytes.size());
  EXPECT_THAT(site.store.fetched, ElementsAre(key, key + " head"));
}

TEST_F(Blobs, ConditionalRequestFetchesNoBody) {
  auto known = std::make_shared<cache::Content>(*memory_content(bytes));
  known->bytes = nullptr;
  site.store.upstream[key] = hit(known);
  for (const std::string& condition : {"\"" + digest + "\"", std::string("*")}) {
    const fakes::Reply reply =
        site.get(target, {"If-None-Match: " + condition, "Range: bytes=3-5"});
    EXPECT_EQ(reply.status, 304) << condition;
    EXPECT_EQ(site.store.fetched.back(), key + " head") << "HEAD suffices";
    EXPECT_FALSE(site.store.last_wanted.pieces);
  }
  site.store.upstream[key] = hit(memory_content(bytes));
  EXPECT_EQ(site.get(target, {"If-None-Match: \"other\""}).body, bytes);
  EXPECT_EQ(site.store.fetched.back(), key);
}

TEST_F(Blobs, RangesOfBytesInMemoryAreNotCopied) {
  const auto content = memory_content(bytes);
  site.store.in_memory[key] = hit(content);
  const fakes::Reply one = site.get(target, {"Range: bytes=3-5"});
  EXPECT_THAT(one.shared, ElementsAre(content->bytes));
  const fakes::Reply several = site.get(target, {"Range: bytes=3-5,0-1"});
  ASSERT_NE(several.live, nullptr);
  EXPECT_EQ(several.live->bytes(), content->bytes);
}

TEST_F(Blobs, FollowsAGrowingBlob) {
  const auto progress = std::make_shared<cache::Progress>(bytes.size());
  progress->release(4);
  cache::Answer answer = hit(file_content(bytes, progress));
  answer.outcome = metrics::Outcome::miss;
  site.store.upstream[key] = answer;
  const fakes::Reply reply = site.get(target);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_length, bytes.size());
  EXPECT_EQ(reply.body, "0123");
  ASSERT_NE(reply.live, nullptr);
  EXPECT_EQ(reply.live->state(), http::Body::State::growing);
  EXPECT_EQ(reply.field("Cache-Status"), "entrepot; fwd=uri-miss");
}

TEST_F(Blobs, SendsARangeOfAGrowingBlob) {
  const auto progress = std::make_shared<cache::Progress>(bytes.size());
  progress->release(6);
  site.store.upstream[key] = hit(file_content(bytes, progress));
  const fakes::Reply reply = site.get(target, {"Range: bytes=4-8"});
  EXPECT_EQ(reply.status, 206);
  EXPECT_EQ(reply.content_length, 5u);
  EXPECT_EQ(reply.field("Content-Range"), "bytes 4-8/10");
  EXPECT_EQ(reply.body, "45");
}

TEST_F(Blobs, SendsPassThroughBlobsCompletelyForSeveralRanges) {
  const auto progress = std::make_shared<cache::Progress>(bytes.size());
  const auto content = file_content(bytes, progress);
  content->file->set_discardable();
  site.store.upstream[key] = hit(content);
  EXPECT_EQ(site.get(target, {"Range: bytes=4-8,0-1"}).status, 200);
  EXPECT_EQ(site.get(target, {"Range: bytes=4-8"}).status, 206);
}

TEST_F(Blobs, MarksRestrictedUpstreamsPrivate) {
  site.store.in_memory["registry.example:5000/a@" + digest] = hit(memory_content(bytes));
  EXPECT_EQ(site.get("/v2/example/a/blobs/" + digest).field("Cache-Control"),
            "private, max-age=31536000, immutable");
}

TEST_F(Blobs, BadDigests) {  // corpus cases 77 to 79
  const std::string hex(64, 'a');
  for (const std::string& reference :
       {"sha256:" + hex.substr(1), "sha256:" + hex + "a", "sha256:" + std::string(64, 'A'),
        "sha256:" + std::string(64, 'g'), "md5:" + hex, "sha1:" + hex, std::string("sha256"),
        std::string(":x"), "sha512:" + hex, std::string()}) {
    const fakes::Reply reply = site.get("/v2/a/b/blobs/" + reference);
    EXPECT_EQ(reply.status, 400) << reference;
    EXPECT_EQ(code_of(reply), "DIGEST_INVALID") << reference;
  }
  EXPECT_THAT(site.store.fetched, IsEmpty());
}

TEST_F(Blobs, EncodedColon) {
  site.store.in_memory[key] = hit(memory_content(bytes));
  std::string encoded = target;
  encoded.replace(encoded.find(':'), 1, "%3A");
  EXPECT_EQ(site.get(encoded).status, 200);
}

TEST_F(Blobs, Failures) {
  EXPECT_EQ(code_of(site.get(target)), "BLOB_UNKNOWN");
  site.store.upstream[key] = failed(cache::FailureKind::bad_upstream);
  EXPECT_EQ(site.get(target).status, 502);
  site.store.upstream[key] = failed(cache::FailureKind::store);
  EXPECT_EQ(site.get(target).status, 503);
}

}  // namespace
}  // namespace entrepot::registry
