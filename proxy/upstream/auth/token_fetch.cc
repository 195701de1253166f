// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/token_fetch.h"

#include <algorithm>
#include <utility>

#include "proxy/base/secret.h"
#include "proxy/upstream/transfer/failures.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
std::optional<Url> token_url(const Url& realm, const std::string& service,
                             const std::string& scope) {
  std::optional<Url> url = realm;
  if (!service.empty()) url = url->with_query("service", service);
  for (std::size_t begin = 0; url && begin < scope.size();) {
    const std::size_t end = std::min(scope.find(' ', begin), scope.size());
    if (end > begin) url = url->with_query("scope", scope.substr(begin, end - begin));
    begin = end + 1;
  }
  return url;
}

TokenFetch::TokenFetch(CurlMulti& multi, Request request, Done done)
    : multi_(multi), request_(std::move(request)), done_(std::move(done)), url_(request_.url) {
  send();
}

void TokenFetch::send() {
  TransferRequest transfer{.url = url_, .headers = {"Accept: application/json"}};
  const bool own_origin = url_.same_origin(request_.url);
  transfer.plain_http = request_.plain_http;
  transfer.private_addresses = own_origin ? request_.private_addresses : request_.private_redirects;
  transfer.urgent = true;
  transfer.clients = request_.clients;
  transfer.demand = request_.demand;
  if (as_account()) {
    std::string value = request_.credential->basic();
    transfer.headers.push_back("Authorization: " + value);
    wipe(value);
  }
  head_ = ResponseHead{};
  transfer_ = multi_.start(std::move(transfer), *this);
}

void TokenFetch::wanted_by(cache::Client client) {
  multi_.loop().assert_in_loop();
  if (std::ranges::find(request_.clients, client) == request_.clients.end() &&
      request_.clients.size() < TransferRequest::most_clients)
    request_.clients.push_back(client);
  transfer_->wanted_by(client);
}

std::optional<Url> TokenFetch::next_hop() const {
  if (!is_redirect(head_.status) || head_.location.empty() || hops_ >= redirects)
    return std::nullopt;
  auto next = url_.resolve(head_.location);
  // Its host has been vetted, no other.
  if (!next || next->host() != request_.url.host() || (url_.https() && !next->https()))
    return std::nullopt;
  return next;
}

Disposition TokenFetch::on_head(const ResponseHead& head) {
  head_ = head;
  if (head.status != 200) return Disposition::discard;
  return Disposition::deliver;
}

bool TokenFetch::on_data(std::span<const std::byte> data) {
  if (body_.size() + data.size() > max_token_body) return false;
  body_.append(reinterpret_cast<const char*>(data.data()), data.size());
  return true;
}

void TokenFetch::on_end(const TransferEnd& end) {
  if (auto next = given_up(end) ? std::nullopt : next_hop()) {
    ++hops_;
    url_ = std::move(*next);
    return send();
  }
  // A copy, and the last statement: the receiver may destroy this.
  const Done done = done_;
  done(judge(end));
}

cache::Failure TokenFetch::failure(cache::FailureKind kind, std::string why) const {
  cache::Failure failure;
  failure.kind = kind;
  failure.message = request_.upstream + ": the token server " + url_.shown() + " " + std::move(why);
  failure.status = head_.status;
  return failure;
}

/// The failure that the status of the response means; nullopt for 200.
std::optional<cache::Failure> TokenFetch::status_refusal() const {
  using Kind = cache::FailureKind;
  const int status = head_.status;
  if (status == 200) return std::nullopt;
  const std::string answered = "answered " + std::to_string(status) + "; ";
  if (status == 401 || status == 403) {
    return failure(Kind::denied, answered + (as_account() ? "check the upstream's credentials"
                                                          : "it may need credentials"));
  }
  if (status == 429) {
    auto limited = failure(Kind::rate_limited, answered + "it wants fewer requests");
    limited.retry_after = parse_retry_after(head_.retry_after, std::chrono::system_clock::now())
                              .value_or(std::chrono::seconds(0));
    return limited;
  }
  if (status >= 500) return failure(Kind::unavailable, answered + "asking again later may help");
  if (is_redirect(status)) {
    return failure(Kind::bad_upstream,
                   answered + "it is followed on its own host only, and not to plain http");
  }
  return failure(Kind::bad_upstream, answered + "200 and a token were expected");
}

TokenFetch::Result TokenFetch::judge(const TransferEnd& end) const {
  using Kind = cache::FailureKind;
  const auto failed = [](cache::Failure why) {
    return Result{.reply = {}, .failure = std::move(why)};
  };
  if (given_up(end)) return failed(transport_failure(request_.upstream + ": " + url_.shown(), end));
  if (head_.status == 0)
    return failed(failure(kind_of(end), "gave no answer (" + end.detail + "); " + advice(end)));
  if (auto refusal = status_refusal())
    return {.reply = {}, .failure = std::move(refusal), .page = is_page(head_)};
  if (end.kind == TransferEnd::Kind::refused)
    return failed(failure(Kind::bad_upstream, "sent more than 64 KiB; that is no token"));
  if (end.kind != TransferEnd::Kind::complete)
    return failed(failure(Kind::unavailable, "broke off (" + end.detail + ")"));
  auto reply = parse_token_reply(body_);
  if (!reply) return failed(failure(Kind::bad_upstream, "sent no token in its JSON"));
  return {.reply = std::move(reply),
          .failure = {},
          .anonymous = request_.credential != nullptr && !as_account()};
}

}  // namespace entrepot::upstream
