// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "metrics/check.h"
#include "proxy/base/text.h"
#include "proxy/http/tls/kernel.h"

namespace entrepot::http::tls {
namespace {

constexpr std::string_view http_1_1 = "http/1.1";
// OpenSSL would offer CBC with TLS 1.2 too, and puts the strongest cipher of a word first. AES-128
// comes first here, because it costs the least.
constexpr char ciphers_1_2[] = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char ciphers_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char groups[] = "X25519:P-256:P-384";
constexpr std::uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                  // HTTP frames its messages, so a missing close_notify hides none.
                                  SSL_OP_IGNORE_UNEXPECTED_EOF;
// Without the buffers, ten thousand idle connections take a third of the memory.
constexpr long modes =
    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;

void require(bool holds) {
  if (!holds) check(false, "a setting that OpenSSL does not have");
}

void add_identity(SSL_CTX* context, const Identity& identity, std::size_t index) {
  STACK_OF(X509)* issuers = sk_X509_new_null();
  for (std::size_t i = 1; i < identity.chain.size(); ++i)
    sk_X509_push(issuers, identity.chain[i].get());
  ERR_clear_error();
  const int used = SSL_CTX_use_cert_and_key(context, identity.chain.front().get(),
                                            identity.key.get(), issuers, 1);
  sk_X509_free(issuers);
  if (used != 1)
    throw ContextError(index, "OpenSSL does not accept " + identity.files.certificate.string() +
                                  ": " + last_error());
}

bool share_one(const std::vector<std::string>& some, const std::vector<std::string>& others) {
  return std::find_first_of(some.begin(), some.end(), others.begin(), others.end()) != some.end();
}

}  // namespace

/// The callbacks of OpenSSL.
struct Callbacks {
  static const Context& context_of(SSL* connection) {
    return *static_cast<const Context*>(SSL_get_app_data(connection));
  }

  static int choose_identity(SSL* connection, int*, void*) noexcept {
    const char* name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    SSL_CTX* found = name == nullptr ? nullptr : context_of(connection).find(name);
    if (found == nullptr) return SSL_TLSEXT_ERR_NOACK;
    if (found != SSL_get_SSL_CTX(connection)) SSL_set_SSL_CTX(connection, found);
    return SSL_TLSEXT_ERR_OK;
  }

  /// Called if the client offers protocols (RFC 7301).
  static int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                             const unsigned char* offered, unsigned int length, void*) noexcept {
    std::string_view left(reinterpret_cast<const char*>(offered), length);
    while (!left.empty()) {
      const auto end = static_cast<unsigned char>(left.front());
      const std::string_view name = left.substr(1, end);
      if (name == http_1_1) {
        *chosen = reinterpret_cast<const unsigned char*>(name.data());
        *size = end;
        return SSL_TLSEXT_ERR_OK;
      }
      left.remove_prefix(std::min<std::size_t>(left.size(), end + std::size_t{1}));
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }

  /// Encrypts or decrypts a ticket. Returns 0 for an unknown key (a full handshake follows), 2 if
  /// the client should get a new ticket, -1 for an error.
  static int ticket(SSL* connection, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) noexcept {
    const Context& context = context_of(connection);
    try {
      if (encrypt == 0) {
        const auto found = context.tickets_->find(name);
        if (!found) return 0;
        if (!begin(context, found->key, iv, cipher, mac, encrypt)) return -1;
        return found->old ? 2 : 1;
      }
      const TicketKey key = context.tickets_->newest();
      std::copy(key.name.begin(), key.name.end(), name);
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(context.ticket_cipher_.get())) != 1) return -1;
      return begin(context, key, iv, cipher, mac, encrypt) ? 1 : -1;
    } catch (const std::exception&) {
      return -1;
    }
  }

  static bool begin(const Context& context, TicketKey key, const unsigned char* iv,
                    EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    const bool begun = EVP_CipherInit_ex2(cipher, context.ticket_cipher_.get(), key.cipher.data(),
                                          iv, encrypt, nullptr) == 1 &&
                       EVP_MAC_CTX_set_params(mac, parameters) == 1;
    OPENSSL_cleanse(&key, sizeof(key));
    return begun;
  }
};

