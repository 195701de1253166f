// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace entrepot::conf {

/// One key of a configuration with its value, or one entry of a list. Text for operators.
struct KeyValue {
  /// Its path: "limits.connections"; an entry of a list is named instead of numbered:
  /// "upstreams.docker.io.endpoints[https://a.example]".
  std::string key;
  /// Its row in docs/configuration.md: "upstreams.NAME.endpoints[].url". The row "upstreams.NAME"
  /// is the upstream itself, "admin" and "admin.tls" say whether there is one.
  std::string row;
  /// As in a file, without quotes: "100GiB", "null"; of an entry, its name.
  std::string value;
  /// The path of the list of an entry, or of the object whose keys are names. Empty for a key.
  std::string list = {};
  /// `value` is a secret, or its mark: only whether it has changed may be shown.
  bool secret = false;
  bool operator==(const KeyValue&) const = default;
};

/// All keys of `config`, in the order of the reference; the keys of an entry follow it. Pure.
std::vector<KeyValue> key_values(const Config& config);

/// "100GiB", "1500000": the largest unit that gives a whole number. Pure.
std::string size_text(std::uint64_t bytes);
/// "90s", "2m": the same. Pure.
std::string duration_text(Milliseconds time);

}  // namespace entrepot::conf
