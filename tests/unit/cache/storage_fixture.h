// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <utility>

#include "cache/space/storage.h"
#include "metrics/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/timed_executor.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {

/// The stored cache over a real directory and RocksDB, below the facade: the test calls its parts,
/// and runs posted jobs with `executor`.
class StorageTest : public testing::Test {
 protected:
  StorageTest() { storage.lifecycle.loaded = true; }
  ~StorageTest() override { executor.run(); }

  Options options() const {
    Options options;
    options.directory = folder.path() / "cache";
    options.max_size = 64 << 20;
    options.upstreams["docker.io"] = {};
    return options;
  }

  /// Stores a blob in a file of its own.
  Digest store_blob(const std::string& bytes, Algorithm algorithm = Algorithm::sha256) {
    const auto digest = digest_of(algorithm, std::string_view(bytes));
    EXPECT_TRUE(storage.files.put(digest, std::as_bytes(std::span(bytes))));
    const auto record = storage.store.new_record(digest, bytes.size(), false, "docker.io");
    EXPECT_TRUE(storage.rocks.put_blob(digest, record));
    storage.store.add_blob(digest, record);
    return digest;
  }
  /// Stores a manifest in RocksDB.
  Digest store_manifest(const std::string& bytes) {
    const auto digest = sha256(bytes);
    const ManifestRecord record{oci_manifest_type, bytes.size(), clock.wall(), "docker.io"};
    EXPECT_TRUE(storage.rocks.put_manifest(digest, record, bytes));
    storage.store.add_manifest(digest, record, true);
    return digest;
  }
  /// Leaves a partial file with `arrived` bytes of a blob of 1 MiB.
  Digest leave_partial(const std::string& name, std::uint64_t arrived) {
    const auto digest = sha256(name);
    EXPECT_NE(storage.files.create_fill(digest, 1 << 20), nullptr);
    Extents extents;
    extents.add({0, arrived});
    storage.store.partials().add({digest, 1 << 20, extents, Origins::nobody});
    return digest;
  }
  bool blob_file_exists(const Digest& digest) const {
    return std::filesystem::exists(Layout(storage.options.directory).blob(digest));
  }

  ScratchFolder folder;
  metrics::Metrics metrics{{}};
  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  Storage storage{options(), clock, metrics, executor};
};

}  // namespace entrepot::cache
