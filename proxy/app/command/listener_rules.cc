// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/listener_rules.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "conf/file_content.h"
#include "proxy/access/jwt/issuers.h"
#include "proxy/access/login/sha256.h"
#include "proxy/access/user_name.h"

namespace entrepot::app {
namespace {

using admission::ListenerRules;

/// Adds problems of a text that was read from `place`: a file, or a part of the configuration.
void report(const std::vector<access::Problem>& found, const std::string& place,
            conf::Problems& problems) {
  for (const auto& [where, what] : found) {
    std::string path = place;
    if (!path.empty() && !where.empty()) path += ", ";
    problems.error(path + where, what);
  }
}

/// Parses `text`; nullopt after problems.
template <typename Parsed, typename Text>
std::optional<Parsed> parse(const Text& text, const std::string& place, conf::Problems& problems) {
  auto parsed = Parsed::parse(text);
  if (auto* found = std::get_if<std::vector<access::Problem>>(&parsed)) {
    report(*found, place, problems);
    return std::nullopt;
  }
  return std::get<Parsed>(std::move(parsed));
}

/// Texts with their lengths, so that no two lists of texts make the same one.
void append(std::string& all, std::string_view text) {
  all.append(std::to_string(text.size())).append(":").append(text);
}

/// Whether JWTs name groups.
bool names_groups(const conf::Listener& listener) {
  return listener.auth &&
         std::any_of(listener.auth->jwt.begin(), listener.auth->jwt.end(),
                     [](const conf::JwtIssuer& issuer) { return !issuer.groups.empty(); });
}

class Loader {
 public:
  Loader(const conf::Config& config, const FetchedKeys& fetched, conf::Problems& problems)
      : problems_(problems), fetched_(fetched), access_(load_access(config, problems)) {
    for (const auto& [who, repositories, allow] :
         config.access.rules.value_or(std::vector<conf::AccessRule>())) {
      append(shared_, allow ? "allow" : "refuse");
      for (const auto* texts : {&who, &repositories}) append_all(shared_, *texts);
    }
    for (const auto& [group, users] : config.access.groups) {
      append(groups_, group);
      append_all(groups_, users);
    }
    append(shared_, groups_);
    for (const auto& upstream : config.upstreams) {
      append(shared_, upstream.name);
      append_all(shared_, upstream.deny);
    }
  }

  /// A listener for clients.
  LoadedRules load(const conf::Listener& listener, const std::string& path) {
    auto rules = std::make_shared<ListenerRules>();
    rules->access = access_;
    return load(listener, path, std::move(rules), shared_);
  }
  LoadedRules load_admin(const conf::Listener& listener) {
    return load(listener, "admin", std::make_shared<ListenerRules>(), groups_);
  }

 private:
  /// `source`: the texts of `rules` so far.
  LoadedRules load(const conf::Listener& listener, const std::string& path,
                   std::shared_ptr<ListenerRules> rules, std::string source) {
    append_all(source, listener.networks);
    rules->networks = parse_networks(listener.networks, path + ".networks", problems_);
    if (listener.auth) add_logins(*listener.auth, path + ".auth", *rules, source);
    const bool certificates = listener.tls && listener.tls->client_ca;
    rules->named_only = rules->logins || certificates;
    append(source, rules->named_only ? "named" : "");
    return {std::move(rules), access::hex(access::sha256_of(source))};
  }

  static void append_all(std::string& all, const std::vector<std::string>& texts) {
    append(all, std::to_string(texts.size()));
    for (const auto& text : texts) append(all, text);
  }

  void add_logins(const conf::ListenerAuth& auth, const std::string& path, ListenerRules& rules,
                  std::string& source) {
    rules.logins = true;
    rules.challenge = auth.challenge;
    append(source, auth.challenge ? "challenge" : "");
    if (auth.htpasswd)
      if (const auto text = read(*auth.htpasswd, path + ".htpasswd", source))
        if (auto users = parse<access::PasswordFile>(*text, auth.htpasswd->string(), problems_))
          rules.users = *std::move(users);
    if (auth.tokens)
      if (const auto text = read(*auth.tokens, path + ".tokens", source))
        if (auto tokens = parse<access::TokenFile>(*text, auth.tokens->string(), problems_))
          rules.tokens = *std::move(tokens);
    add_issuers(auth.jwt, path + ".jwt", rules, source);
    for (const auto& [name, token] : rules.tokens.tokens())
      if (rules.users.hash_of(name) != nullptr)
        problems_.error(path, "\"" + name + "\" is a user and a token; rename the token");
  }

  void add_issuers(const std::vector<conf::JwtIssuer>& configured, const std::string& path,
                   ListenerRules& rules, std::string& source) {
    if (configured.empty()) return;
    std::string texts;
    std::vector<access::Issuer> issuers;
    for (std::size_t i = 0; i < configured.size(); ++i)
      if (auto issuer = load_issuer(configured[i], conf::indexed(path, i), texts))
        issuers.push_back(*std::move(issuer));
    append(source, texts);
    rules.issuers =
        std::make_shared<const access::Issuers>(std::move(issuers), access::sha256_of(texts));
  }

