// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/tokens.h"

#include <algorithm>
#include <list>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/upstream/auth/token_fetch.h"

namespace entrepot::upstream {
namespace {

/// The bytes of an entry besides its texts.
constexpr std::size_t entry_overhead = 512;

}  // namespace

/// One running request and the callers that wait for its response.
class Tokens::Flight : public cache::Demand {
 public:
  Level level() const override;

  std::list<Waiter*> waiters;
  std::unique_ptr<TokenFetch> fetch;
  bool joined = false;  ///< a caller waited for it: it is no renewal
};

class Tokens::Waiter : public Wait {
 public:
  Waiter(Flight& flight, TokenSink& sink) : flight_(&flight), sink_(sink) {
    place_ = flight.waiters.insert(flight.waiters.end(), this);
    flight.joined = true;
  }
  ~Waiter() override {
    if (flight_ != nullptr) flight_->waiters.erase(place_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void deliver(const TokenResult& result) {
    flight_->waiters.erase(place_);
    flight_ = nullptr;
    sink_.on_token(result);
  }
  void lose_flight() { flight_ = nullptr; }
  void wanted_by(cache::Client client) override {
    if (flight_ != nullptr) flight_->fetch->wanted_by(client);
  }
  const TokenSink& sink() const { return sink_; }

 private:
  Flight* flight_;  ///< null after deliver()
  TokenSink& sink_;
  std::list<Waiter*>::iterator place_;
};

Tokens::Flight::Level Tokens::Flight::level() const {
  Level highest = joined ? Level::nobody : Level::background;
  for (const Waiter* waiter : waiters) {
    const cache::Demand* const demand = waiter->sink().demand();
    highest = std::max(highest, demand == nullptr ? Level::awaited : demand->level());
    if (highest == Level::awaited) break;
  }
  return highest;
}

Tokens::Tokens(CurlMulti& multi, const Timeouts& timeouts, const Credential* credential,
               std::string upstream)
    : multi_(multi), timeouts_(timeouts), credential_(credential), upstream_(std::move(upstream)) {}

Tokens::~Tokens() {
  for (auto& [name, entry] : entries_) {
    if (entry.grant) wipe(entry.grant->authorization);
    if (!entry.flight) continue;
    for (Waiter* waiter : entry.flight->waiters) waiter->lose_flight();
  }
}

std::optional<TokenResult> Tokens::look(const TokenKey& key) {
  multi_.loop().assert_in_loop();
  const auto found = entries_.find(key.url.text());
  if (found == entries_.end()) return std::nullopt;
  const auto& [name, entry] = *found;
  const Clock::time_point now = Clock::now();
  if (entry.grant && now < entry.expires) {
    const Grant grant = *entry.grant;
    if (!entry.flight) now < entry.renew ? used(found) : launch(name, found->second, key, nullptr);
    return grant;
  }
  if (entry.failure && now < entry.failure_until && !entry.flight) return *entry.failure;
  return std::nullopt;
}

std::unique_ptr<Tokens::Wait> Tokens::request(const TokenKey& key, TokenSink& sink) {
  multi_.loop().assert_in_loop();
  auto& [name, entry] = *entries_.try_emplace(key.url.text()).first;
  if (!entry.flight) {
    launch(name, entry, key, &sink);
  } else {
    for (const cache::Client client : sink.clients()) entry.flight->fetch->wanted_by(client);
  }
  return std::make_unique<Waiter>(*entry.flight, sink);
}

void Tokens::refused(const TokenKey& key, std::uint64_t serial) {
  multi_.loop().assert_in_loop();
  const auto found = entries_.find(key.url.text());
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  if (!entry.grant || entry.grant->serial != serial) return;
  if (entry.after_refusal && Clock::now() - entry.got < timeouts_.young_token) return;
  wipe(entry.grant->authorization);
  entry.grant.reset();
  entry.after_refusal = true;
}

void Tokens::launch(const std::string& name, Entry& entry, const TokenKey& key,
                    const TokenSink* first) {
  if (entry.idle) by_use_.erase(*std::exchange(entry.idle, std::nullopt));
  entry.flight = std::make_unique<Flight>();
  TokenFetch::Request request{
      .url = key.url,
      .plain_http = key.plain_http,
      .private_addresses = key.private_addresses,
      .private_redirects = key.private_redirects,
      .credential = credential_,
      .upstream = upstream_,
      .clients = first == nullptr ? std::vector<cache::Client>() : first->clients(),
      .demand = entry.flight.get()};
  entry.flight->fetch = std::make_unique<TokenFetch>(
      multi_, std::move(request), [this, name](TokenFetch::Result result) {
        if (result.failure) {
          landed(name, std::move(*result.failure), std::chrono::seconds(0));
          return;
        }
        Grant grant{.authorization = "Bearer " + result.reply->token,
                    .serial = ++last_serial_,
                    .anonymous = result.anonymous};
        wipe(result.reply->token);
        landed(name, std::move(grant), result.reply->lifetime);
      });
}

void Tokens::landed(const std::string& name, TokenResult result, std::chrono::seconds lifetime) {
  const auto at = entries_.find(name);
  Entry& entry = at->second;  // an entry with a running request stays
  const std::unique_ptr<Flight> flight = std::move(entry.flight);
  const Clock::time_point now = Clock::now();
  if (const Grant* grant = std::get_if<Grant>(&result)) {
    entry.failure.reset();
    if (entry.grant) wipe(entry.grant->authorization);
    entry.grant = *grant;
    entry.got = now;
    entry.expires = now + lifetime;
    entry.renew =
        now + std::chrono::duration_cast<Clock::duration>(lifetime * timeouts_.renew_token_after);
  } else {
    // After a failed renewal the token stays valid until it expires. The next attempt follows then.
    entry.renew = entry.expires;
    const auto& failure = std::get<cache::Failure>(result);
    const bool denied = failure.kind == cache::FailureKind::denied;
    const auto hold = denied ? timeouts_.token_denied : timeouts_.token_failed;
    // The caller keeps the pause of a rate limit if the server has named no time.
    const bool pause =
        failure.kind == cache::FailureKind::rate_limited && failure.retry_after.count() == 0;
    if (!failure.given_up && !pause) {  // given_up concerns the waiting callers only
      entry.failure = failure;
      entry.failure_until = now + std::max<std::chrono::milliseconds>(hold, failure.retry_after);
    }
  }
  used(at);
  // Each sink may remove other waiters, and may request the same token again: a new flight.
  while (!flight->waiters.empty()) flight->waiters.front()->deliver(result);
}

/// Marks the entry as the last used one and forgets the longest unused ones above max_bytes.
/// Entries with a running request are not in the list, so they stay.
void Tokens::used(Entries::iterator at) {
  auto& [name, entry] = *at;
  entry.used = Clock::now();
  if (entry.idle) {
    by_use_.splice(by_use_.end(), by_use_, *entry.idle);
  } else {
    entry.idle = by_use_.insert(by_use_.end(), &name);
  }
  bytes_ -= entry.bytes;
  entry.bytes = entry_overhead + name.size();
  if (entry.grant) entry.bytes += entry.grant->authorization.size();
  if (entry.failure) entry.bytes += entry.failure->message.size();
  bytes_ += entry.bytes;
  while (bytes_ > max_bytes && !by_use_.empty()) forget(entries_.find(*by_use_.front()));
}

void Tokens::forget(Entries::iterator at) {
  if (at->second.grant) wipe(at->second.grant->authorization);
  bytes_ -= at->second.bytes;
  by_use_.erase(*at->second.idle);
  entries_.erase(at);
}

void Tokens::forget_unused() {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  while (!by_use_.empty()) {
    const auto at = entries_.find(*by_use_.front());
    if (now - at->second.used <= kept_for) return;
    forget(at);
  }
}

}  // namespace entrepot::upstream
