// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/access_cli/access_command.h"

#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/json/problems.h"
#include "conf/load.h"
#include "metrics/metrics.h"
#include "metrics/printable.h"
#include "proxy/app/access_cli/explanation.h"
#include "proxy/app/command/component_options.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/command/listener_rules.h"
#include "proxy/registry/reply/target.h"
#include "proxy/registry/request/upstream_table.h"

namespace entrepot::app {
namespace {

int wrong_usage(const std::string& text) {
  std::cerr << "entrepot: " << text << '\n';
  return exit_usage;
}

/// The listeners that `address` selects; nullopt: all of them.
std::vector<ExplainedListener> listeners_of(const conf::Config& config,
                                            const std::optional<std::string>& address,
                                            conf::Problems& problems) {
  std::vector<ExplainedListener> listeners;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const conf::Listener& listener = config.listen[i];
    auto networks =
        parse_networks(listener.networks, conf::indexed("listen", i) + ".networks", problems);
    if (!address || *address == listener.address)
      listeners.push_back(explained_listener(listener, i, std::move(networks)));
  }
  return listeners;
}

/// REQUIRES: the command line has checked them.
access::Claims claims_of(const std::vector<std::string>& texts) {
  access::Claims claims;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const auto name = access::ClaimName::parse(std::string_view(text).substr(0, equals));
    claims.add(std::get<access::ClaimName>(name).pointer(), text.substr(equals + 1));
  }
  return claims;
}

template <typename List, typename Text>
std::string joined(const List& list, Text text_of) {
  std::string text;
  for (const auto& each : list) text.append(text.empty() ? "" : ", ").append(text_of(each));
  return text;
}

/// "upstream/repository", taken apart.
struct Target {
  registry::UpstreamPtr upstream;         ///< null: of no configured upstream
  std::optional<std::string> repository;  ///< nullopt: no valid name
};

Target target_of(const registry::UpstreamTable& upstreams, std::string_view name) {
  const std::size_t slash = name.find('/');
  Target target{.upstream = upstreams.find(name.substr(0, slash)), .repository = std::nullopt};
  if (target.upstream == nullptr || slash == name.npos) return target;
  std::string inserted;
  if (const auto full =
          registry::name_at_upstream(*target.upstream, name.substr(slash + 1), inserted))
    target.repository = std::string(*full);
  return target;
}

}  // namespace

int run_access_command(const Command& command, const conf::Config& config) {
  const AccessQuestion& question = command.access;
  conf::Problems problems;
  const auto rules = load_access(config, problems);
  const auto listeners = listeners_of(config, question.listen, problems);
  if (!problems.errors.empty()) throw conf::ConfigError(std::move(problems.errors));
  const metrics::Metrics metrics(metric_labels(config));
  const registry::UpstreamTable upstreams(registry_options(config), metrics);

  const Target target = target_of(upstreams, question.repository);
  if (target.upstream == nullptr)
    return wrong_usage(printable(question.repository) +
                       " begins with no configured upstream; these are: " +
                       joined(config.upstreams, [](const auto& each) { return each.name; }));
  if (!target.repository)
    return wrong_usage(printable(question.repository) + " names no repository; write " +
                       target.upstream->name + "/library/alpine");
  if (listeners.empty())
    return wrong_usage("the configuration does not listen on " +
                       printable(question.listen.value_or("")) + "; it does on " +
                       joined(config.listen, [](const auto& each) { return each.address; }));
  const access::Claims claims = claims_of(question.claims);
  if (!claims.empty() && question.user.empty())
    return wrong_usage("a JWT with claims has a user; write its name, or leave out --claim");

  access::Caller caller;
  caller.address = question.address;
  caller.user = question.user;
  caller.uid = question.uid;
  caller.certificate = std::span(question.certificate);
  if (!claims.empty()) caller.claims = &claims;
  const Explanation explanation =
      explain(rules.get(), listeners, caller, target.upstream->name, *target.repository);
  for (const auto& line : explanation.lines) std::cout << line << '\n';
  return explanation.allowed ? exit_ok : exit_found;
}

}  // namespace entrepot::app
