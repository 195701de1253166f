// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/demand.h"
#include "cache/failure.h"
#include "proxy/upstream/credential.h"
#include "proxy/upstream/multi.h"
#include "proxy/upstream/token_reply.h"
#include "proxy/upstream/url.h"

namespace entrepot::upstream {

/// The URL to ask: the realm with service and scopes (one parameter each; `scope` separates them by
/// spaces) added. nullopt when it would be longer than Url::max_length.
std::optional<Url> token_url(const Url& realm, const std::string& service,
                             const std::string& scope);

/// One question to a token server: a single GET, no redirects, its body capped. Loop thread only.
class TokenFetch : private TransferSink, private BodySink {
 public:
  /// Exactly one of the two is set. Called once, from the top level of the loop.
  struct Result {
    std::optional<TokenReply> reply;
    std::optional<cache::Failure> failure;
  };
  using Done = std::function<void(Result)>;

  struct Request {
    Url url;
    bool plain_http = false;
    bool private_addresses = false;
    const Credential* credential = nullptr;   ///< null: anonymous
    std::string upstream;                     ///< for messages
    std::vector<cache::Client> clients = {};  ///< see TransferRequest
    const cache::Demand* demand = nullptr;
  };

  TokenFetch(Multi& multi, Request request, Done done);
  void wanted_by(cache::Client client) { transfer_->wanted_by(client); }

 private:
  Disposition on_head(const ResponseHead& head) override;
  bool on_data(std::span<const std::byte> data) override;
  void on_end(const TransferEnd& end) override;

  Result judge(const TransferEnd& end) const;
  cache::Failure failure(cache::FailureKind kind, std::string why) const;

  const Request request_;
  const Done done_;
  ResponseHead head_;
  std::string body_;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace entrepot::upstream
