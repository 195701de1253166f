// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/reconcile.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

class ReconcilerTest : public StorageTest {
 protected:
  void reconcile() {
    reconciler.start();
    executor.run();
  }
  std::filesystem::path file_of(const Digest& digest) const {
    return Layout(storage.options.directory).blob(digest);
  }
  /// A file without an entry in the index.
  Digest write_file(const std::string& bytes, const std::string& content) {
    const auto digest = sha256(bytes);
    std::filesystem::create_directories(file_of(digest).parent_path());
    std::ofstream(file_of(digest)) << content;
    return digest;
  }

  Reconciler reconciler{storage};
};

TEST_F(ReconcilerTest, AddsAFileThatHasItsDigestToTheIndex) {
  const auto blob = write_file("some bytes", "some bytes");
  reconcile();
  const auto stored = storage.store.blobs().find(blob);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->size, 10U);
  ASSERT_TRUE(storage.rocks.blob(blob));
  EXPECT_EQ(storage.rocks.blob(blob)->origins, "") << "the upstream of the bytes is unknown";
  EXPECT_NE(storage.store.find(Resource::blob, blob), nullptr);
}

TEST_F(ReconcilerTest, RemovesAFileWithOtherBytes) {
  const auto blob = write_file("some bytes", "some other bytes");
  reconcile();
  EXPECT_FALSE(storage.store.blobs().has(blob));
  EXPECT_FALSE(storage.rocks.blob(blob));
  EXPECT_FALSE(blob_file_exists(blob));
}

TEST_F(ReconcilerTest, RemovesAnEntryWithoutAFile) {
  const auto gone = store_blob("gone"), kept = store_blob("kept");
  std::filesystem::remove(file_of(gone));
  reconcile();
  EXPECT_FALSE(storage.store.blobs().has(gone));
  EXPECT_FALSE(storage.rocks.blob(gone));
  EXPECT_TRUE(storage.store.blobs().has(kept));
  EXPECT_TRUE(blob_file_exists(kept));
}

TEST_F(ReconcilerTest, LeavesBlobsThatAreBeingStored) {
  const auto arriving = write_file("arriving", "arri");
  const auto renamed = store_blob("renamed");
  std::filesystem::remove(file_of(renamed));
  storage.store.being_stored().add(arriving);
  storage.store.being_stored().add(renamed);
  reconcile();
  EXPECT_TRUE(blob_file_exists(arriving));
  EXPECT_TRUE(storage.store.blobs().has(renamed));
}

TEST_F(ReconcilerTest, LeavesFilesWithOtherNames) {
  const auto blob = store_blob("some bytes");
  const auto note = file_of(blob).parent_path() / "note";
  std::ofstream(note) << "x";
  reconcile();
  EXPECT_TRUE(std::filesystem::exists(note));
  EXPECT_TRUE(storage.store.blobs().has(blob));
}

TEST_F(ReconcilerTest, StopsWithTheProcess) {
  const auto blob = write_file("some bytes", "some bytes");
  storage.lifecycle.stopping = true;
  reconcile();
  EXPECT_FALSE(storage.store.blobs().has(blob));
  EXPECT_TRUE(blob_file_exists(blob));
}

}  // namespace
}  // namespace entrepot::cache
