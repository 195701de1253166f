// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cache/base/client.h"
#include "cache/base/demand.h"
#include "cache/base/failure.h"
#include "proxy/upstream/transfer/curl_multi.h"
#include "proxy/upstream/transfer/timeouts.h"
#include "proxy/upstream/wire/credential.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// Identifies a token. The caller has vetted its server (realm.h).
struct TokenKey {
  Url url;  ///< of the realm, with service and scopes (token_url)
  bool plain_http = false;
  bool private_addresses = false;  ///< of the URL's own origin
  bool private_redirects = false;  ///< of the targets of its redirects
};

/// A token as an Authorization value. `serial` identifies it for Tokens::refused().
struct Grant {
  std::string authorization;
  std::uint64_t serial = 0;
  bool anonymous = false;  ///< granted without the credential that exists (TokenReply)
};

using TokenResult = std::variant<Grant, cache::Failure>;

class TokenSink {
 public:
  virtual ~TokenSink() = default;
  /// Once, from the top level of the loop. May start and destroy anything but the Tokens.
  virtual void on_token(const TokenResult& result) = 0;
  /// The demand and the clients of the request that needs the token: as in TransferRequest.
  virtual const cache::Demand* demand() const { return nullptr; }
  virtual const std::vector<cache::Client>& clients() const {
    static const std::vector<cache::Client> none;
    return none;
  }
};

/// The bearer tokens of one credential (or of the anonymous user) at one upstream. At most one
/// request per token runs, however many callers wait for it. A token is renewed in the background
/// from 80 % of its lifetime. The number of scopes and the length of a token have no limit, so the
/// bytes of all entries have one, and unused entries are forgotten. Loop thread only.
class Tokens {
 public:
  /// Bytes of all tokens, failures and their names together. Tokens of the large registries have 2
  /// to 5 KiB, and a node pulls from a few hundred repositories.
  static constexpr std::size_t max_bytes = 4 * 1024 * 1024;
  /// An entry that was unused for longer is forgotten.
  static constexpr std::chrono::minutes kept_for{15};

  /// A caller that waits; destroying it stops the waiting, not the request.
  class Wait {
   public:
    virtual ~Wait() = default;
    virtual void wanted_by(cache::Client client) = 0;
  };

  /// `credential` may be null; it and `multi` outlive this. `upstream` is for messages.
  Tokens(CurlMulti& multi, const Timeouts& timeouts, const Credential* credential,
         std::string upstream);
  ~Tokens();
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  /// A token that is still valid, or a failure too recent for another request; nullopt: request()
  /// it.
  std::optional<TokenResult> look(const TokenKey& key);

  /// Waits for the token; sends a request unless one is running. The sink outlives the Wait.
  [[nodiscard]] std::unique_ptr<Wait> request(const TokenKey& key, TokenSink& sink);

  /// The registry refused the token: forgets it, unless it was replaced already. The successor of a
  /// refused token is kept while it is young, because the registry would refuse another one too: a
  /// registry that refuses all tokens costs two token requests, not one per client.
  void refused(const TokenKey& key, std::uint64_t serial);

  /// Forgets the entries that were unused for kept_for. Called each second.
  void forget_unused();
  /// Bytes of all entries, at most max_bytes.
  std::size_t bytes() const { return bytes_; }

 private:
  class Flight;
  class Waiter;
  using Clock = std::chrono::steady_clock;
  /// One key's state: no more than one of a grant and a held failure, and maybe a flight.
  struct Entry {
    std::optional<Grant> grant;
    Clock::time_point got{};
    bool after_refusal = false;  ///< the grant replaces, or will replace, a refused one
    Clock::time_point renew{};
    Clock::time_point expires{};
    std::optional<cache::Failure> failure;
    Clock::time_point failure_until{};
    std::unique_ptr<Flight> flight;

    Clock::time_point used{};
    /// Position in by_use_ while no request runs.
    std::optional<std::list<const std::string*>::iterator> idle;
    std::size_t bytes = 0;  ///< its share of bytes_
  };
  using Entries = std::map<std::string, Entry>;  ///< by the text of TokenKey::url

  /// `first`: the caller that waits for it; null: none, it is a renewal.
  void launch(const std::string& name, Entry& entry, const TokenKey& key, const TokenSink* first);
  void landed(const std::string& name, TokenResult result, std::chrono::seconds lifetime);
  void used(Entries::iterator at);
  void forget(Entries::iterator at);

  CurlMulti& multi_;
  const Timeouts timeouts_;
  const Credential* const credential_;
  const std::string upstream_;
  std::uint64_t last_serial_ = 0;
  Entries entries_;
  std::list<const std::string*> by_use_;  ///< names of idle entries; the longest unused first
  std::size_t bytes_ = 0;
};

}  // namespace entrepot::upstream
