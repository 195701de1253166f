// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/base/demand.h"
#include "cache/base/failure.h"
#include "proxy/upstream/auth/token_reply.h"
#include "proxy/upstream/transfer/curl_multi.h"
#include "proxy/upstream/wire/credential.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The URL of a token: the realm with service and scopes (one parameter each; `scope` separates
/// them by spaces) added. nullopt when it would be longer than Url::max_length. Pure; any thread.
std::optional<Url> token_url(const Url& realm, const std::string& service,
                             const std::string& scope);

/// One request to a token server: a GET with a limited body. Redirects are followed on the vetted
/// host only and never from https to http. The credential goes to the URL's own origin (RFC 6454)
/// only: after a redirect to another one the token is the anonymous user's. Loop thread only.
class TokenFetch : private TransferSink {
 public:
  /// Hops of one request; token servers add a slash, or change to https.
  static constexpr int redirects = 5;

  /// Either a reply or a failure. Called once, from the top level of the loop.
  struct Result {
    std::optional<TokenReply> reply;
    std::optional<cache::Failure> failure;
    bool anonymous = false;  ///< it was granted without the credential
    bool page = false;       ///< the response is an HTML page (is_page), of no token server
  };
  using Done = std::function<void(Result)>;

  struct Request {
    Url url;
    bool plain_http = false;
    bool private_addresses = false;           ///< may be dialled for the URL's own origin
    bool private_redirects = false;           ///< may be dialled for where it redirects
    const Credential* credential = nullptr;   ///< null: anonymous
    std::string upstream;                     ///< for messages
    std::vector<cache::Client> clients = {};  ///< see TransferRequest
    const cache::Demand* demand = nullptr;
  };

  TokenFetch(CurlMulti& multi, Request request, Done done);
  void wanted_by(cache::Client client);

 private:
  Disposition on_head(const ResponseHead& head) override;
  bool on_data(std::span<const std::byte> data) override;
  void on_end(const TransferEnd& end) override;

  void send();
  /// The target of a redirect that may be followed; otherwise nullopt.
  std::optional<Url> next_hop() const;
  bool as_account() const {
    return request_.credential != nullptr && url_.same_origin(request_.url);
  }
  std::optional<cache::Failure> status_refusal() const;
  Result judge(const TransferEnd& end) const;
  cache::Failure failure(cache::FailureKind kind, std::string why) const;

  CurlMulti& multi_;
  Request request_;  ///< with all clients that wait
  const Done done_;
  Url url_;  ///< of the current hop
  int hops_ = 0;
  ResponseHead head_;
  std::string body_;
  std::unique_ptr<Transfer> transfer_;
};

}  // namespace entrepot::upstream
