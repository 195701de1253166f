// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/curl_transfer.h"

#include <algorithm>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"
#include "proxy/base/secret.h"
#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

/// "name:port"
std::string host_of(const Url& url) { return url.host() + ":" + std::to_string(url.port()); }

/// In bytes. Reading a longer body costs more than a new connection.
constexpr std::uint64_t max_discarded = 64 * 1024;

struct Meaning {
  TransferEnd::Kind kind;
  EndpointFailure reason;
};

Meaning meaning_of(CURLcode result, bool head_seen) {
  using Kind = TransferEnd::Kind;
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Kind::unreachable, EndpointFailure::dns};
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return {Kind::unreachable, EndpointFailure::proxy};
    case CURLE_COULDNT_CONNECT:
      return {Kind::unreachable, EndpointFailure::connect};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {Kind::certificate, EndpointFailure::tls};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return {Kind::tls, EndpointFailure::tls};
    case CURLE_OPERATION_TIMEDOUT:
      return {Kind::timeout, EndpointFailure::timeout};
    case CURLE_OUT_OF_MEMORY:  // also a header line above libcurl's limit
      if (head_seen) return {Kind::unreachable, EndpointFailure::reset};
      return {Kind::malformed, EndpointFailure::bad_upstream};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR:
      return {Kind::malformed, EndpointFailure::bad_upstream};
    default:
      return {Kind::unreachable, EndpointFailure::reset};
  }
}

std::optional<std::uint16_t> port_of_proxy(const TransferOptions& options,
                                           const TransferRequest& request) {
  const auto* proxy = options.proxy.server_for(request.url, request.private_addresses);
  if (proxy == nullptr) return std::nullopt;
  const auto port = parse_number(std::string_view(proxy->url).substr(proxy->url.rfind(':') + 1));
  check(port && *port <= 65535, "the URL of a proxy has a port");
  return static_cast<std::uint16_t>(*port);
}

std::string error_text(const CurlHandle& handle, CURLcode result) {
  return printable_excerpt(handle.error_text(result), 200);
}

/// A new connection to an http or https proxy has no tunnel yet.
bool lacks_tunnel(const CurlHandle& handle, const Url& target) {
  return handle.through_proxy() && target.https() && !handle.proxy_url().starts_with("socks") &&
         handle.new_connection() && handle.connect_status() / 100 != 2;
}

TransferEnd proxy_refusal(const CurlHandle& handle, int status, std::string_view to) {
  // A proxy that cannot reach the host now may reach it later; a refusal stands.
  const bool stands = status < 500;
  return {.kind = stands ? TransferEnd::Kind::proxy : TransferEnd::Kind::unreachable,
          .reason = EndpointFailure::proxy,
          .detail = "the proxy " + handle.proxy_url() + " answered " + std::to_string(status) +
                    std::string(to)};
}

curl_socket_t open_socket(void* policy, curlsocktype, curl_sockaddr* address) {
  return static_cast<DialPolicy*>(policy)->open(*address, std::chrono::steady_clock::now());
}

int close_socket(void* sockets, curl_socket_t fd) {
  return static_cast<Sockets*>(sockets)->close(fd);
}

int before_request(void* policy, char* remote_ip, char*, int remote_port, int local_port) {
  const bool may_send = static_cast<DialPolicy*>(policy)->may_send(
      remote_ip, remote_port, local_port, std::chrono::steady_clock::now());
  return may_send ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

}  // namespace

CurlTransfer::CurlTransfer(event_base* base, const TransferOptions& options,
                           TransferRequest request, TransferSink& sink, Deadlines& deadlines,
                           Sockets& sockets)
    : request_(std::move(request)),
      head_deadline_(options.connect + options.first_byte),
      sink_(&sink),
      deadlines_(deadlines),
      dial_(request_.private_addresses, port_of_proxy(options, request_), sockets),
      handle_(options, request_),
      timer_(base, [this] { check_progress(); }),
      stall_(options.stall, options.stall_bytes_per_second) {
  set_callbacks(sockets);
}

CurlTransfer::~CurlTransfer() {
  for (std::string& line : request_.headers) wipe(line);
}

void CurlTransfer::set_callbacks(Sockets& sockets) {
  handle_.set(CURLOPT_PRIVATE, static_cast<void*>(this));
  handle_.set(CURLOPT_HEADERFUNCTION, &CurlTransfer::header_callback);
  handle_.set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  handle_.set(CURLOPT_WRITEFUNCTION, &CurlTransfer::write_callback);
  handle_.set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  handle_.set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  handle_.set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&dial_));
  // A connection outlives the transfer that made it, so the sockets close it.
  handle_.set(CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
  handle_.set(CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&sockets));
  handle_.set(CURLOPT_PREREQFUNCTION, &before_request);
  handle_.set(CURLOPT_PREREQDATA, static_cast<void*>(&dial_));
}

