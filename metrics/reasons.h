// SPDX-License-Identifier: Apache-2.0
// The reasons that metrics and the access log show, as values of label `reason` and as log words.
#pragma once

#include <cstdint>

#include "metrics/word_table.h"

namespace entrepot::metrics {

/// The reason that a request was no plain hit: access log, entrepot_not_hit_total.
enum class AnswerReason : std::uint8_t {
  absent,                ///< not in the store
  negative,              ///< the upstream answered recently that the object does not exist
  not_linked,            ///< stored, but not yet proven for this repository
  proof_due,             ///< the proof for this repository is due again
  corrupt,               ///< the stored copy has another digest and is fetched again
  range,                 ///< only the requested ranges of the blob are fetched
  range_whole,           ///< the whole blob is fetched for a range
  tag_due,               ///< the tag was due; the upstream has confirmed it
  tag_moved,             ///< the tag names another digest now
  tag_refreshing,        ///< served while the tag is checked in the background
  client_left,           ///< the client disconnected before the answer
  upstream_unreachable,  ///< the upstream cannot be asked
  upstream_slow,         ///< the upstream did not answer in time
  rate_limit_low,        ///< few requests are left, so the tag is served without a check
  disk_full,             ///< from here on: passed through, see BypassReason
  inodes,
  disk_error,
  index,
  too_large,
  other_upstream,
  no_room,
  other,  ///< metrics only: without a reason, because the process ends
};

/// The reason that an object is not stored: entrepot_bypass_total. Its words are those of
/// AnswerReason.
enum class BypassReason : std::uint8_t {
  disk_full,       ///< no room, even after evictions
  inodes,          ///< the file system cannot create more files
  disk_error,      ///< the file of the object cannot be created or written
  index,           ///< the index accepts no new records
  too_large,       ///< larger than one object may be
  other_upstream,  ///< the same blob arrives for an upstream whose transfer is not shared
  no_room,         ///< the configured sizes leave no room for anything, see NoRoom
};

/// Why the cache can store nothing: label `reason` of entrepot_cache_no_room.
enum class NoRoom : std::uint8_t {
  max_size,      ///< cache.max_size is less than any layer has
  reserve_disk,  ///< cache.reserve_free is all of the file system, or more
  reserve_free,  ///< cache.reserve_free is more than what is free, and the cache is empty
};

/// The reason that the mirror refused a request: access log.
enum class RefusalReason : std::uint8_t {
  method,
  authorization,     ///< malformed Authorization
  route,             ///< not a resource of the registry API
  loop,              ///< the request came through this mirror before
  upload,            ///< the mirror is read-only
  catalog,           ///< the mirror offers no catalog
  ns_invalid,        ///< the parameter `ns` is invalid
  upstream_unknown,  ///< the named registry is not mirrored
  name,              ///< invalid repository name
  reference,         ///< neither a tag nor a digest
  digest,            ///< invalid or unsupported digest
  page,              ///< invalid `n` or `last`
  ranges,            ///< too many ranges
  accept,            ///< the manifest has a type that the client does not accept
  client_requests,   ///< limits.requests_per_client
  client_misses,     ///< limits.misses_per_client
  network,           ///< the client's address is in none of the listener's networks
  login,             ///< no login, or a wrong one
  login_busy,        ///< too many passwords wait to be verified
  access,            ///< the access rules, or the deny list of the upstream
};

/// The reason that an object was removed from the store: entrepot_cache_evictions_total.
enum class EvictionReason : std::uint8_t {
  size,     ///< cache.max_size
  reserve,  ///< cache.reserve_free, or free inodes
  corrupt,  ///< its bytes have another digest, or cannot be read
  deleted,  ///< by a command
};

/// The reason that a request to an endpoint failed: entrepot_endpoint_failures_total.
enum class EndpointFailure : std::uint8_t {
  not_found,
  denied,
  rate_limited,
  bad_upstream,  ///< the response must not be used
  connect,
  dns,
  tls,
  timeout,  ///< no response head in time
  stall,    ///< the body arrived too slowly
  reset,    ///< the connection or the body ended early
  server_error,
  redirect,  ///< to a forbidden target
  proxy,     ///< the outgoing proxy failed or refused
  token,     ///< no token was obtained
  digest,    ///< the body has another digest
  other,     ///< a probe was not sent
};

/// The reason that a transfer went on at another endpoint: the access log.
enum class MoveReason : std::uint8_t {
  slow,     ///< another one is much faster
  late,     ///< another one, which was asked as well, answered first
  unasked,  ///< nothing was sent: it is known to be down, or limits our rate
  failed,   ///< see EndpointFailure
};

/// A limit that was enforced on a client: label `reason` of entrepot_clients_limited_total.
enum class ClientLimit : std::uint8_t {
  connections,  ///< limits.connections_per_client
  requests,     ///< limits.requests_per_client
  misses,       ///< limits.misses_per_client
  heads,        ///< bytes of large request heads
  bandwidth,    ///< limits.bandwidth_per_client; the reply was delayed, not refused
  slow,         ///< takes less than 1 KiB/s of its reply; disconnected
  idle,         ///< an idle connection made room for a new one
};

/// A request refused because of who sent it: label `reason` of entrepot_access_refused_total.
enum class AccessRefusal : std::uint8_t {
  network,
  login,
  rules,
  deny_list,
  right,  ///< the client lacks a right on the admin listener
};

/// The end of a handover to another process: label `result` of entrepot_handovers_total.
enum class HandoverResult : std::uint8_t {
  done,    ///< the other process serves
  failed,  ///< it ended before; this process serves on
};

/// The end of a reload of the configuration: label `result` of entrepot_reloads_total.
enum class ReloadResult : std::uint8_t {
  done,     ///< the new configuration is in force, or equals the one before
  refused,  ///< it cannot be used; the one before stays in force
};

/// The credentials of a request: label `result` of entrepot_logins_total.
enum class LoginResult : std::uint8_t {
  ok,
  wrong_password,
  unknown_user,
  unknown_token,
  expired_token,
  unsupported,    ///< neither Basic nor Bearer, or malformed
  busy,           ///< too many logins wait to be verified
  jwt_malformed,  ///< no JWT, or one without an end
  jwt_algorithm,  ///< signed in a way that is not accepted
  jwt_issuer,     ///< of an issuer that is not configured
  jwt_key,        ///< of a key that the issuer does not have
  jwt_signature,  ///< not signed by the issuer
  jwt_expired,
  jwt_not_yet,   ///< valid from a time in the future
  jwt_audience,  ///< made for others
  jwt_user,      ///< names no user, or one of the files
};

/// A fetch of the keys of an issuer of JWTs: label `result` of entrepot_jwt_key_fetches_total.
enum class KeyFetch : std::uint8_t {
  ok,
  unreachable,  ///< no connection, no certificate that is trusted, no answer in time
  status,       ///< another status than 200
  metadata,     ///< no metadata of this issuer, or too much
  keys,         ///< no keys that can be used
  token,        ///< the token for the issuer cannot be read
};

/// The end of a TLS handshake with a client: label `result` of entrepot_tls_handshakes_total.
enum class TlsHandshake : std::uint8_t {
  ok,                  ///< a full handshake
  resumed,             ///< continues an earlier session
  timeout,             ///< not complete in time
  closed,              ///< the client disconnected, or the server did for another client
  distrusted,          ///< the client does not accept the certificate
  version,             ///< no common protocol version
  cipher,              ///< no common cipher, group or signature algorithm
  alpn,                ///< the client does not offer http/1.1
  client_certificate,  ///< the client has no certificate of client_ca
  plain_request,       ///< plain HTTP on a port for TLS
  malformed,           ///< no TLS, or a message that breaks its rules
  other,
};

/// A connection of a trusted proxy with the PROXY protocol, or a request of one with
/// X-Forwarded-For: label `result` of entrepot_forwarded_clients_total.
enum class Forwarding : std::uint8_t {
  ok,         ///< it names the client
  own,        ///< the proxy speaks for itself, or for a client without an IP address
  missing,    ///< the connection does not begin with a header of the PROXY protocol
  malformed,  ///< the header, or an entry of the field, breaks the rules
  checksum,   ///< the checksum of the header is wrong
  timeout,    ///< the header was not complete in time
  closed,     ///< the proxy disconnected before the end of the header
  displaced,  ///< the connection was closed before that, because the server was full or ended
};

/// The reason that a transfer was dropped: label `reason` of entrepot_transfers_dropped_total.
enum class TransferDrop : std::uint8_t {
  left,     ///< no client waits for it any more
  full,     ///< the queue is full
  yielded,  ///< ended for transfers for which clients wait
};

template <>
inline constexpr auto words<AnswerReason> = make_words<AnswerReason>({
    {AnswerReason::absent, "absent"},
    {AnswerReason::negative, "negative"},
    {AnswerReason::not_linked, "not-linked"},
    {AnswerReason::proof_due, "proof-due"},
    {AnswerReason::corrupt, "corrupt"},
    {AnswerReason::range, "range"},
    {AnswerReason::range_whole, "range-whole"},
    {AnswerReason::tag_due, "tag-due"},
    {AnswerReason::tag_moved, "tag-moved"},
    {AnswerReason::tag_refreshing, "tag-refreshing"},
    {AnswerReason::client_left, "client-left"},
    {AnswerReason::upstream_unreachable, "upstream-unreachable"},
    {AnswerReason::upstream_slow, "upstream-slow"},
    {AnswerReason::rate_limit_low, "rate-limit-low"},
    {AnswerReason::disk_full, "disk-full"},
    {AnswerReason::inodes, "inodes"},
    {AnswerReason::disk_error, "disk-error"},
    {AnswerReason::index, "index"},
    {AnswerReason::too_large, "too-large"},
    {AnswerReason::other_upstream, "other-upstream"},
    {AnswerReason::no_room, "no-room"},
    {AnswerReason::other, "other"},
});

/// The reason of an answer whose object is not stored.
constexpr AnswerReason answer_reason(BypassReason reason) {
  switch (reason) {
    case BypassReason::disk_full:
      return AnswerReason::disk_full;
    case BypassReason::inodes:
      return AnswerReason::inodes;
    case BypassReason::disk_error:
      return AnswerReason::disk_error;
    case BypassReason::index:
      return AnswerReason::index;
    case BypassReason::too_large:
      return AnswerReason::too_large;
    case BypassReason::other_upstream:
      return AnswerReason::other_upstream;
    case BypassReason::no_room:
      return AnswerReason::no_room;
  }
  return AnswerReason::other;
}

template <>
inline constexpr auto words<BypassReason> = make_words<BypassReason>({
    {BypassReason::disk_full, to_string(AnswerReason::disk_full)},
    {BypassReason::inodes, to_string(AnswerReason::inodes)},
    {BypassReason::disk_error, to_string(AnswerReason::disk_error)},
    {BypassReason::index, to_string(AnswerReason::index)},
    {BypassReason::too_large, to_string(AnswerReason::too_large)},
    {BypassReason::other_upstream, to_string(AnswerReason::other_upstream)},
    {BypassReason::no_room, to_string(AnswerReason::no_room)},
});

template <>
inline constexpr auto words<NoRoom> = make_words<NoRoom>({
    {NoRoom::max_size, "max-size"},
    {NoRoom::reserve_disk, "reserve-disk"},
    {NoRoom::reserve_free, "reserve-free"},
});

template <>
inline constexpr auto words<RefusalReason> = make_words<RefusalReason>({
    {RefusalReason::method, "method"},
    {RefusalReason::authorization, "authorization"},
    {RefusalReason::route, "route"},
    {RefusalReason::loop, "loop"},
    {RefusalReason::upload, "upload"},
    {RefusalReason::catalog, "catalog"},
    {RefusalReason::ns_invalid, "ns-invalid"},
    {RefusalReason::upstream_unknown, "upstream-unknown"},
    {RefusalReason::name, "name"},
    {RefusalReason::reference, "reference"},
    {RefusalReason::digest, "digest"},
    {RefusalReason::page, "page"},
    {RefusalReason::ranges, "ranges"},
    {RefusalReason::accept, "accept"},
    {RefusalReason::client_requests, "client-requests"},
    {RefusalReason::client_misses, "client-misses"},
    {RefusalReason::network, "network"},
    {RefusalReason::login, "login"},
    {RefusalReason::login_busy, "login-busy"},
    {RefusalReason::access, "access"},
});

template <>
inline constexpr auto words<EvictionReason> = make_words<EvictionReason>({
    {EvictionReason::size, "size"},
    {EvictionReason::reserve, "reserve"},
    {EvictionReason::corrupt, "corrupt"},
    {EvictionReason::deleted, "deleted"},
});

template <>
inline constexpr auto words<EndpointFailure> = make_words<EndpointFailure>({
    {EndpointFailure::not_found, "not-found"},
    {EndpointFailure::denied, "denied"},
    {EndpointFailure::rate_limited, "rate-limited"},
    {EndpointFailure::bad_upstream, "bad-upstream"},
    {EndpointFailure::connect, "connect"},
    {EndpointFailure::dns, "dns"},
    {EndpointFailure::tls, "tls"},
    {EndpointFailure::timeout, "timeout"},
    {EndpointFailure::stall, "stall"},
    {EndpointFailure::reset, "reset"},
    {EndpointFailure::server_error, "server-error"},
    {EndpointFailure::redirect, "redirect"},
    {EndpointFailure::proxy, "proxy"},
    {EndpointFailure::token, "token"},
    {EndpointFailure::digest, "digest"},
    {EndpointFailure::other, "other"},
});

template <>
inline constexpr auto words<MoveReason> = make_words<MoveReason>({
    {MoveReason::slow, "slow"},
    {MoveReason::late, "late"},
    {MoveReason::unasked, "unasked"},
    {MoveReason::failed, "failed"},
});

template <>
inline constexpr auto words<ClientLimit> = make_words<ClientLimit>({
    {ClientLimit::connections, "connections"},
    {ClientLimit::requests, "requests"},
    {ClientLimit::misses, "misses"},
    {ClientLimit::heads, "heads"},
    {ClientLimit::bandwidth, "bandwidth"},
    {ClientLimit::slow, "slow"},
    {ClientLimit::idle, "idle"},
});

template <>
inline constexpr auto words<TlsHandshake> = make_words<TlsHandshake>({
    {TlsHandshake::ok, "ok"},
    {TlsHandshake::resumed, "resumed"},
    {TlsHandshake::timeout, "timeout"},
    {TlsHandshake::closed, "closed"},
    {TlsHandshake::distrusted, "distrusted"},
    {TlsHandshake::version, "version"},
    {TlsHandshake::cipher, "cipher"},
    {TlsHandshake::alpn, "alpn"},
    {TlsHandshake::client_certificate, "client-certificate"},
    {TlsHandshake::plain_request, "plain-request"},
    {TlsHandshake::malformed, "malformed"},
    {TlsHandshake::other, "other"},
});

template <>
inline constexpr auto words<Forwarding> = make_words<Forwarding>({
    {Forwarding::ok, "ok"},
    {Forwarding::own, "own"},
    {Forwarding::missing, "missing"},
    {Forwarding::malformed, "malformed"},
    {Forwarding::checksum, "checksum"},
    {Forwarding::timeout, "timeout"},
    {Forwarding::closed, "closed"},
    {Forwarding::displaced, "displaced"},
});

template <>
inline constexpr auto words<AccessRefusal> = make_words<AccessRefusal>({
    {AccessRefusal::network, "network"},
    {AccessRefusal::login, "login"},
    {AccessRefusal::rules, "rules"},
    {AccessRefusal::deny_list, "deny-list"},
    {AccessRefusal::right, "right"},
});

template <>
inline constexpr auto words<HandoverResult> = make_words<HandoverResult>({
    {HandoverResult::done, "done"},
    {HandoverResult::failed, "failed"},
});

template <>
inline constexpr auto words<ReloadResult> = make_words<ReloadResult>({
    {ReloadResult::done, "done"},
    {ReloadResult::refused, "refused"},
});

template <>
inline constexpr auto words<LoginResult> = make_words<LoginResult>({
    {LoginResult::ok, "ok"},
    {LoginResult::wrong_password, "wrong-password"},
    {LoginResult::unknown_user, "unknown-user"},
    {LoginResult::unknown_token, "unknown-token"},
    {LoginResult::expired_token, "expired-token"},
    {LoginResult::unsupported, "unsupported"},
    {LoginResult::busy, "busy"},
    {LoginResult::jwt_malformed, "jwt-malformed"},
    {LoginResult::jwt_algorithm, "jwt-algorithm"},
    {LoginResult::jwt_issuer, "jwt-issuer"},
    {LoginResult::jwt_key, "jwt-key"},
    {LoginResult::jwt_signature, "jwt-signature"},
    {LoginResult::jwt_expired, "jwt-expired"},
    {LoginResult::jwt_not_yet, "jwt-not-yet"},
    {LoginResult::jwt_audience, "jwt-audience"},
    {LoginResult::jwt_user, "jwt-user"},
});

template <>
inline constexpr auto words<KeyFetch> = make_words<KeyFetch>({
    {KeyFetch::ok, "ok"},
    {KeyFetch::unreachable, "unreachable"},
    {KeyFetch::status, "status"},
    {KeyFetch::metadata, "metadata"},
    {KeyFetch::keys, "keys"},
    {KeyFetch::token, "token"},
});

template <>
inline constexpr auto words<TransferDrop> = make_words<TransferDrop>({
    {TransferDrop::left, "left"},
    {TransferDrop::full, "full"},
    {TransferDrop::yielded, "yielded"},
});

}  // namespace entrepot::metrics
