// SPDX-License-Identifier: Apache-2.0
#include "cache/offline.h"

#include <filesystem>
#include <utility>

#include "cache/layout.h"
#include "cache/loading.h"
#include "cache/scrub.h"
#include "cache/shared.h"

namespace entrepot::cache {
namespace {

Options checked(Options options) {
  std::error_code error;
  if (!std::filesystem::exists(Layout(options.directory).index(), error))
    throw OpenError("there is no cache in " + options.directory.string() +
                    "; name another one with cache.directory");
  return options;
}

}  // namespace

struct OfflineCache::Parts {
  /// A pool of the calling thread: a job is done when post() returns.
  class AtOnce final : public Poster {
   public:
    void post(Job job) override { job(); }
  };

  explicit Parts(Options options) : shared(checked(std::move(options)), clock, metrics, pool) {
    Scrub scrub(shared);
    Loading loading(shared, scrub);
    Loading::read_pins(shared);
    Loading::read_partials(shared);
    loading.run();
    shared.rocks.count_tags();
  }

  SystemClock clock;
  metrics::Metrics metrics{{}};
  AtOnce pool;
  Shared shared;
  Inspection inspection{shared};
};

OfflineCache::OfflineCache(Options options) : parts_(std::make_unique<Parts>(std::move(options))) {}
OfflineCache::~OfflineCache() = default;

Inspection& OfflineCache::inspection() { return parts_->inspection; }

}  // namespace entrepot::cache
