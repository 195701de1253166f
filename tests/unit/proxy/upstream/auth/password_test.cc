// SPDX-License-Identifier: Apache-2.0
// Whatever a registry, its token servers and where they lead say: a password goes to the endpoint's
// own origin and to the realm that is vetted for it, and what it was given for to the endpoint
// only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

constexpr const char* password_header = "Basic dXNlcjpzZWNyZXQ=";

/// A registry, a token server on its host, another origin of that host, and a server that is
/// reached by another name. The response of each changes from request to request.
class World {
 public:
  enum class Part { resource, base, hop };
  static constexpr int forms = 9;
  static constexpr int realms = 9;
  static constexpr int token_answers = 8;
  static constexpr int contents = 5;

  void change(std::mt19937& random) {
    const std::lock_guard lock(mutex_);
    const auto pick = [&](unsigned choices) { return static_cast<int>(random() % choices); };
    for (int& form : form_) form = pick(forms);
    for (int& realm : realm_) realm = pick(realms);
    token_answer_ = pick(token_answers);
    content_ = pick(contents);
  }

  std::string foreign_url() const { return "http://localhost:" + std::to_string(foreign.port()); }

 private:
  void send_token(const Received& request, Reply& reply) {
    const bool as_account = request.header("authorization") == password_header;
    const std::string moved = "/token?moved=1";
    switch (request.target == moved ? 0 : token_answer_) {
      case 1:
        return reply.send(401, {}, "");
      case 2:
        return reply.send(404, {}, "");
      case 3:
        return reply.send(503, {}, "");
      case 4:
        return reply.send(200, {"Content-Type: text/html"}, "<html>");
      case 5:
        return reply.send(301, {"Location: " + moved}, "");
      case 6:
        return reply.send(307, {"Location: " + elsewhere.url() + moved}, "");
      case 7:
        return reply.send(302, {"Location: " + foreign_url() + moved}, "");
      default:
        reply.send(200, {}, as_account ? R"({"token":"account"})" : R"({"token":"anonymous"})");
    }
  }

  std::string realm(Part part) const {
    // A hop names its own realm, which must not get the endpoint's password.
    if (part == Part::hop) return elsewhere.url() + "/token";
    switch (realm_[static_cast<std::size_t>(part)]) {
      case 0:
        return registry.url() + "/token";
      case 1:
        return realm_server.url() + "/token";
      case 2:
        return realm_server.url() + "/token?scope=repository:a/b:pull";
      case 3:
        return foreign_url() + "/token";
      case 4:
        return foreign_url() + "/token?scope=repository:a/b:pull";
      case 5:
        return "http://user:secret@127.0.0.1:" + std::to_string(elsewhere.port()) + "/token";
      case 6:
        return "/token";
      case 7:
        return "http://127.0.0.1@localhost:" + std::to_string(foreign.port()) + "/token";
      default:
        return "file:///token";
    }
  }

  /// False: nothing is wanted, or what came is enough.
  bool challenge(Part part, const Received& request, Reply& reply) {
    const std::string got = request.header("authorization");
    const std::string bearer = "WWW-Authenticate: Bearer realm=\"" + realm(part) + "\"";
    const std::string basic = "WWW-Authenticate: Basic realm=\"" + foreign_url() + "/token\"";
    const auto refuse = [&](bool enough, const std::vector<std::string>& headers,
                            int status = 401) {
      if (!enough) reply.send(status, headers, "");
      return !enough;
    };
    const bool token = got.starts_with("Bearer");
    switch (form_[static_cast<std::size_t>(part)]) {
      case 1:
        return refuse(token, {bearer});
      case 2:
        return refuse(got == password_header, {basic});
      case 3:
        return refuse(token, {bearer, basic});
      case 4:
        return refuse(!got.empty(), {});
      case 5:
        return refuse(!got.empty(), {}, 403);
      case 6:
        return refuse(!got.empty(), {}, 404);
      case 7:
        return refuse(!got.empty(), {"WWW-Authenticate: Negotiate"});
      case 8:
        return refuse(false, {bearer});
      default:
        return false;
    }
  }

  void serve_registry(const Received& request, Reply& reply) {
    const std::lock_guard lock(mutex_);
    if (request.target.starts_with("/token")) return send_token(request, reply);
    const Part part = request.target == "/v2/" ? Part::base : Part::resource;
    if (challenge(part, request, reply)) return;
    switch (part == Part::base || request.target.ends_with("?back") ? 0 : content_) {
      case 1:
        return reply.send(307, {"Location: " + elsewhere.url() + "/content"}, "");
      case 2:
        return reply.send(307, {"Location: " + foreign_url() + "/content"}, "");
      case 3:
        return reply.send(307, {"Location: " + foreign_url() + "/back"}, "");
      case 4:
        return reply.send(401, {}, "");
      default:
        reply.send(200, {}, "body");
    }
  }

