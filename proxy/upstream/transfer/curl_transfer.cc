// SPDX-License-Identifier: Apache-2.0
// Lifecycle of a CurlTransfer, and the one function that makes each move:
//   made → queued or given to curl   CurlMulti::start, CurlMulti::admit
//   waiting for the head → body      head_complete (inside curl)
//   → ended                          CurlMulti::collect (curl's result), CurlMulti::expired (a
//   deadline) any → detached                   ~Transfer of the user
#include "proxy/upstream/transfer/curl_transfer.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "metrics/check.h"
#include "proxy/base/secret.h"
#include "proxy/base/text.h"
#include "proxy/upstream/transfer/address.h"

namespace entrepot::upstream {
namespace {

constexpr long receive_buffer = 512 * 1024;
/// An address that has not taken a connection for longer than a round trip takes anywhere.
constexpr std::chrono::milliseconds in_vain{800};
constexpr int most_redials = 3;
/// A longer body is cheaper to cut than to read: the price of a new connection.
constexpr std::uint64_t max_discarded = 64 * 1024;

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  const CURLcode result = curl_easy_setopt(easy, option, value);
  check(result == CURLE_OK, "libcurl refuses an option");
}

struct Meaning {
  TransferEnd::Kind kind;
  std::string_view reason;
};

Meaning meaning_of(CURLcode result, bool head_seen) {
  using Kind = TransferEnd::Kind;
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Kind::unreachable, "dns"};
    case CURLE_COULDNT_CONNECT:
      return {Kind::unreachable, "connect"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {Kind::certificate, "tls"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return {Kind::tls, "tls"};
    case CURLE_OPERATION_TIMEDOUT:
      return {Kind::timeout, "timeout"};
    case CURLE_OUT_OF_MEMORY:  // curl's word for a header line longer than its own limit
      if (head_seen) return {Kind::unreachable, "reset"};
      return {Kind::malformed, "bad-upstream"};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR:
      return {Kind::malformed, "bad-upstream"};
    default:
      return {Kind::unreachable, "reset"};
  }
}

}  // namespace

CurlTransfer::CurlTransfer(event_base* base, const TransferOptions& options,
                           TransferRequest request, TransferSink& sink, Deadlines& deadlines,
                           Sockets& sockets)
    : request_(std::move(request)),
      head_deadline_(options.connect + options.first_byte),
      sink_(&sink),
      deadlines_(deadlines),
      sockets_(sockets),
      easy_(curl_easy_init()),
      timer_(base, [this] { check_progress(); }),
      stall_(options.stall, options.stall_bytes_per_second) {
  check(easy_ != nullptr, "out of memory for a transfer");
  set_options(options);
  set_callbacks();
  set_headers();
}

CurlTransfer::~CurlTransfer() {
  curl_easy_cleanup(easy_);
  for (curl_slist* line = headers_; line != nullptr; line = line->next) {
    std::string_view text(line->data);
    if (text.starts_with("Authorization:")) explicit_bzero(line->data, text.size());
  }
  curl_slist_free_all(headers_);
  curl_slist_free_all(resolve_);
  for (std::string& line : request_.headers) wipe(line);
}

