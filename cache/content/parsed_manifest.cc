// SPDX-License-Identifier: Apache-2.0
#include "cache/content/parsed_manifest.h"

#include <utility>
#include <vector>

#include "cache/base/media_type.h"
#include "cache/content/schema1.h"

namespace entrepot::cache {

ParsedManifest read_manifest(Algorithm algorithm, std::string bytes) {
  auto outline = parse_manifest(bytes);
  const auto digest = digest_of(algorithm, bytes);
  auto content =
      std::make_shared<Content>(Content{digest, bytes.size(), {}, nullptr, nullptr, nullptr});
  content->bytes = std::make_shared<const std::string>(std::move(bytes));
  if (outline) {
    content->media_type = outline->media_type;
    content->references =
        std::make_shared<const std::vector<Digest>>(std::exchange(outline->references, {}));
  }
  std::optional<Digest> payload;
  if (content->media_type == docker_schema1)
    payload = signed_payload_digest(algorithm, *content->bytes);
  return {std::move(content), std::move(outline), payload};
}

void read_manifest(Algorithm algorithm, std::string bytes, JobQueue& store, Executor& home,
                   std::function<void(ParsedManifest)> done) {
  if (bytes.size() <= read_at_once) return done(read_manifest(algorithm, std::move(bytes)));
  store.post([algorithm, bytes = std::move(bytes), &home, done = std::move(done)]() mutable {
    home.post(
        [done = std::move(done), read = read_manifest(algorithm, std::move(bytes))]() mutable {
          done(std::move(read));
        });
  });
}

}  // namespace entrepot::cache
