// SPDX-License-Identifier: Apache-2.0
// The denials of `entrepot deny`: their file, their API, and what is in force.
#include "proxy/app/deny/denial_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "proxy/app/deny/deny_api.h"
#include "tests/unit/proxy/app/captured_log.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;
using http::Method;

class DenialStoreTest : public testing::Test {
 protected:
  void open() {
    store_ = std::make_unique<DenialStore>(
        file_, [this](const DenialStore::List& list) { in_force_ = list; });
  }
  admin::ApiAnswer ask(Method method, const std::string& query = {}) {
    return answer_deny_api(
        *store_, {method, query, "user alice", {{"docker.io", true}, {"quay.io", false}}});
  }
  Json json(Method method, const std::string& query = {}) {
    const auto answer = ask(method, query);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  void put(const std::string& text) { std::ofstream(file_) << text; }

  const Scratch scratch_;
  const std::filesystem::path file_ = scratch_.path() / "denials.json";
  std::unique_ptr<DenialStore> store_;
  DenialStore::List in_force_;
};

TEST_F(DenialStoreTest, ADenialIsInForceAndSurvives) {
  open();
  EXPECT_EQ(json(Method::get)["denials"], Json::array());
  const auto all = json(Method::post, "pattern=docker.io/*/miner*&reason=CVE%2D1%20%e2%98%a0");
  EXPECT_EQ(all["denials"][0]["pattern"], "docker.io/*/miner*");
  EXPECT_EQ(all["denials"][0]["reason"], "CVE-1 \u2620");
  EXPECT_EQ(all["denials"][0]["by"], "user alice");
  EXPECT_GT(all["denials"][0]["since_ms"], 0);
  EXPECT_TRUE(in_force_->denies("docker.io", "acme/miner"));
  open();
  EXPECT_TRUE(in_force_->denies("docker.io", "acme/miner"));
  EXPECT_EQ(json(Method::get), all);
  EXPECT_EQ(json(Method::del, "pattern=docker.io%2F%2A%2Fminer%2A")["denials"], Json::array());
  EXPECT_FALSE(in_force_->denies("docker.io", "acme/miner"));
  open();
  EXPECT_FALSE(in_force_->denies("docker.io", "acme/miner"));
}

TEST_F(DenialStoreTest, TheLogNamesTheOperator) {
  CapturedLog log;
  open();
  ask(Method::post, "pattern=docker.io/acme/evil&reason=a%E2%80%AEb");
  ask(Method::del, "pattern=docker.io/acme/evil");
  EXPECT_THAT(log.text(),
              HasSubstr("docker.io/acme/evil is denied from now on, by user alice: a\\u202eb"));
  EXPECT_THAT(log.text(), HasSubstr("docker.io/acme/evil is no longer denied, by user alice"));
}

TEST_F(DenialStoreTest, ADenialTakesAnotherReason) {
  open();
  const auto first = json(Method::post, "pattern=quay.io/x&reason=first");
  EXPECT_EQ(json(Method::post, "pattern=quay.io/x"), first) << "no reason";
  CapturedLog log;
  const auto all = json(Method::post, "pattern=quay.io/x&reason=second");
  ASSERT_EQ(all["denials"].size(), 1U);
  EXPECT_EQ(all["denials"][0]["reason"], "second");
  EXPECT_EQ(all["denials"][0]["since_ms"], first["denials"][0]["since_ms"]);
  EXPECT_THAT(log.text(), HasSubstr("quay.io/x stays denied, by user alice: second"));
}

TEST_F(DenialStoreTest, RefusalsNameTheCure) {
  open();
  const auto why = [&](const std::string& query, Method method = Method::post) {
    const auto answer = ask(method, query);
    EXPECT_EQ(answer.status, 400) << answer.body;
    return answer.body;
  };
  EXPECT_THAT(why(""), HasSubstr("which pattern?"));
  EXPECT_THAT(why("", Method::del), HasSubstr("which pattern?"));
  EXPECT_THAT(why("pattern=ghcr.io/x"), HasSubstr("no upstream"));
  EXPECT_THAT(why("pattern=docker.io/x"), HasSubstr("write docker.io/library/x"));
  EXPECT_THAT(why("pattern=quay.io/%zz"), HasSubstr("the pattern has a control character, such as "
                                                    "the end of a line, or a '%' without"));
  EXPECT_THAT(why("pattern=quay.io/%ff"), HasSubstr("the pattern is no UTF-8 text"));
  EXPECT_THAT(why("pattern=quay.io/a&pattern=quay.io/b"), HasSubstr("the pattern is given twice"));
  EXPECT_THAT(why("pattern=quay.io/a&reason=" + std::string(513, 'x')),
              HasSubstr("the reason is longer than 512 bytes"));
  EXPECT_THAT(why("pattern=quay.io/a&reason=a%0ab"), HasSubstr("the reason has a control"));
  EXPECT_EQ(ask(Method::del, "pattern=quay.io/a").status, 404);
  EXPECT_EQ(ask(Method::put, "pattern=quay.io/a").status, 405);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(DenialStoreTest, AnUpstreamThatIsGoneCanBeTakenBack) {
  put(R"({"version":1,"denials":[{"pattern":"gone/x","reason":"","by":"","since_ms":1}]})");
  open();
  EXPECT_TRUE(in_force_->denies("gone", "x"));
  EXPECT_EQ(json(Method::del, "pattern=gone/x")["denials"], Json::array());
}

TEST_F(DenialStoreTest, ItIsBounded) {
  Json list = Json::array();
  for (int i = 0; i < 1000; ++i)
    list.push_back(
        {{"pattern", "quay.io/" + std::to_string(i)}, {"reason", ""}, {"by", ""}, {"since_ms", 1}});
  put(Json{{"version", 1}, {"denials", list}}.dump());
  open();
  EXPECT_EQ(store_->list()->list().size(), 1000U);
  EXPECT_EQ(ask(Method::post, "pattern=quay.io/more").status, 409);
  EXPECT_EQ(ask(Method::del, "pattern=quay.io/7").status, 200);
  EXPECT_EQ(ask(Method::post, "pattern=quay.io/more").status, 200);
}

TEST_F(DenialStoreTest, ADamagedFileIsNamedAndKept) {
  for (const std::string text : {"", "{", "[]", R"({"version":2,"denials":[]})", R"({"version":1})",
                                 R"({"version":1,"denials":{"a":{}}})"}) {
    std::filesystem::remove(file_.string() + ".damaged");
    put(text);
    CapturedLog log;
    open();
    EXPECT_THAT(log.text(), HasSubstr(file_.string() + " cannot be read: ")) << text;
    EXPECT_FALSE(in_force_->denies("docker.io", "a/x"));
    EXPECT_THAT(json(Method::get)["unreadable"], HasSubstr("cannot be read"));
    EXPECT_THAT(store_->damage(), Not(testing::IsEmpty()));
    EXPECT_EQ(json(Method::post, "pattern=docker.io/a/x")["unreadable"], nullptr);
    EXPECT_EQ(store_->damage(), "");
    std::ifstream kept(file_.string() + ".damaged");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), text);
    open();
    EXPECT_TRUE(in_force_->denies("docker.io", "a/x"));
  }
}

