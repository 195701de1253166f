// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::conf {

/// The faults of a configuration: one line for each, with the file (or `-s`) and the path of the
/// key, never with a secret.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<std::string> lines);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

struct Loaded {
  Config config;
  /// Warnings for the operator, such as a password file that others can read.
  std::vector<std::string> warnings;
};

/// Loads a configuration. Main thread. Reads the file, password files and CA files; accesses
/// neither the network nor the cache directory. Throws ConfigError.
///
/// `file`: JSON with // and /* */ comments; nullopt: the built-in configuration. A file replaces
/// the built-in one key by key at the top level: a file without "upstreams" has the built-in ones.
///
/// `overrides`: "key=value" in the order given, applied before validation.
///  - The key is a dotted path. `[n]` selects an entry of a list; the index after the last one adds
///    an entry: cache.max_size=10GiB, listen[0].address=0.0.0.0:5000.
///  - Names with dots are matched against existing keys, longest first, or quoted:
///    upstreams.docker.io.tags.fresh_for=5s, upstreams."my.registry".endpoints=[{"url":"…"}].
///  - A value that parses as JSON (true, 4, null, {…}) is JSON; any other is a text.
Loaded load(const std::optional<std::filesystem::path>& file,
            const std::vector<std::string>& overrides);

/// Loads a configuration from text. `name` represents the file in messages; `folder` is the base of
/// relative file names (named_files.h).
Loaded load_text(std::string_view text, std::string_view name,
                 const std::vector<std::string>& overrides,
                 const std::filesystem::path& folder = {});

/// Calls `change` for every password.
void for_each_password(Config& config, const std::function<void(std::string& password)>& change);
/// Overwrites every password. Call it once the components have received them.
void forget_passwords(Config& config);

}  // namespace entrepot::conf
