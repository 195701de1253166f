// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/token_file.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "metrics/printable.h"
#include "proxy/access/login/utc_time.h"
#include "proxy/access/user_name.h"

namespace entrepot::access {
namespace {

using Json = nlohmann::json;

constexpr std::string_view time_form = "write it as \"2026-11-30T10:00:00Z\"";

/// Reads the entries of the file, and collects their problems.
class Reader {
 public:
  TokenFile file;
  Problems problems;

  void read(const Json& document) {
    if (!document.is_object() || !document.contains("tokens") || !document["tokens"].is_array()) {
      problems.add("", "no list \"tokens\"; the file is {\"tokens\": [...]}");
      return;
    }
    for (const auto& [key, value] : document.items())
      if (key != "tokens") problems.add("", "unknown key \"" + printable(key) + '"');
    std::size_t index = 0;
    for (const Json& entry : document["tokens"]) read_token(entry, index++);
  }

 private:
  void read_token(const Json& entry, std::size_t index) {
    where_ = "tokens[" + std::to_string(index) + "]";
    if (!entry.is_object()) {
      problems.add(where_,
                   "is no object; write {\"name\": ..., \"sha256\": ..., \"created\": ...}");
      return;
    }
    sound_ = true;
    Token token;
    token.name = read_name(entry);
    if (sound_) where_ += " (\"" + printable(token.name) + "\")";
    refuse_unknown_keys(entry);
    if (const auto hash = parse_sha256(text_of(entry, "sha256")))
      token.hash = *hash;
    else
      refuse("\"sha256\" is no 64 hexadecimal digits; make the token by `entrepot token create`");
    if (const auto created = parse_utc_time(text_of(entry, "created")))
      token.created = *created;
    else
      refuse("\"created\" is no time in UTC; " + std::string(time_form));
    if (entry.contains("expires")) {
      token.expires = parse_utc_time(text_of(entry, "expires"));
      if (!token.expires) refuse("\"expires\" is no time in UTC; " + std::string(time_form));
    }
    if (sound_) add(std::move(token));
  }

  std::string read_name(const Json& entry) {
    std::string name(text_of(entry, "name"));
    if (const auto fault = fault_of_user_name(name)) refuse("\"name\": " + *fault);
    return name;
  }

  void refuse_unknown_keys(const Json& entry) {
    for (const auto& [key, value] : entry.items())
      if (key != "name" && key != "sha256" && key != "created" && key != "expires")
        refuse("unknown key \"" + printable(key) +
               "\"; the keys are name, sha256, created and expires");
  }

  void add(Token token) {
    if (file.has(token.name))
      refuse("a second token of this name; remove one of the two");
    else if (!file.add(std::move(token)))
      refuse("has the same \"sha256\" as another token; remove one of the two");
  }

  void refuse(std::string what) {
    problems.add(where_, std::move(what));
    sound_ = false;
  }

  /// Empty if the value is absent or no string.
  static std::string_view text_of(const Json& entry, const char* key) {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_string()) return {};
    return found->get_ref<const std::string&>();
  }

  std::string where_;  // the place of the present entry
  bool sound_ = true;  // the present entry has no problem so far
};

Json json_of(const Token& token) {
  Json entry = {
      {"name", token.name}, {"sha256", hex(token.hash)}, {"created", utc_time_text(token.created)}};
  if (token.expires) entry["expires"] = utc_time_text(*token.expires);
  return entry;
}

std::string place_of(std::string_view text, std::size_t byte) {
  std::size_t line = 1;
  for (const char c : text.substr(0, byte)) line += c == '\n' ? 1 : 0;
  return "line " + std::to_string(line);
}

}  // namespace

std::variant<TokenFile, std::vector<Problem>> TokenFile::parse(std::string_view text) {
  if (text.size() > max_size)
    return std::vector<Problem>{{"", "larger than 4 MiB, so this is no file of tokens"}};
  Reader reader;
  try {
    reader.read(Json::parse(text));
  } catch (const Json::parse_error& error) {
    return std::vector<Problem>{{place_of(text, error.byte), "not JSON; see `entrepot token`"}};
  } catch (const Json::exception&) {
    return std::vector<Problem>{{"", "holds a number that is out of range; see `entrepot token`"}};
  }
  if (reader.problems.any()) return reader.problems.take();
  return std::move(reader.file);
}

std::string TokenFile::text() const {
  std::string text = "{\n  \"tokens\": [";
  std::string_view before = "\n    ";
  for (const auto& [name, token] : tokens_) {
    // A name that is not UTF-8 comes from the command line only, which refuses it.
    text.append(before).append(json_of(token).dump(-1, ' ', false, Json::error_handler_t::replace));
    before = ",\n    ";
  }
  return text.append(tokens_.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

TokenFile::Found TokenFile::find(std::string_view text, std::chrono::sys_seconds now) const {
  const auto name = names_.find(sha256_of(text));
  if (name == names_.end()) return {};
  const Token& token = tokens_.find(name->second)->second;
  return {token.expired(now) ? TokenState::expired : TokenState::valid, &token};
}

TokenFile::Found TokenFile::find(std::string_view name, std::string_view text,
                                 std::chrono::sys_seconds now) const {
  const Found found = find(text, now);
  return found.token != nullptr && found.token->name == name ? found : Found{};
}

bool TokenFile::add(Token token) {
  if (has(token.name) || names_.contains(token.hash)) return false;
  names_.emplace(token.hash, token.name);
  tokens_.emplace(token.name, std::move(token));
  return true;
}

bool TokenFile::remove(std::string_view name) {
  const auto found = tokens_.find(name);
  if (found == tokens_.end()) return false;
  names_.erase(found->second.hash);
  tokens_.erase(found);
  return true;
}

}  // namespace entrepot::access
