// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {

/// The Authorization field of with_credentials().
inline constexpr const char* basic_user_secret = "Basic dXNlcjpzZWNyZXQ=";

/// A registry that wants a token, and its token server on the same port.
class TokenRegistry {
  std::mutex mutex_;
  std::set<std::string> good_;  // guarded by mutex_
  int issued_ = 0;              // guarded by mutex_

 public:
  std::atomic<int> lifetime{300};
  std::atomic<bool> accept_tokens{true};
  std::atomic<int> token_status{200};
  /// Tokens issued so far are no longer accepted.
  void revoke() {
    const std::lock_guard lock(mutex_);
    good_.clear();
  }
  int token_calls() const { return server.count("/token"); }

  /// The last member: its threads use all others until it is gone.
  fakes::ScriptedServer server{
      [this](const fakes::Received& request, fakes::ScriptedServer::Reply& reply) {
        serve(request, reply);
      }};

 private:
  void serve(const fakes::Received& request, fakes::ScriptedServer::Reply& reply) {
    if (request.target.starts_with("/token")) {
      if (token_status != 200) {
        reply.send(token_status, {"Retry-After: 7"}, "no");
        return;
      }
      const std::lock_guard lock(mutex_);
      const std::string token = "token-" + std::to_string(++issued_);
      good_.insert("Bearer " + token);
      reply.send(200, {},
                 R"({"token":")" + token + R"(","expires_in":)" + std::to_string(lifetime) + "}");
      return;
    }
    const std::lock_guard lock(mutex_);
    if (accept_tokens && good_.contains(request.header("authorization"))) {
      reply.send(200, {}, "body");
      return;
    }
    reply.send(401,
               {"WWW-Authenticate: Bearer realm=\"" + server.url() +
                "/token\",service=\"the service\",scope=\"repository:a/b:pull\""},
               "unauthorized");
  }
};

inline Options with_credentials(Options options) {
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  return options;
}

}  // namespace entrepot::upstream
