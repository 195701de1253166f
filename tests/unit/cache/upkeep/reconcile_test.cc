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
    write_file(digest, content);
    return digest;
  }
  void write_file(const Digest& digest, const std::string& content) {
    std::filesystem::create_directories(file_of(digest).parent_path());
    std::ofstream(file_of(digest)) << content;
  }

  /// Jobs within which the files of the first folder are processed.
  static constexpr std::size_t first_jobs = 8;

  /// The bytes of a blob of the first folder.
  static std::string bytes_in_first_folder() {
    for (std::size_t number = 0;; ++number) {
      const auto bytes = std::to_string(number);
      if (digest_of(Algorithm::sha512, std::string_view(bytes)).bytes()[0] == 0xff) return bytes;
    }
  }
  void run_jobs(std::size_t count) {
    while (count-- > 0) ASSERT_TRUE(executor.run_one());
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

TEST_F(ReconcilerTest, LeavesABlobThatIsStoredAgainAtAnyStep) {
  const auto bytes = bytes_in_first_folder();
  const auto blob = digest_of(Algorithm::sha512, std::string_view(bytes));
  for (std::size_t step = 0; step < first_jobs; ++step) {
    write_file(blob, "other bytes");
    Reconciler another(storage);
    another.start();
    run_jobs(step);
    store_blob(bytes, Algorithm::sha512);
    executor.run();
    ASSERT_TRUE(storage.store.blobs().has(blob) && blob_file_exists(blob)) << "step " << step;
    storage.store.drop_blob(blob, true);
    executor.run();
  }
  write_file(blob, "other bytes");
  reconciler.start();
  run_jobs(first_jobs);
  EXPECT_FALSE(blob_file_exists(blob)) << "the steps above were not all of its folder";
  executor.run();
}

TEST_F(ReconcilerTest, LeavesABlobThatIsStoredAtAnyStep) {
  const auto bytes = bytes_in_first_folder();
  for (std::size_t step = 0; step < first_jobs; ++step) {
    Reconciler another(storage);
    another.start();
    run_jobs(step);
    const auto blob = store_blob(bytes, Algorithm::sha512);
    executor.run();
    ASSERT_TRUE(storage.store.blobs().has(blob)) << "step " << step;
    storage.store.drop_blob(blob, true);
    executor.run();
  }
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
