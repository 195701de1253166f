// SPDX-License-Identifier: Apache-2.0
// Steps: text → document → overrides → decoding → file names → validation. Each step adds to one
// list of problems.
#include "conf/load.h"

#include <string.h>
#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "conf/decode.h"
#include "conf/json/document.h"
#include "conf/json/problems.h"
#include "conf/named_files.h"
#include "conf/override.h"
#include "conf/validate.h"

namespace entrepot::conf {
namespace {

constexpr std::string_view builtin_name = "built-in configuration";
constexpr std::size_t max_file_size = 4 << 20;

std::string by_line(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += (text.empty() ? "" : "\n") + line;
  return text;
}

void prefix(std::vector<std::string>& lines, std::string_view name) {
  for (auto& line : lines)
    if (!line.starts_with("-s ")) line.insert(0, std::string(name) + ": ");
}

[[noreturn]] void fail(Problems problems, std::string_view name) {
  prefix(problems.errors, name);
  throw ConfigError(std::move(problems.errors));
}

/// `document`: top-level keys that replace the built-in ones.
Loaded load_document(const Json& document, std::string_view name,
                     const std::vector<std::string>& overrides, Problems problems,
                     const std::filesystem::path& folder) {
  Json whole = builtin_document();
  for (const auto& [key, value] : document.items()) whole[key] = value;
  for (const auto& assignment : overrides) apply_override(assignment, whole, problems);
  Loaded loaded;
  loaded.config = decode(whole, problems);
  find_named_files(loaded.config, folder);
  validate(loaded.config, problems);
  if (!problems.errors.empty()) fail(std::move(problems), name);
  prefix(problems.warnings, name);
  loaded.warnings = std::move(problems.warnings);
  return loaded;
}

std::string content_of(const std::filesystem::path& file) {
  const auto unreadable = [&](const std::string& why) {
    return ConfigError({file.string() + ": cannot read the configuration: " + why});
  };
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) throw unreadable(std::generic_category().message(errno));
  if (S_ISDIR(status.st_mode)) throw unreadable("it is a directory");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw unreadable(std::generic_category().message(errno));
  std::string text;
  for (std::istreambuf_iterator<char> at(stream), end; at != end && text.size() <= max_file_size;
       ++at)
    text += *at;
  if (text.size() > max_file_size) throw unreadable("it is larger than 4 MiB");
  return text;
}

}  // namespace

ConfigError::ConfigError(std::vector<std::string> lines)
    : std::runtime_error(by_line(lines)), lines_(std::move(lines)) {}

Loaded load(const std::optional<std::filesystem::path>& file,
            const std::vector<std::string>& overrides) {
  if (!file) return load_document(Json::object(), builtin_name, overrides, {}, {});
  return load_text(content_of(*file), file->string(), overrides, file->parent_path());
}

Loaded load_text(std::string_view text, std::string_view name,
                 const std::vector<std::string>& overrides, const std::filesystem::path& folder) {
  Problems problems;
  const auto document = parse_document(text, problems);
  if (!document) fail(std::move(problems), name);
  return load_document(*document, name, overrides, std::move(problems), folder);
}

void for_each_password(Config& config, const std::function<void(std::string& password)>& change) {
  const auto change_all = [&](std::vector<Credential>& credentials) {
    for (auto& credential : credentials) change(credential.password);
  };
  for (auto& upstream : config.upstreams) {
    change_all(upstream.credentials);
    for (auto* server : {&upstream.proxy.for_https, &upstream.proxy.for_http})
      if (server->account) change(server->account->password);
    for (auto& endpoint : upstream.endpoints) change_all(endpoint.credentials);
  }
}

void forget_passwords(Config& config) {
  for_each_password(config, [](std::string& password) {
    ::explicit_bzero(password.data(), password.size());
    password.clear();
  });
}

}  // namespace entrepot::conf
