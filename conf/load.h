// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::conf {

/// What is wrong with a configuration: every problem found, one line each, with the file (or `-s`)
/// and the path of the key, never with a secret.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<std::string> lines);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

struct Loaded {
  Config config;
  /// Lines worth telling the operator: a password file that others can read, …
  std::vector<std::string> warnings;
};

/// Loads a configuration. Main thread; reads the file, password files and CA files, and touches
/// neither network nor cache directory. Throws ConfigError.
///
/// `file`: JSON with // and /* */ comments; nullopt: the built-in configuration. A file replaces
/// the built-in one key by key at the top level: a file without "upstreams" has the built-in ones.
///
/// `overrides`: "key=value" in the order given, applied before anything is checked.
///  - The key is a dotted path, `[n]` chooses an entry of a list (the one behind the last adds
///  one):
///    cache.max_size=10GiB, listen[0].address=0.0.0.0:5000.
///  - Names with dots are matched against the keys that exist, longest first, or quoted:
///    upstreams.docker.io.tags.fresh_for=5s, upstreams."my.registry".endpoints=[{"url":"…"}].
///  - The value is taken as JSON where it is JSON (true, 4, null, {…}), else as text.
Loaded load(const std::optional<std::filesystem::path>& file,
            const std::vector<std::string>& overrides);

/// The same from text; `name` stands for the file in messages, `folder` is where relative names of
/// files begin (named_files.h).
Loaded load_text(std::string_view text, std::string_view name,
                 const std::vector<std::string>& overrides,
                 const std::filesystem::path& folder = {});

/// Overwrites every password, once the components that need them have them.
void forget_passwords(Config& config);

}  // namespace entrepot::conf