void CurlTransfer::started() {
  phase_.enter(TransferPhase::awaiting_head);
  started_at_ = std::chrono::steady_clock::now();
  timer_.set(head_deadline_);
}

void CurlTransfer::detach() {
  phase_.enter(TransferPhase::abandoned);
  sink_ = nullptr;
  user_ = nullptr;
}

void CurlTransfer::finish(const TransferEnd& end) {
  phase_.enter(TransferPhase::ended);
  timer_.cancel();
  if (user_ != nullptr) *std::exchange(user_, nullptr) = nullptr;
  if (TransferSink* const sink = std::exchange(sink_, nullptr)) sink->on_end(end);
}

bool CurlTransfer::try_again(CURLcode result, const LastAddresses& known) {
  using Retry = DialPolicy::Retry;
  if (phase_.is(TransferPhase::abandoned)) return false;
  const Retry retry = dial_.after({.result = result,
                                   .resolved = handle_.time(CURLINFO_NAMELOOKUP_TIME_T).count() > 0,
                                   .connected = handle_.time(CURLINFO_CONNECT_TIME_T).count() > 0});
  switch (retry) {
    case Retry::none:
      return false;
    case Retry::new_connection:
      handle_.set(CURLOPT_FRESH_CONNECT, 1L);
      return true;
    case Retry::other_addresses:
      return true;
    case Retry::last_address:
      if (handle_.through_proxy()) return false;
      break;
  }
  const std::string entry =
      known.resolve_entry(host_of(request_.url), std::chrono::steady_clock::now());
  if (!handle_.resolve_by(entry)) return false;
  log::warn("the name of {} cannot be resolved; the address it answered from last is used",
            host_of(request_.url));
  return true;
}

/// libcurl (7.88) comes to the address after two that were not dialled only when a timer of its own
/// fires, after half of the connect timeout. The end of a pause makes it run a transfer at once.
void CurlTransfer::dial_on() const {
  if (!dial_.has_skipped()) return;
  curl_easy_pause(easy(), CURLPAUSE_ALL);
  curl_easy_pause(easy(), CURLPAUSE_CONT);
}

void CurlTransfer::remember_address(LastAddresses& known) const {
  if (!has_head() || handle_.through_proxy()) return;
  if (const auto address = handle_.peer_ip(); !address.empty())
    known.answered(host_of(request_.url), address, std::chrono::steady_clock::now());
}

bool CurlTransfer::has_head() const {
  using enum TransferPhase;
  return phase_.is(delivering) || phase_.is(discarding) || phase_.is(cut) || phase_.is(refused);
}

TransferEnd CurlTransfer::judge(CURLcode result) const {
  using Kind = TransferEnd::Kind;
  if (phase_.is(TransferPhase::cut)) return {};
  if (phase_.is(TransferPhase::refused)) return {.kind = Kind::refused, .reason = {}, .detail = {}};
  if (reader_.state() == HeadReader::State::refused) {
    return {.kind = Kind::malformed,
            .reason = EndpointFailure::bad_upstream,
            .detail = reader_.refusal()};
  }
  if (refused_by_proxy()) return proxy_refusal(handle_, reader_.head().status, "");
  if (const auto forbidden = dial_.only_forbidden(); result != CURLE_OK && !forbidden.empty()) {
    return {.kind = Kind::forbidden_address,
            .reason = EndpointFailure::redirect,
            .detail = "its host has no address but " + std::string(forbidden) + " ones"};
  }
  if (!has_head() && (result == CURLE_OK || result == CURLE_WRITE_ERROR)) {
    return {.kind = Kind::malformed,
            .reason = EndpointFailure::bad_upstream,
            .detail = result == CURLE_OK ? "it ended without a response head"
                                         : "it sent a body without a response head"};
  }
  if (result == CURLE_OK) return {};
  if (handle_.through_proxy()) return judge_proxied(result);
  const Meaning meaning = meaning_of(result, has_head());
  return {.kind = meaning.kind, .reason = meaning.reason, .detail = error_text(handle_, result)};
}

/// The proxy itself answers a request in absolute form with 407 (RFC 9110 section 15.5.8).
bool CurlTransfer::refused_by_proxy() const {
  return handle_.through_proxy() && !request_.url.https() &&
         reader_.state() == HeadReader::State::complete && reader_.head().status == 407;
}

