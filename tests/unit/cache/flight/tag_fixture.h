// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {

class TagTest : public CacheTest {
 protected:
  /// Pulls `tag` so that it is stored and fresh.
  void pull(const std::string& tag = "latest") {
    ask_tag(tag);
    last().answer(manifest, oci_manifest_type);
    executor.run();
  }
  const std::string manifest = manifest_naming({sha256("layer")});
  const std::string moved = manifest_naming({sha256("other layer")});
};

}  // namespace entrepot::cache