TEST_F(DenialStoreTest, TheOtherEntriesOfADamagedFileStayInForce) {
  const std::string good = R"({"pattern":"docker.io/a/x","reason":"","by":"","since_ms":1})";
  for (const std::string bad : {R"({"pattern":"docker.io/*"})",
                                R"({"pattern":"*","reason":"","by":"","since_ms":1})", "3"}) {
    put(R"({"version":1,"denials":[)" + bad + "," + good + "]}");
    CapturedLog log;
    open();
    EXPECT_THAT(log.text(), HasSubstr(file_.string() + " cannot be read in its entry 1: ")) << bad;
    EXPECT_TRUE(in_force_->denies("docker.io", "a/x"));
    EXPECT_THAT(json(Method::get)["unreadable"], HasSubstr("entry 1"));
    EXPECT_EQ(json(Method::post, "pattern=docker.io/a/x")["unreadable"], nullptr) << "written anew";
    open();
    EXPECT_EQ(store_->damage(), "");
    EXPECT_TRUE(in_force_->denies("docker.io", "a/x"));
  }
}

TEST_F(DenialStoreTest, EachDamagedFileIsKept) {
  for (const auto* text : {"first", "second", "third"}) {
    put(text);
    open();
    ask(Method::post, "pattern=quay.io/x");
  }
  const auto kept = [&](const char* end) {
    std::ifstream file(file_.string() + ".damaged" + end);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(kept(""), "first");
  EXPECT_EQ(kept(".2"), "second");
  EXPECT_EQ(kept(".3"), "third");
}

/// Files cannot be written while it exists, as on a full disk.
class NoRoom {
 public:
  NoRoom() {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoRoom() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;

 private:
  void (*const handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before_{};
};

TEST_F(DenialStoreTest, ADamagedFileStaysIfTheNextOneCannotBeWritten) {
  for (
      const std::string text :
      {R"({"version":1,"denials":[3,{"pattern":"docker.io/a/x","reason":"","by":"","since_ms":1}]})",
       "{"}) {
    put(text);
    open();
    {
      const NoRoom full;
      EXPECT_EQ(ask(Method::post, "pattern=docker.io/a/y").status, 503);
    }
    std::ifstream now(file_);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(now), {}), text);
    EXPECT_FALSE(std::filesystem::exists(file_.string() + ".damaged"));
    EXPECT_EQ(ask(Method::post, "pattern=docker.io/a/y").status, 200);
    EXPECT_TRUE(std::filesystem::exists(file_.string() + ".damaged"));
    std::filesystem::remove(file_.string() + ".damaged");
  }
}

TEST_F(DenialStoreTest, AFileThatIsTooLargeIsReplaced) {
  put(std::string((4U << 20U) + 1, ' '));
  open();
  EXPECT_EQ(ask(Method::post, "pattern=docker.io/a/x").status, 200);
  open();
  EXPECT_TRUE(in_force_->denies("docker.io", "a/x"));
  EXPECT_EQ(std::filesystem::file_size(file_.string() + ".damaged"), (4U << 20U) + 1);
}

TEST_F(DenialStoreTest, NothingChangesIfTheFileCannotBeWritten) {
  open();
  ask(Method::post, "pattern=docker.io/a/x");
  // A folder in the place of the file fails for root, too.
  std::filesystem::remove(file_);
  std::filesystem::create_directories(file_ / "full");
  CapturedLog log;
  EXPECT_EQ(ask(Method::post, "pattern=docker.io/a/y").status, 503);
  EXPECT_EQ(ask(Method::del, "pattern=docker.io/a/x").status, 503);
  EXPECT_THAT(log.text(), HasSubstr("nothing is changed, because"));
  EXPECT_TRUE(in_force_->denies("docker.io", "a/x"));
  EXPECT_FALSE(in_force_->denies("docker.io", "a/y"));
}

}  // namespace
}  // namespace entrepot::app
