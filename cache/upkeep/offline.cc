// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/offline.h"

#include <filesystem>
#include <utility>

#include "cache/base/open_error.h"
#include "cache/index/layout.h"
#include "cache/space/storage.h"
#include "cache/upkeep/scrub.h"
#include "cache/upkeep/startup.h"

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
  /// A pool that runs each job within post(), on the calling thread.
  class InlinePool final : public JobQueue {
   public:
    void post(Job job) override { job(); }
  };

  explicit Parts(Options options) : storage(checked(std::move(options)), clock, metrics, pool) {
    Scrub scrub(storage.environment, storage.store, storage.files);
    Startup loading(storage, scrub);
    Startup::read_pins(storage);
    Startup::read_partials(storage);
    loading.run();
    storage.rocks.usage().count_tags();
  }

  SystemClock clock;
  metrics::Metrics metrics{{}};
  InlinePool pool;
  Storage storage;
  CacheAdmin admin{storage};
};

OfflineCache::OfflineCache(Options options) : parts_(std::make_unique<Parts>(std::move(options))) {}
OfflineCache::~OfflineCache() = default;

CacheAdmin& OfflineCache::admin() { return parts_->admin; }

}  // namespace entrepot::cache