TransferEnd CurlTransfer::judge_proxied(CURLcode result) const {
  const int status = handle_.connect_status();
  const bool tunnelless = !has_head() && lacks_tunnel(handle_, request_.url);
  if (tunnelless && status >= 300) return proxy_refusal(handle_, status, " to CONNECT");
  Meaning meaning = meaning_of(result, has_head());
  // libcurl connects to the proxy only. The TLS handshake with an https proxy precedes CONNECT, the
  // one with the host follows it.
  if (tunnelless && meaning.reason == EndpointFailure::tls)
    meaning = {TransferEnd::Kind::proxy, EndpointFailure::proxy};
  else if (tunnelless || meaning.reason == EndpointFailure::connect)
    meaning.reason = EndpointFailure::proxy;
  return {
      .kind = meaning.kind,
      .reason = meaning.reason,
      .detail = "through the proxy " + handle_.proxy_url() + ": " + error_text(handle_, result)};
}

TransferTiming CurlTransfer::timing() const {
  TransferTiming timing;
  if (handle_.new_connection()) {
    timing.connect =
        std::max(handle_.time(CURLINFO_CONNECT_TIME_T), handle_.time(CURLINFO_APPCONNECT_TIME_T));
  }
  if (started_at_) timing.running = std::chrono::steady_clock::now() - *started_at_;
  timing.first_byte =
      handle_.time(CURLINFO_STARTTRANSFER_TIME_T) - handle_.time(CURLINFO_PRETRANSFER_TIME_T);
  return timing;
}

bool CurlTransfer::head_complete() {
  if (refused_by_proxy()) return false;
  timer_.set(stall_.tick_length());
  const Disposition disposition = sink_->on_head(reader_.head());
  if (sink_ == nullptr) return false;
  if (disposition == Disposition::abort) {
    phase_.enter(TransferPhase::refused);
  } else if (disposition == Disposition::deliver) {
    phase_.enter(TransferPhase::delivering);
  } else {
    const bool is_long = reader_.head().content_length.value_or(0) > max_discarded;
    phase_.enter(is_long && !request_.head ? TransferPhase::cut : TransferPhase::discarding);
  }
  return phase_.is(TransferPhase::delivering) || phase_.is(TransferPhase::discarding);
}

bool CurlTransfer::take(std::span<const std::byte> data) {
  stall_.received(data.size());
  if (phase_.is(TransferPhase::delivering)) {
    if (sink_->on_data(data)) return sink_ != nullptr;
    if (sink_ != nullptr) phase_.enter(TransferPhase::refused);
    return false;
  }
  if (!phase_.is(TransferPhase::discarding)) return false;
  discarded_ += data.size();
  if (discarded_ <= max_discarded) return true;
  phase_.enter(TransferPhase::cut);
  return false;
}

void CurlTransfer::check_progress() {
  using Kind = TransferEnd::Kind;
  if (!has_head()) {
    const bool tunnelless = lacks_tunnel(handle_, request_.url);
    deadlines_.expired(
        *this, {.kind = Kind::timeout,
                .reason = tunnelless ? EndpointFailure::proxy : EndpointFailure::timeout,
                .detail = (tunnelless ? "no answer of the proxy " + handle_.proxy_url() + " in "
                                      : std::string("no answer in ")) +
                          std::to_string(head_deadline_.count()) + " ms"});
  } else if (held_) {
    stall_.rest();
    timer_.set(stall_.tick_length());
  } else if (!stall_.tick()) {
    timer_.set(stall_.tick_length());
  } else if (phase_.is(TransferPhase::discarding)) {
    deadlines_.expired(*this, {});
  } else {
    deadlines_.expired(
        *this,
        {.kind = Kind::timeout, .reason = EndpointFailure::stall, .detail = "the body stalled"});
  }
}

std::size_t CurlTransfer::header_callback(char* data, std::size_t size, std::size_t count,
                                          void* self) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (transfer->sink_ == nullptr) return 0;
  const bool was_complete = transfer->reader_.state() == HeadReader::State::complete;
  const HeadReader::State state = transfer->reader_.feed({data, length});
  if (state == HeadReader::State::refused) return 0;
  if (state == HeadReader::State::complete && !was_complete && !transfer->head_complete()) return 0;
  return length;
}

std::size_t CurlTransfer::write_callback(char* data, std::size_t size, std::size_t count,
                                         void* self) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (transfer->sink_ == nullptr) return 0;
  // libcurl keeps the piece and passes it again.
  if (transfer->held_) return CURL_WRITEFUNC_PAUSE;
  return transfer->take({reinterpret_cast<const std::byte*>(data), length}) ? length : 0;
}

}  // namespace entrepot::upstream
