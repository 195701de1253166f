// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proxy/http/tls/client_certificate.h"

namespace entrepot::http::tls {
namespace {

using metrics::TlsHandshake;

/// The reason of an alert from the client: its number and this.
constexpr int alert_base = SSL_AD_REASON_OFFSET;

bool is_distrust(int reason) {
  switch (reason - alert_base) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

/// No TLS, or a message that breaks its rules.
bool is_malformed(int reason) {
  switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_BAD_ECPOINT:
    case SSL_R_BAD_EXTENSION:
    case SSL_R_BAD_KEY_SHARE:
    case SSL_R_BAD_LENGTH:
    case SSL_R_LENGTH_MISMATCH:
    case SSL_R_LENGTH_TOO_SHORT:
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
    case SSL_R_MISSING_SIGALGS_EXTENSION:
    case SSL_R_MISSING_SUPPORTED_GROUPS_EXTENSION:
    case SSL_R_NO_CIPHERS_SPECIFIED:
    case SSL_R_NO_COMPRESSION_SPECIFIED:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
      return true;
    default:
      return false;
  }
}

TlsHandshake result_of_reason(int reason) {
  if (is_distrust(reason)) return TlsHandshake::distrusted;
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsHandshake::client_certificate;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return TlsHandshake::plain_request;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return TlsHandshake::version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return TlsHandshake::cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsHandshake::alpn;
    default:
      return is_malformed(reason) ? TlsHandshake::malformed : TlsHandshake::other;
  }
}

}  // namespace

Stream::Stream(std::shared_ptr<const Context> context, int fd)
    : context_(std::move(context)), connection_(context_->accept(fd)), fd_(fd) {}

TlsHandshake Stream::failure(int error) const {
  // OpenSSL reports an end of the input without an error of its own.
  if (error == SSL_ERROR_SYSCALL || error == SSL_ERROR_ZERO_RETURN) return TlsHandshake::closed;
  // The error of the handshake comes after those of the mathematics below it.
  const unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_SSL ? result_of_reason(ERR_GET_REASON(code))
                                          : TlsHandshake::other;
}

Stream::Progress Stream::handshake() {
  ERR_clear_error();
  const int n = SSL_do_handshake(connection_.get());
  if (n == 1) {
    const bool resumed = SSL_session_reused(connection_.get()) == 1;
    if (resumed && has_expired()) {
      SSL_set_verify_result(connection_.get(), X509_V_ERR_CERT_HAS_EXPIRED);
      result_ = TlsHandshake::client_certificate;
      return Progress::failed;
    }
    open_ = true;
    result_ = resumed ? TlsHandshake::resumed : TlsHandshake::ok;
    return Progress::done;
  }
  const int error = SSL_get_error(connection_.get(), n);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    if (BIO_number_read(SSL_get_rbio(connection_.get())) <= handshake_limit)
      return Progress::waiting;
    result_ = TlsHandshake::malformed;
  } else {
    result_ = failure(error);
  }
  ERR_clear_error();
  return Progress::failed;
}

bool Stream::has_expired() const {
  const X509* certificate = SSL_get0_peer_certificate(connection_.get());
  return certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

std::string_view Stream::certificate_fault() const {
  if (result_ != TlsHandshake::client_certificate) return {};
  const long result = SSL_get_verify_result(connection_.get());
  return result == X509_V_OK ? "no client certificate" : fault_of_verification(result);
}

std::vector<std::string> Stream::certificate_names() const {
  const X509* certificate = SSL_get0_peer_certificate(connection_.get());
  return certificate == nullptr ? std::vector<std::string>() : names_of(*certificate);
}

std::ptrdiff_t Stream::result_of(int n) {
  const int error = SSL_get_error(connection_.get(), n);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return blocked;
  if (error == SSL_ERROR_ZERO_RETURN) return ended;
  open_ = false;
  ERR_clear_error();
  return broken;
}

std::ptrdiff_t Stream::read(std::span<char> bytes) {
  if (plain_) {
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) return n;
    if (n == 0) return ended;
    return errno == EAGAIN || errno == EINTR ? blocked : broken;
  }
  ERR_clear_error();
  const int n = SSL_read(connection_.get(), bytes.data(), static_cast<int>(bytes.size()));
  return n > 0 ? n : result_of(n);
}

std::ptrdiff_t Stream::write(std::string_view bytes) {
  if (plain_) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) return n;
    return errno == EAGAIN || errno == EINTR ? blocked : broken;
  }
  ERR_clear_error();
  const int n = SSL_write(connection_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (n > 0) return n;
  const std::ptrdiff_t result = result_of(n);
  return result == ended ? broken : result;
}

bool Stream::kernel_sends() const {
  return !plain_ && BIO_get_ktls_send(SSL_get_wbio(connection_.get())) != 0;
}

std::ptrdiff_t Stream::send_file(int fd, std::uint64_t offset, std::size_t length) {
  ERR_clear_error();
  errno = 0;
  const ossl_ssize_t n = SSL_sendfile(connection_.get(), fd, static_cast<off_t>(offset), length, 0);
  if (n > 0) return n;
  if (n == 0 || errno == EIO) return file_failed;  // 0: the file ends too early
  return result_of(static_cast<int>(n)) == blocked ? blocked : broken;
}

void Stream::notify_close() {
  if (!std::exchange(open_, false)) return;
  ERR_clear_error();
  SSL_shutdown(connection_.get());  // 0 while the client's close_notify is missing; none is needed
  ERR_clear_error();
}

void Stream::end() {
  notify_close();
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace entrepot::http::tls
