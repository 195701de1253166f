// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/pem.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace entrepot::http::tls {
namespace {

/// Chains and keys are smaller; a larger file is probably a wrong path.
constexpr std::size_t max_file_size = std::size_t{1} << 20;

struct File {
  std::string content;
  mode_t mode = 0;
};

/// Reads at most a byte more than max_file_size.
File read_file(const std::filesystem::path& path) {
  const auto fail = [&](const std::string& why) { return PemError(path.string() + why); };
  const auto reason = [] { return std::generic_category().message(errno); };
  // O_NONBLOCK: a FIFO must not block the start.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) throw PemError("cannot read " + path.string() + ": " + reason());
  File file;
  struct stat status {};
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  file.mode = status.st_mode;
  file.content.resize(max_file_size + 1);
  std::size_t filled = 0;
  ssize_t n = 0;
  while (regular && filled < file.content.size() &&
         (n = ::read(fd, file.content.data() + filled, file.content.size() - filled)) > 0)
    filled += static_cast<std::size_t>(n);
  const std::string error = reason();
  ::close(fd);
  if (!regular) throw fail(" is not a file");
  if (n < 0) throw PemError("cannot read " + path.string() + ": " + error);
  if (filled > max_file_size) throw fail(" is larger than 1 MiB");
  file.content.resize(filled);
  return file;
}

Owned<BIO> over(const std::string& content) {
  return Owned<BIO>(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

/// True if OpenSSL has only reported that there is no further PEM block of the kind asked for.
bool only_ended() {
  const auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

/// The callback for the password of a key; there is none. `asked` is a bool.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

std::string last_error() {
  const auto error = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

std::vector<Owned<X509>> read_certificates(const std::filesystem::path& file) {
  const File read = read_file(file);
  const Owned<BIO> bio = over(read.content);
  ERR_clear_error();
  std::vector<Owned<X509>> certificates;
  while (Owned<X509> one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
    certificates.push_back(std::move(one));
  if (!only_ended())
    throw PemError("certificate " + std::to_string(certificates.size() + 1) + " in " +
                   file.string() + " cannot be parsed: " + last_error());
  ERR_clear_error();
  if (certificates.empty())
    throw PemError(file.string() + " holds no certificate in PEM form" +
                   (read.content.find("PRIVATE KEY-----") != std::string::npos
                        ? "; it holds a private key"
                        : ""));
  return certificates;
}

KeyFile read_key(const std::filesystem::path& file) {
  File read = read_file(file);
  const Owned<BIO> bio = over(read.content);
  // The decoders of OpenSSL 3 do not tell an absent key from an unknown one.
  const bool absent = read.content.find("PRIVATE KEY-----") == std::string::npos;
  bool encrypted = false;
  ERR_clear_error();
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, &encrypted));
  ::explicit_bzero(read.content.data(), read.content.size());
  if (key == nullptr) {
    const std::string reason = last_error();
    if (encrypted)
      throw PemError(file.string() + " is encrypted; decrypt it (openssl pkey -in " +
                     file.string() + " -out NEW) and keep it from other users (chmod 0400)");
    if (absent) throw PemError(file.string() + " holds no private key in PEM form");
    throw PemError("the private key in " + file.string() + " cannot be parsed: " + reason);
  }
  return {std::move(key), (read.mode & S_IROTH) != 0};
}

}  // namespace entrepot::http::tls
