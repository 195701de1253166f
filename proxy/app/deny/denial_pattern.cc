// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/denial_pattern.h"

#include <algorithm>

#include "metrics/printable.h"
#include "proxy/access/denials.h"
#include "proxy/app/command/component_options.h"
#include "proxy/base/text.h"
#include "proxy/registry/request/names.h"

namespace entrepot::app {
namespace {

/// The position behind the set that begins at `open`, as in access::Glob.
std::size_t end_of_set(std::string_view pattern, std::size_t open) {
  std::size_t at = open + 1;
  if (pattern[at] == '!' || pattern[at] == '^') ++at;
  return pattern.find(']', at + 1) + 1;
}

/// A name that matches: `a` stands for each special character and each set. If any
/// name matches the pattern, this one is a valid name, too: a letter between two parts of a valid
/// name breaks none of its rules. REQUIRES: a pattern without a fault.
std::string sample_of(std::string_view pattern) {
  std::string sample;
  for (std::size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '\\') {
      sample += pattern[at + 1];
      at += 2;
      continue;
    }
    sample += c == '*' || c == '?' || c == '[' ? 'a' : c;
    at = c == '[' ? end_of_set(pattern, at) : at + 1;
  }
  return sample;
}

}  // namespace

std::vector<DenialUpstream> denial_upstreams(const conf::Config& config) {
  std::vector<DenialUpstream> list;
  for (const auto& upstream : config.upstreams)
    list.push_back({upstream.name, is_docker_hub(upstream)});
  return list;
}

std::optional<std::string> fault_of_new_denial(std::string_view pattern,
                                               const std::vector<DenialUpstream>& upstreams) {
  if (pattern.empty()) return "which pattern? such as docker.io/library/evil or ghcr.io/acme/*";
  const std::size_t slash = pattern.find('/');
  const auto name = std::string(pattern.substr(0, slash));
  const auto upstream = std::ranges::find(upstreams, name, &DenialUpstream::name);
  const bool is_name = !name.empty() && name.find_first_of(access::Glob::special) == name.npos;
  if (is_name && upstream == upstreams.end())
    return "no upstream \"" + printable(name) + "\"; a pattern begins with the upstream, such as " +
           (upstreams.empty() ? "docker.io" : printable(upstreams.front().name)) + "/library/*";
  if (auto fault = access::Denials::fault(pattern)) return fault;
  const auto repository = pattern.substr(slash + 1);
  const auto sample = sample_of(repository);
  const auto write = "; write " + name + "/";
  if (sample.find_first_of(":@") != sample.npos)
    return "a denial holds for whole repositories, with all their tags and digests" + write +
           printable(repository.substr(0, repository.find_first_of(":@")));
  if (!registry::valid_name(sample) && registry::valid_name(lower_case(sample)))
    return "no repository has upper-case letters" + write + printable(lower_case(repository));
  if (!registry::valid_name(sample))
    return "no repository can match " + printable(repository) +
           ": a name has lower-case letters and digits, and single '/', '.', '_' or '-' between "
           "them, such as library/evil";
  if (upstream->docker_hub &&
      repository.find_first_of(std::string(access::Glob::special) + "/") == repository.npos)
    return "the repository " + std::string(repository) + " of Docker Hub is library/" +
           std::string(repository) + write + "library/" + std::string(repository);
  return std::nullopt;
}

}  // namespace entrepot::app
