// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/schemes.h"

#include <utility>

namespace entrepot::upstream {

const AuthScheme* Schemes::of(std::string_view repository) const {
  const auto own = own_.find(repository);
  if (own != own_.end()) return &own->second.scheme;
  return common_ ? &*common_ : nullptr;
}

void Schemes::learn(const std::string& repository, AuthScheme scheme) {
  scheme.scope.clear();
  if (const auto own = own_.find(repository); own != own_.end()) forget(own);
  if (!scheme.of_one_question()) {
    common_ = std::move(scheme);
    return;
  }
  const auto at = own_.try_emplace(repository, Own{.scheme = std::move(scheme), .place = {}}).first;
  at->second.place = by_age_.insert(by_age_.end(), &at->first);
  if (own_.size() > most_own) forget(own_.find(*by_age_.front()));
}

void Schemes::forget(const std::string& repository, const AuthScheme& scheme) {
  const auto own = own_.find(repository);
  if (own != own_.end()) {
    if (own->second.scheme.same_server(scheme)) forget(own);
  } else if (common_ && common_->same_server(scheme)) {
    common_.reset();
  }
}

void Schemes::forget(Owned::iterator at) {
  by_age_.erase(at->second.place);
  own_.erase(at);
}

}  // namespace entrepot::upstream
