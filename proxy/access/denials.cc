// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/denials.h"

#include <algorithm>
#include <utility>

#include "metrics/printable.h"

namespace entrepot::access {

std::optional<std::string> Denials::fault(std::string_view pattern) {
  if (auto fault = Glob::fault(pattern)) return fault;
  const std::size_t slash = pattern.find('/');
  const std::string_view upstream = pattern.substr(0, slash);
  const std::string name = printable(upstream);
  if (upstream.empty() || upstream.find_first_of(Glob::special) != upstream.npos)
    return "a pattern begins with the name of one upstream, such as docker.io/library/*";
  if (slash == pattern.npos || slash + 1 == pattern.size())
    return "names no repository; write " + name + "/* for all of this upstream";
  return std::nullopt;
}

Denials::Denials(std::vector<Denial> list) : list_(std::move(list)) {
  for (const Denial& denial : list_) {
    const std::size_t slash = denial.pattern.find('/');
    globs_[denial.pattern.substr(0, slash)].emplace_back(
        std::string_view(denial.pattern).substr(slash + 1));
  }
}

bool Denials::matches(std::string_view upstream, std::string_view repository) const {
  const auto found = globs_.find(upstream);
  if (found == globs_.end()) return false;
  return repository.size() > Glob::longest_text ||
         std::ranges::any_of(found->second,
                             [&](const Glob& glob) { return glob.matches(repository); });
}

}  // namespace entrepot::access
