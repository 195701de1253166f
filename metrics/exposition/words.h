// SPDX-License-Identifier: Apache-2.0
// The bounded word lists of labels that are passed as text. The last word of each list represents
// unknown words. Private to metrics/.
#pragma once

#include <array>
#include <string_view>

namespace entrepot::metrics {

inline constexpr std::array<std::string_view, 15> failure_words = {
    "not-found", "denied", "rate-limited", "bad-upstream", "connect", "dns",    "tls",  "timeout",
    "stall",     "reset",  "server-error", "redirect",     "token",   "digest", "other"};
inline constexpr std::array<std::string_view, 20> not_hit_words = {
    "absent",        "negative",       "not-linked",  "proof-due",
    "corrupt",       "range",          "range-whole", "tag-due",
    "tag-moved",     "tag-refreshing", "client-left", "upstream-unreachable",
    "upstream-slow", "rate-limit-low", "disk-full",   "inodes",
    "disk-error",    "index",          "too-large",   "other"};
inline constexpr std::array<std::string_view, 6> client_words = {"connections", "misses", "heads",
                                                                 "slow",        "idle",   "other"};
inline constexpr std::array<std::string_view, 4> dropped_words = {"left", "full", "yielded",
                                                                  "other"};
inline constexpr std::array<std::string_view, 3> loop_words = {"serve", "fetch", "admin"};
inline constexpr std::array<std::string_view, 4> pool_words = {"store", "serve", "admin", "other"};
inline constexpr std::array<std::string_view, 5> eviction_words = {"size", "reserve", "corrupt",
                                                                   "deleted", "other"};
inline constexpr std::array<std::string_view, 8> disk_words = {
    "open", "read", "write", "sync", "rename", "unlink", "index", "other"};
inline constexpr std::array<std::string_view, 6> bypass_words = {
    "disk-full", "inodes", "disk-error", "index", "too-large", "other"};
inline constexpr std::array<std::string_view, 5> object_words = {"blob", "manifest", "tag", "fill",
                                                                 "other"};

}  // namespace entrepot::metrics
