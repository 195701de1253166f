// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/admin_target.h"

#include <cstddef>
#include <stdexcept>
#include <string_view>

#include "conf/file_content.h"
#include "conf/grammar.h"
#include "conf/json/problems.h"

namespace entrepot::app {
namespace {

constexpr std::size_t longest_certificate_file = 1 << 20;
constexpr std::string_view https = "https://", http = "http://";

/// "0.0.0.0:5080" and "[::]:5080" are listened to, not connected to.
std::string reachable(const std::string& address) {
  constexpr std::string_view any4 = "0.0.0.0:", any6 = "[::]:";
  if (address.starts_with(any4)) return "127.0.0.1:" + address.substr(any4.size());
  if (address.starts_with(any6)) return "[::1]:" + address.substr(any6.size());
  return address;
}

/// The first certificate of the file, which is that of the listener; its issuers follow.
std::string own_certificate(const std::filesystem::path& file) {
  constexpr std::string_view end = "-----END CERTIFICATE-----";
  conf::Problems problems;
  const auto content =
      conf::read_file(file, longest_certificate_file, "admin.tls.certificates", problems);
  if (!content)
    throw std::runtime_error(problems.errors.front() +
                             "; give --ca FILE with the authority of the certificate instead");
  return content->bytes.substr(0, content->bytes.find(end)).append(end) + "\n";
}

/// True if what is sent to `address` stays on this machine.
bool is_here(std::string_view address) {
  return conf::is_unix(address) || address.starts_with("127.") ||
         address.starts_with("localhost:") || address.starts_with("[::1]:");
}

AdminTarget target(std::string address, bool tls, const AccessOptions& options) {
  if (!options.user.empty() && !options.password_file && !options.token_file)
    throw std::runtime_error("--user needs --password-file FILE or --token-file FILE");
  if (!tls && (options.ca || options.client_certificate))
    throw std::runtime_error("--ca and --client-cert are for HTTPS, and the admin listener on " +
                             address + " is asked by plain HTTP");
  if (!tls && !is_here(address) && (options.password_file || options.token_file))
    throw std::runtime_error(
        "a login is sent over HTTPS, to a unix socket or to this machine only, "
        "and the admin listener on " +
        address +
        " is asked by plain HTTP; give "
        "it admin.tls, and ask https://" +
        address);
  return {.address = std::move(address), .tls = tls, .access = read_access(options)};
}

}  // namespace

AdminTarget target_of(const conf::Admin& admin, const AccessOptions& options) {
  const auto& listener = admin.listener;
  auto made = target(reachable(listener.address), listener.tls.has_value(), options);
  if (listener.tls && !options.ca)
    for (const auto& files : listener.tls->certificates)
      made.own_certificates += own_certificate(files.certificate);
  return made;
}

AdminTarget target_at(const std::string& address, const AccessOptions& options) {
  const bool tls = address.starts_with(https);
  const auto scheme = tls ? https.size() : address.starts_with(http) ? http.size() : 0;
  return target(reachable(address.substr(scheme)), tls, options);
}

}  // namespace entrepot::app
