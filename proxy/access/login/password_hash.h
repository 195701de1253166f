// SPDX-License-Identifier: Apache-2.0
// Hashes of passwords as the files of htpasswd have them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::access {

/// A longer password matches no hash: the bound of libcrypt (CRYPT_MAX_PASSPHRASE_SIZE).
inline constexpr std::size_t longest_password = 511;

/// The fault of a hash, with its cure; nullopt if verify() can use it. Any thread.
///
/// Accepted: bcrypt ($2y$, $2b$, $2a$) with a cost of 4 to 17, SHA-crypt ($5$, $6$) with 1000 to
/// 1 000 000 rounds, and yescrypt ($y$) in the form of `mkpasswd` with at most 64 MiB of memory.
/// The bounds keep one verification below ten seconds of one core. MD5 ($apr1$, $1$), {SHA}, the
/// DES of crypt() and plain text are refused: a reader of the file finds the passwords soon.
std::optional<std::string> fault_of_hash(std::string_view hash);

/// True if `hash` was made from `password`. Takes up to seconds of CPU time and, for yescrypt, 64
/// MiB of memory: call it on a pool. Thread-safe. False for a hash with a fault, and for a password
/// that contains NUL or is longer than longest_password. bcrypt ignores the bytes of a password
/// beyond the 72nd.
bool verify(const std::string& password, const std::string& hash);

}  // namespace entrepot::access