  void serve_other(const Received& request, Reply& reply) {
    const std::lock_guard lock(mutex_);
    if (request.target.starts_with("/token")) return send_token(request, reply);
    if (challenge(Part::hop, request, reply)) return;
    if (request.target == "/back")
      return reply.send(307, {"Location: " + registry.url() + "/v2/a/b/blobs/x?back"}, "");
    reply.send(200, {}, "body");
  }

  std::mutex mutex_;
  std::array<int, 3> form_{}, realm_{};  // by Part; guarded by mutex_
  int token_answer_ = 0;                 // guarded by mutex_
  int content_ = 0;                      // guarded by mutex_

  ScriptedServer::Script other() {
    return [this](const Received& request, Reply& reply) { serve_other(request, reply); };
  }

 public:
  // The last members: their threads use all others until they are gone.
  ScriptedServer elsewhere{other()};
  ScriptedServer foreign{other()};
  ScriptedServer realm_server{other()};
  ScriptedServer registry{
      [this](const Received& request, Reply& reply) { serve_registry(request, reply); }};
};

int with_password(const ScriptedServer& server) {
  int count = 0;
  for (const Received& request : server.received())
    if (request.head.find("dXNlcjpzZWNyZXQ") != std::string::npos) {
      ++count;
      EXPECT_EQ(request.header("authorization"), password_header);
    }
  return count;
}

int with_account_token(const ScriptedServer& server) {
  int count = 0;
  for (const Received& request : server.received())
    count += request.header("authorization") == "Bearer account" ? 1 : 0;
  return count;
}

Options options_of(const World& world, bool with_account, bool foreign_is_vetted) {
  Options options = quick_options(world.registry.url());
  options.upstreams[0].internal = true;  // every server is on this machine
  if (with_account) options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  if (foreign_is_vetted) options.upstreams[0].token_hosts = {"localhost"};
  options.limits.tries = 1;
  // Each question meets the world as it is now.
  for (auto* span :
       {&options.timeouts.token_denied, &options.timeouts.token_failed,
        &options.timeouts.base_challenge, &options.timeouts.base_failed,
        &options.timeouts.young_token, &options.timeouts.account_checked,
        &options.timeouts.account_refused_first, &options.timeouts.account_refused_longest})
    *span = std::chrono::milliseconds(0);
  return options;
}

/// How many of so many questions were answered with content.
int ask(World& world, Client& client, int questions) {
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same worlds each time
  int answered = 0;
  for (int i = 0; i < questions; ++i) {
    world.change(random);
    cache::FetchRequest request = blob_request();
    request.repository = std::array{"a/b", "c/d", "e/f"}[random() % 3];
    Recorder recorder;
    EXPECT_TRUE(client.run(request, recorder)) << "question " << i;
    answered += recorder.failure ? 0 : 1;
    client.on_loop([&] { client.curl().publish_gauges(); });  // a refused account is checked again
    client.drop();
  }
  return answered;
}

TEST(Password, GoesToItsOriginAndItsRealmOnly) {
  for (const bool foreign_is_vetted : {false, true}) {
    World world;
    Client client(options_of(world, true, foreign_is_vetted));
    EXPECT_GT(ask(world, client, 600), 100);
    EXPECT_GT(with_password(world.registry), 50) << "it is asked for";
    EXPECT_GT(with_password(world.realm_server), 10);
    EXPECT_GT(with_account_token(world.registry), 10);
    EXPECT_EQ(with_password(world.elsewhere), 0);
    EXPECT_EQ(with_password(world.foreign) > 0, foreign_is_vetted);
    for (const Received& request : world.foreign.received())
      if (!request.header("authorization").starts_with("Bearer anonymous") &&
          !request.header("authorization").empty()) {
        EXPECT_THAT(request.target, testing::StartsWith("/token"));
      }
    for (const auto* server : {&world.elsewhere, &world.foreign, &world.realm_server})
      EXPECT_EQ(with_account_token(*server), 0);
  }
}

TEST(Password, ThereIsNoneForTheAnonymousUser) {
  World world;
  Client client(options_of(world, false, false));
  EXPECT_GT(ask(world, client, 400), 5);
  for (const auto* server :
       {&world.registry, &world.elsewhere, &world.foreign, &world.realm_server}) {
    for (const Received& request : server->received()) {
      const auto sent = request.header("authorization");
      EXPECT_TRUE(sent.empty() || sent == "Bearer anonymous") << sent;
    }
  }
}

}  // namespace
}  // namespace entrepot::upstream
