// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_store.h"

#include <rocksdb/convenience.h>

namespace entrepot::cache {
namespace {

/// An index that must not be closed. Referenced here so that leak checkers do not report it.
const OpenedRocks* left_open = nullptr;

rocksdb::WriteOptions write_options(bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  return options;
}

}  // namespace

RocksStore::RocksStore(std::filesystem::path path, std::uint64_t max_size,
                       const metrics::Metrics& metrics)
    : space_to_open(max_unflushed_size(max_size)),
      path_(std::move(path)),
      max_size_(max_size),
      owned_(shared(open_rocks(path_, max_size))),
      present_(owned_),
      health_(metrics.disk().errors(metrics::DiskOperation::index), [this] { return resume(); }) {
  if (owned_->was_damaged) metrics.disk().errors(metrics::DiskOperation::index).add();
}

RocksStore::~RocksStore() {
  std::shared_ptr<const OpenedRocks> owned;  // ends while all members exist
  const MutexLock lock(mutex_);
  owned = std::move(owned_);
}

std::shared_ptr<const OpenedRocks> RocksStore::shared(OpenedRocks opened) {
  return {new OpenedRocks(std::move(opened)), [this](const OpenedRocks* last) {
            if (health_.failed()) {
              left_open = last;
            } else {
              for (auto* handle : last->families) last->db->DestroyColumnFamilyHandle(handle);
              delete last;
            }
            const MutexLock lock(mutex_);
            closed_ = true;
            changed_.notify_all();
          }};
}

std::shared_ptr<const OpenedRocks> RocksStore::acquire() const {
  const MutexLock lock(mutex_);
  while (true) {
    if (auto opened = present_.lock()) return opened;
    if (replaced_) return nullptr;
    changed_.wait(mutex_);
  }
}

bool RocksStore::release() {
  if (!health_.release()) return false;
  // Merges would delay the end of the uses that wait for them.
  if (const Use use(*this); use) rocksdb::CancelAllBackgroundWork(use.operator->(), true);
  std::shared_ptr<const OpenedRocks> owned;
  {
    const MutexLock lock(mutex_);
    replaced_ = false;
    closed_ = false;
    owned = std::move(owned_);
  }
  owned.reset();  // closes it here, unless it is in use
  {
    const MutexLock lock(mutex_);
    while (!closed_) changed_.wait(mutex_);
  }
  auto reading = open_rocks_for_reading(path_, max_size_);
  if (reading.db != nullptr) owned = shared(std::move(reading));
  const MutexLock lock(mutex_);
  owned_ = std::move(owned);
  present_ = owned_;
  replaced_ = true;
  changed_.notify_all();
  return true;
}

bool RocksStore::resume() {
  const Use use(*this);
  if (!use || !use->Resume().ok()) return false;
  return use->Put(write_options(true), use.family(meta_family), "room", "").ok();
}

bool RocksStore::write(const Use& use, rocksdb::WriteBatch& batch, bool sync) {
  if (!use || health_.released()) return false;
  return health_.written(use->Write(write_options(sync), &batch));
}

bool RocksStore::put(Family family, std::string_view key, std::string_view value, bool sync) {
  const Use use(*this);
  rocksdb::WriteBatch batch;
  if (use) batch.Put(use.family(family), rocks_slice(key), rocks_slice(value));
  return write(use, batch, sync);
}

bool RocksStore::erase(Family family, std::string_view key, bool sync) {
  const Use use(*this);
  rocksdb::WriteBatch batch;
  if (use) batch.Delete(use.family(family), rocks_slice(key));
  return write(use, batch, sync);
}

std::optional<std::string> RocksStore::get(Family family, std::string_view key) const {
  const Use use(*this);
  if (!use) return std::nullopt;
  std::string value;
  const auto status = use->Get({}, use.family(family), rocks_slice(key), &value);
  if (status.ok()) return value;
  // After release(), the next process may remove files under this one.
  if (!status.IsNotFound() && !health_.released())
    log::error("index: reading failed: {}", status.ToString());
  return std::nullopt;
}

bool RocksStore::has(Family family, std::string_view key) const {
  const Use use(*this);
  rocksdb::PinnableSlice value;
  return use && use->Get({}, use.family(family), rocks_slice(key), &value).ok();
}

}  // namespace entrepot::cache