Context::Context(std::vector<Identity> identities, std::shared_ptr<TicketKeys> tickets,
                 std::unique_ptr<const ClientCa> client_ca)
    : identities_(std::move(identities)),
      tickets_(std::move(tickets)),
      client_ca_(std::move(client_ca)),
      ticket_cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)) {
  check(!identities_.empty(), "a TLS context without a certificate");
  check(ticket_cipher_ != nullptr, "OpenSSL has no AES-256-CBC");
  const auto by_name = group();
  const Indices first = default_group();
  default_ = make(first);
  std::map<Indices, SSL_CTX*> made{{first, default_.get()}};
  for (const auto& [name, indices] : by_name) {
    SSL_CTX*& context = made[indices];
    if (context == nullptr) context = others_.emplace_back(make(indices)).get();
    by_host_[name] = context;
  }
}

std::unordered_map<std::string, Context::Indices> Context::group() const {
  std::unordered_map<std::string, Indices> result;
  for (std::size_t i = 0; i < identities_.size(); ++i) {
    const Identity& identity = identities_[i];
    const std::set<std::string> hosts(identity.hosts.begin(), identity.hosts.end());
    for (const std::string& host : hosts) {
      Indices& indices = result[host];
      for (const std::size_t other : indices)
        if (identities_[other].type == identity.type)
          throw ContextError(i, identity.files.certificate.string() + " and " +
                                    identities_[other].files.certificate.string() + " are both " +
                                    std::string(to_string(identity.type)) + " certificates for " +
                                    host + "; keep one of them");
      indices.push_back(i);
    }
  }
  return result;
}

Context::Indices Context::default_group() const {
  const Identity& first = identities_.front();
  Indices result{0};
  std::set<KeyType> types{first.type};
  for (std::size_t i = 1; i < identities_.size(); ++i) {
    const Identity& other = identities_[i];
    // A client that connects to an address sends no name.
    if (!share_one(first.hosts, other.hosts) && !share_one(first.addresses, other.addresses))
      continue;
    if (types.insert(other.type).second) result.push_back(i);
  }
  return result;
}

Owned<SSL_CTX> Context::make(const Indices& indices) const {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_server_method()));
  check(context != nullptr, "SSL_CTX_new");
  SSL_CTX* made = context.get();
  SSL_CTX_set_options(made, options | (kernel_has_tls() ? SSL_OP_ENABLE_KTLS : 0));
  SSL_CTX_set_mode(made, modes);
  SSL_CTX_set_read_ahead(made, 1);  // one system call per request, not two per record
  require(SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) == 1 &&
          SSL_CTX_set_max_proto_version(made, 0) == 1);
  require(SSL_CTX_set_cipher_list(made, ciphers_1_2) == 1 &&
          SSL_CTX_set_ciphersuites(made, ciphers_1_3) == 1);
  require(SSL_CTX_set1_groups_list(made, groups) == 1);
  for (const std::size_t i : indices) add_identity(made, identities_[i], i);
  // Sessions live in tickets only, which all loops can read.
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(made, std::chrono::seconds(TicketKeys::period).count());
  require(SSL_CTX_set_num_tickets(made, 1) == 1);
  if (client_ca_ != nullptr) client_ca_->apply(*made);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(made, &Callbacks::ticket);
  SSL_CTX_set_tlsext_servername_callback(made, &Callbacks::choose_identity);
  SSL_CTX_set_alpn_select_cb(made, &Callbacks::choose_protocol, nullptr);
  return context;
}

SSL_CTX* Context::find(std::string_view host) const {
  std::string name = lower_case(host);
  if (name.ends_with('.')) name.pop_back();
  auto found = by_host_.find(name);
  const auto dot = name.find('.');
  if (found == by_host_.end() && dot != std::string::npos)
    found = by_host_.find("*" + name.substr(dot));
  return found == by_host_.end() ? nullptr : found->second;
}

Owned<SSL> Context::accept(int fd) const {
  Owned<SSL> connection(SSL_new(default_.get()));
  check(connection != nullptr && SSL_set_fd(connection.get(), fd) == 1, "SSL_new");
  SSL_set_app_data(connection.get(), const_cast<Context*>(this));
  SSL_set_accept_state(connection.get());
  return connection;
}

}  // namespace entrepot::http::tls
