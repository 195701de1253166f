// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/api/requests.h"
#include "cache/store/tag_table.h"

namespace entrepot::cache {

/// Requests a manifest by tag if its registry does not have it by digest (GitLab,
/// docker.pkg.github.com). Engines resolve a tag with HEAD and request the digest afterwards, so
/// that the tag is known. A value type; any thread.
class TagFallback {
 public:
  /// Both outlive this.
  TagFallback(const TagTable& tags, ObjectRouter& router) : tags_(&tags), router_(&router) {}

  /// Sends the request by a tag that names its digest, and replies with the manifest if the tag
  /// still names it. `failure`: the answer to the request by digest. Returns false, and does
  /// nothing, if the failure does not allow it or no such tag is in memory.
  bool take(const ObjectRequest& request, const Failure& failure) const;

 private:
  const TagTable* tags_;
  ObjectRouter* router_;
};

}  // namespace entrepot::cache
