// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/link_proof.h"

#include <utility>

#include "cache/base/media_type.h"

namespace entrepot::cache {

LinkProof::LinkProof(const Environment& environment, LinkTable& links, Source& source, Owner& owner,
                     const ObjectRequest& first)
    : environment_(environment),
      links_(links),
      source_(source),
      owner_(owner),
      resource_(first.resource),
      repository_(first.repository),
      digest_(first.digest),
      sent_{first.reply.via(), first.reply.accept()},
      client_(first.reply.client()),
      had_link_(first.had_link) {
  environment_.metrics.flights().add(1);
}

LinkProof::~LinkProof() { environment_.metrics.flights().add(-1); }

void LinkProof::start(std::string_view stored_type) {
  const auto max_size = resource_ == Resource::manifest ? environment_.options.max_manifest
                                                        : environment_.limits.max_blob.load();
  FetchRequest request{repository_.upstream, repository_.name, resource_, digest_.str(),
                       /*head=*/true,        /*offset=*/0,     max_size};
  request.via = sent_.via;
  request.accept = accept_with(sent_.accept, stored_type);
  request.client = client_;
  request.demand = this;
  request.patient = !had_link_;
  request.record = record_;
  fetch_ = source_.fetch(std::move(request), *this);
}

void LinkProof::join(ObjectRequest request) {
  const Client client = request.reply.client();
  request.reply.waits_for(record_);
  add_waiting(waiting_, std::move(request));
  if (fetch_) fetch_->wanted_by(client);
}

void LinkProof::on_done(const std::optional<Failure>& failure) {
  const auto self = shared_from_this();
  fetch_.reset();
  auto waiting = std::exchange(waiting_, {});
  owner_.unlist(*this);
  if (failure) {
    owner_.proof_failed(repository_, resource_, digest_, sent_, std::move(waiting), *failure);
    return;
  }
  links_.add(repository_, digest_, LinkRecord::Proof::upstream);
  owner_.proven(head_, std::move(waiting));
}

void LinkProof::abandon(const Failure& failure) {
  fetch_.reset();
  for (const auto& request : std::exchange(waiting_, {})) {
    request.reply({Outcome::error, request.reason, nullptr, failure});
  }
}

}  // namespace entrepot::cache