  /// nullopt after problems.
  std::optional<access::Issuer> load_issuer(const conf::JwtIssuer& configured,
                                            const std::string& path, std::string& texts) {
    for (const auto* text :
         {&configured.issuer, &configured.user, &configured.user_prefix, &configured.groups})
      append(texts, *text);
    append_all(texts, configured.audience);
    append(texts, std::to_string(configured.leeway.count()));
    if (const auto fault = access::fault_of_login_name(configured.user_prefix + "user"))
      problems_.error(path + ".user_prefix", *fault);
    const auto user = claim(configured.user, path + ".user");
    auto groups =
        configured.groups.empty() ? std::nullopt : claim(configured.groups, path + ".groups");
    auto keys = load_keys(configured, path, texts);
    if (!keys || !user) return std::nullopt;
    return access::Issuer{.name = configured.issuer,
                          .audiences = configured.audience,
                          .keys = *std::move(keys),
                          .user = *user,
                          .user_prefix = configured.user_prefix,
                          .groups = std::move(groups),
                          .leeway = std::chrono::floor<std::chrono::seconds>(configured.leeway),
                          .discovered = configured.discovery};
  }

  /// nullopt after problems.
  std::optional<access::KeySet> load_keys(const conf::JwtIssuer& configured,
                                          const std::string& path, std::string& texts) {
    const auto source = key_source(configured);
    if (!source) {
      const auto content = conf::read_file(*configured.keys, access::KeySet::max_size + 1,
                                           path + ".keys", problems_);
      if (!content) return std::nullopt;
      append(texts, content->bytes);
      return parse<access::KeySet>(content->bytes, configured.keys->string(), problems_);
    }
    // Each fetch reads these files again.
    if (configured.ca && !conf::read_file(*configured.ca, 1, path + ".ca", problems_))
      return std::nullopt;
    if (configured.token_file &&
        !conf::read_file(*configured.token_file, 1, path + ".token_file", problems_))
      return std::nullopt;
    const auto found = fetched_.find(*source);
    if (found == fetched_.end()) return access::KeySet();
    append(texts, found->second);
    return parse<access::KeySet>(found->second, path, problems_);
  }

  /// nullopt after a problem.
  std::optional<access::ClaimName> claim(const std::string& name, const std::string& path) {
    auto parsed = access::ClaimName::parse(name);
    if (auto* valid = std::get_if<access::ClaimName>(&parsed)) return std::move(*valid);
    problems_.error(path, std::get<access::Fault>(parsed).text);
    return std::nullopt;
  }

  std::optional<std::string> read(const std::filesystem::path& file, const std::string& path,
                                  std::string& source) {
    auto content = conf::read_file(file, access::PasswordFile::max_size + 1, path, problems_);
    if (!content) return std::nullopt;
    if (content->readable_by_all)
      problems_.warn(path, file.string() + " can be read by every user; chmod it to 0400 or 0600");
    append(source, content->bytes);
    return std::move(content->bytes);
  }

  conf::Problems& problems_;
  const FetchedKeys& fetched_;
  const std::shared_ptr<const access::Rules> access_;
  std::string groups_;  // the texts of the groups
  std::string shared_;  // the texts of `access_`
};

}  // namespace

std::vector<Network> parse_networks(const std::vector<std::string>& texts, const std::string& path,
                                    conf::Problems& problems) {
  std::vector<Network> networks;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto parsed = Network::parse(texts[i]);
    if (const auto* fault = std::get_if<Fault>(&parsed))
      problems.error(conf::indexed(path, i), fault->text);
    else
      networks.push_back(std::get<Network>(parsed));
  }
  return networks;
}

access::RulesText rules_text(const conf::Config& config) {
  access::RulesText text;
  for (const auto& [who, repositories, allow] :
       config.access.rules.value_or(std::vector<conf::AccessRule>()))
    text.access.push_back({who, repositories, allow});
  text.groups = config.access.groups;
  text.groups_in_claims = std::any_of(config.listen.begin(), config.listen.end(), names_groups) ||
                          (config.admin && names_groups(config.admin->listener));
  for (const auto& upstream : config.upstreams) {
    text.upstreams.push_back(upstream.name);
    if (!upstream.deny.empty()) text.deny[upstream.name] = upstream.deny;
  }
  return text;
}

std::shared_ptr<const access::Rules> load_access(const conf::Config& config,
                                                 conf::Problems& problems) {
  auto rules = parse<access::Rules>(rules_text(config), "", problems);
  if (!rules || rules->empty()) return nullptr;
  return std::make_shared<const access::Rules>(*std::move(rules));
}

std::optional<KeySource> key_source(const conf::JwtIssuer& issuer) {
  if (!issuer.discovery) return std::nullopt;
  return KeySource{issuer.issuer, issuer.ca.value_or(""), issuer.token_file.value_or("")};
}

AllRules load_rules(const conf::Config& config, const FetchedKeys& fetched,
                    conf::Problems& problems) {
  Loader loader(config, fetched, problems);
  AllRules loaded;
  for (std::size_t i = 0; i < config.listen.size(); ++i)
    loaded.listen.push_back(loader.load(config.listen[i], conf::indexed("listen", i)));
  if (config.admin) loaded.admin = loader.load_admin(config.admin->listener);
  return loaded;
}

}  // namespace entrepot::app
