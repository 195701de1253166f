// SPDX-License-Identifier: Apache-2.0
// Bounds of a request, in bytes unless stated otherwise, and the status of a request over them. The
// Range lines of partial pulls, about 25 KiB, fit in a head.
#pragma once

#include <cstddef>
#include <cstdint>

namespace entrepot::http::limits {

inline constexpr std::size_t request_line = 8 * 1024;  ///< else 414
inline constexpr std::size_t field_line = 48 * 1024;   ///< else 431
inline constexpr std::size_t head = 64 * 1024;         ///< request line and all fields; else 431
inline constexpr std::size_t fields = 100;             ///< field lines; else 431
inline constexpr std::size_t method = 32;              ///< else 501
inline constexpr std::size_t leading_lines = 2;        ///< empty lines before a request; else 400
inline constexpr std::uint64_t drained = 64 * 1024;    ///< body that is discarded; else 413
/// A larger Content-Length (1 PiB) gets 413 with every method.
inline constexpr std::uint64_t absurd = std::uint64_t{1} << 50;

}  // namespace entrepot::http::limits