void CurlTransfer::set_options(const TransferOptions& options) {
  // What is left off on purpose: netrc, proxies from the environment, cookies, HSTS, redirects,
  // HTTP/2, content decoding; each is a source of CVEs or of bytes that are not the digest's.
  set(easy_, CURLOPT_URL, request_.url.text().c_str());
  set(easy_, CURLOPT_PROTOCOLS_STR, request_.plain_http ? "http,https" : "https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_NOBODY, request_.head ? 1L : 0L);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy_, CURLOPT_PROXY, "");
  set(easy_, CURLOPT_HTTP09_ALLOWED, 0L);
  set(easy_, CURLOPT_PATH_AS_IS, 1L);  // a signed path must not be tidied
  set(easy_, CURLOPT_USERAGENT, options.user_agent.c_str());
  set(easy_, CURLOPT_BUFFERSIZE, request_.head || request_.urgent ? 16L * 1024 : receive_buffer);
  set(easy_, CURLOPT_TCP_NODELAY, 1L);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_MAXAGE_CONN, 60L);
  // Resolvers know how long a name holds; curl only saves their being asked for each connection.
  set(easy_, CURLOPT_DNS_CACHE_TIMEOUT, 15L);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
  // Without it, giving up on a name waits for the resolver's thread, and the loop with it.
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
  set(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // Only without a directory does curl keep the parsed bundle between connections (10 ms each); and
  // with one, a ca_file would not stand instead of the system's authorities but beside them.
  set(easy_, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!options.ca_file.empty()) set(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
}

void CurlTransfer::set_callbacks() {
  set(easy_, CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
  set(easy_, CURLOPT_PRIVATE, static_cast<void*>(this));
  set(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::header_callback);
  set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::write_callback);
  set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  // A connection outlives the transfer that made it: its end is the sockets' business.
  set(easy_, CURLOPT_CLOSESOCKETFUNCTION, &CurlTransfer::close_socket);
  set(easy_, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&sockets_));
  set(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::before_request);
  set(easy_, CURLOPT_PREREQDATA, static_cast<void*>(this));
}

void CurlTransfer::set_headers() {
  const auto append = [this](const char* line) {
    curl_slist* longer = curl_slist_append(headers_, line);
    check(longer != nullptr, "out of memory for a header");
    headers_ = longer;
  };
  append("Accept-Encoding: identity");
  bool accept = false;
  for (const std::string& line : request_.headers) {
    append(line.c_str());
    accept = accept || line.starts_with("Accept:");
  }
  if (!accept) append("Accept: */*");
  set(easy_, CURLOPT_HTTPHEADER, headers_);
}

void CurlTransfer::started() {
  started_at_ = std::chrono::steady_clock::now();
  timer_.set(head_deadline_);
}

void CurlTransfer::detach() {
  if (user_ != nullptr) *user_ = nullptr;
  user_ = nullptr;
  sink_ = nullptr;
}

void CurlTransfer::finish(const TransferEnd& end) {
  timer_.cancel();
  TransferSink* const sink = sink_;
  detach();
  if (sink != nullptr) sink->on_end(end);
}

bool CurlTransfer::wants_new_connection() {
  if (!unclean_ || detached()) return false;
  unclean_ = false;
  set(easy_, CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

std::string CurlTransfer::answered_from() const {
  const char* address = nullptr;
  if (has_head()) curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &address);
  return address == nullptr ? "" : address;
}

/// The first address of a try has all the time it needs: where another is dialled after that, it is
/// dead; and also where one of another family, dialled a moment later (RFC 8305), is there first.
/// Of those in between libcurl does not wait for an answer.
void CurlTransfer::count_dial(const curl_sockaddr& address) {
  const auto now = std::chrono::steady_clock::now();
  if (++dials_ == 1) {
    first_dialled_ = Sockets::key_of(address);
    first_ip_ = Sockets::ip_of(address);
    dialled_at_ = now;
  } else if (dials_ == 2 && now - dialled_at_ > in_vain) {
    sockets_.note_dead(first_dialled_);
    found_dead_ = true;
  }
}

bool CurlTransfer::wants_other_addresses(CURLcode result) {
  if (result != CURLE_COULDNT_CONNECT && result != CURLE_OPERATION_TIMEDOUT) return false;
  curl_off_t connected = 0;
  curl_easy_getinfo(easy_, CURLINFO_CONNECT_TIME_T, &connected);
  if (connected > 0 || detached()) return false;
  const bool others = std::exchange(found_dead_, false) && redials_ < most_redials;
  // Where nothing was dialled because all is dead, it may have come back.
  const bool all = dials_ == 0 && redials_ == 0 && skipped_ && !all_addresses_;
  all_addresses_ = all_addresses_ || all;
  if (others) ++redials_;
  dials_ = 0;
  return others || all;
}

bool CurlTransfer::unresolved(CURLcode result) const {
  if (dialled_ || detached()) return false;
  if (result == CURLE_COULDNT_RESOLVE_HOST) return true;
  // A name service that does not answer ends as a connection that was not made in time.
  curl_off_t lookup = 0;
  curl_easy_getinfo(easy_, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
  return result == CURLE_OPERATION_TIMEDOUT && lookup == 0;
}

bool CurlTransfer::resolve_by(const std::string& entry) {
  if (entry.empty() || resolve_ != nullptr) return false;
  resolve_ = curl_slist_append(nullptr, entry.c_str());
  check(resolve_ != nullptr, "out of memory for an address");
  set(easy_, CURLOPT_RESOLVE, resolve_);
  return true;
}

TransferEnd CurlTransfer::judge(CURLcode result) const {
  using Kind = TransferEnd::Kind;
  if (cut_) return {};
  if (refused_) return {.kind = Kind::refused, .reason = {}, .detail = {}};
  if (reader_.state() == HeadReader::State::refused) {
    return {.kind = Kind::malformed, .reason = "bad-upstream", .detail = reader_.refusal()};
  }
  if (result != CURLE_OK && !forbidden_.empty() && !dialled_) {
    return {.kind = Kind::forbidden_address,
            .reason = "redirect",
            .detail = "its host has no address but " + forbidden_ + " ones"};
  }
  if (!has_head() && (result == CURLE_OK || result == CURLE_WRITE_ERROR)) {
    return {.kind = Kind::malformed,
            .reason = "bad-upstream",
            .detail = result == CURLE_OK ? "it ended without a response head"
                                         : "it sent a body without a response head"};
  }
  if (result == CURLE_OK) return {};
  const char* text = error_[0] != '\0' ? error_ : curl_easy_strerror(result);
  const Meaning meaning = meaning_of(result, has_head());
  return {.kind = meaning.kind, .reason = meaning.reason, .detail = printable_excerpt(text, 200)};
}

TransferTiming CurlTransfer::timing() const {
  const auto read = [this](CURLINFO what) {
    curl_off_t value = 0;
    curl_easy_getinfo(easy_, what, &value);
    return std::chrono::microseconds(value);
  };
  long connections = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connections);
  TransferTiming timing;
  if (connections > 0)
    timing.connect = std::max(read(CURLINFO_CONNECT_TIME_T), read(CURLINFO_APPCONNECT_TIME_T));
  if (started_at_) timing.running = std::chrono::steady_clock::now() - *started_at_;
  timing.first_byte = read(CURLINFO_STARTTRANSFER_TIME_T) - read(CURLINFO_PRETRANSFER_TIME_T);
  return timing;
}

bool CurlTransfer::head_complete() {
  timer_.set(stall_.tick_length());
  body_ = Refused{};  // what holds if the sink goes during the call
  const Disposition disposition = sink_->on_head(reader_.head());
  if (sink_ == nullptr) return false;
  refused_ = disposition.aborts();
  if (refused_) return false;
  if (disposition.body() != nullptr) {
    body_ = Taken{disposition.body()};
    return true;
  }
  body_ = Discarded{};
  cut_ = !request_.head && reader_.head().content_length.value_or(0) > max_discarded;
  return !cut_;
}

bool CurlTransfer::take(std::span<const std::byte> data) {
  stall_.received(data.size());
  if (auto* discarded = std::get_if<Discarded>(&body_)) {
    discarded->bytes += data.size();
    cut_ = discarded->bytes > max_discarded;
    return !cut_;
  }
  const auto* taken = std::get_if<Taken>(&body_);
  if (taken == nullptr) return false;
  const bool wants_more = taken->by->on_data(data);
  if (sink_ == nullptr) return false;
  refused_ = !wants_more;
  return wants_more;
}

void CurlTransfer::check_progress() {
  using Kind = TransferEnd::Kind;
  if (!has_head()) {
    deadlines_.expired(
        *this, {.kind = Kind::timeout,
                .reason = "timeout",
                .detail = "no answer in " + std::to_string(head_deadline_.count()) + " ms"});
  } else if (held_) {
    stall_.rest();
    timer_.set(stall_.tick_length());
  } else if (!stall_.tick()) {
    timer_.set(stall_.tick_length());
  } else if (std::holds_alternative<Discarded>(body_)) {
    deadlines_.expired(*this, {});
  } else {
    deadlines_.expired(*this,
                       {.kind = Kind::timeout, .reason = "stall", .detail = "the body stalled"});
  }
}

std::size_t CurlTransfer::header_callback(char* data, std::size_t size, std::size_t count,
                                          void* self) {
  auto* running = static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (running->detached()) return 0;
  const bool was_complete = running->reader_.state() == HeadReader::State::complete;
  const HeadReader::State state = running->reader_.feed({data, length});
  if (state == HeadReader::State::refused) return 0;
  if (state == HeadReader::State::complete && !was_complete && !running->head_complete()) return 0;
  return length;
}

std::size_t CurlTransfer::write_callback(char* data, std::size_t size, std::size_t count,
                                         void* self) {
  auto* running = static_cast<CurlTransfer*>(self);
  const std::size_t length = size * count;
  if (running->detached()) return 0;
  if (running->held_) return CURL_WRITEFUNC_PAUSE;  // curl keeps the piece and brings it again
  const bool go_on = running->take({reinterpret_cast<const std::byte*>(data), length});
  return go_on ? length : 0;
}

curl_socket_t CurlTransfer::open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* running = static_cast<CurlTransfer*>(self);
  if (!running->request_.private_addresses) {
    // Here, on the address that is about to be dialled: a name that changes its addresses between
    // a check and the connection (DNS rebinding) gains nothing.
    const AddressClass address_class = classify(address->addr, address->addrlen);
    if (address_class != AddressClass::global) {
      running->forbidden_ = to_string(address_class);
      errno = EACCES;
      return CURL_SOCKET_BAD;
    }
  }
  if (!running->all_addresses_ && running->sockets_.dead(*address)) {
    running->skipped_ = true;
    errno = ETIMEDOUT;
    return CURL_SOCKET_BAD;
  }
  running->count_dial(*address);
  running->dialled_ = true;
  return running->sockets_.open(*address);
}

int CurlTransfer::close_socket(void* sockets, curl_socket_t fd) {
  return static_cast<Sockets*>(sockets)->close(fd);
}

int CurlTransfer::before_request(void* self, char* remote_ip, char*, int remote_port,
                                 int local_port) {
  auto* running = static_cast<CurlTransfer*>(self);
  if (running->dials_ > 1 && remote_ip != running->first_ip_)
    running->sockets_.note_dead(running->first_dialled_);
  running->unclean_ = !running->sockets_.clean(remote_ip, remote_port, local_port);
  return running->unclean_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

}  // namespace entrepot::upstream
