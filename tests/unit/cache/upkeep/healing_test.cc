// SPDX-License-Identifier: Apache-2.0
// Corrupt stored files, which are found before they are served or by the scrub.
#include <fstream>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class HealingTest : public CacheTest {
 protected:
  const std::string large = pattern(1'000'000);
  const Digest digest = sha256(large);

  void store(const std::string& bytes, RepositoryRef repository = repo) {
    const auto asked = source.asked.size();
    ask_blob(sha256(bytes), repository);
    ASSERT_EQ(source.asked.size(), asked + 1);
    last().answer(bytes);
    executor.run();
  }

  std::filesystem::path file_of(const Digest& of) const {
    return options.directory / "blobs" / "sha256" / of.hex().substr(0, 2) / of.hex();
  }
  void flip_a_byte(std::streamoff at = 700'000) const {
    std::fstream file(file_of(digest), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put('\x7f');
    ASSERT_TRUE(file.good());
  }

  /// Copies a directory in which RocksDB may remove obsolete files at the same time.
  static void copy_live(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::create_directory(to);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(from)) {
      const auto target = to / entry.path().lexically_relative(from);
      std::error_code error;
      if (entry.is_directory(error)) {
        std::filesystem::create_directory(target);
      } else if (!std::filesystem::copy_file(entry.path(), target, error)) {
        ASSERT_EQ(error, std::errc::no_such_file_or_directory) << entry.path();
      }
    }
  }

  /// Restarts from the current files, as after a crash, after `change` has modified them.
  void crash(const std::function<void()>& change = [] {}) {
    executor.run();
    const auto image = folder.path() / ("image-" + std::to_string(++images_));
    copy_live(options.directory, image);
    cache.reset();
    options.directory = image;
    change();
    open();
    executor.run();
  }

  /// Requests the blob and answers for the upstream. Returns the number of upstream requests.
  std::size_t pull() {
    const auto asked = source.asked.size();
    const auto pending = ask_blob(digest);
    if (source.asked.size() > asked) last().answer(large);
    executor.run();
    EXPECT_TRUE(pending.answered());
    EXPECT_TRUE(pending.answer().content);
    if (pending.answer().content) {
      EXPECT_TRUE(read(*pending.answer().content) == large);
    }
    return source.asked.size() - asked;
  }

  std::string metric(const std::string& series) const {
    const auto text = metrics.text();
    const auto at = text.find("\n" + series + " ");
    if (at == std::string::npos) return {};
    const auto from = at + series.size() + 2;
    return text.substr(from, text.find('\n', from) - from);
  }
  std::string corrupt() const {
    return metric(R"(entrepot_cache_evictions_total{reason="corrupt"})");
  }

 private:
  int images_ = 0;
};

TEST_F(HealingTest, HitsIntactBlobsAfterAnUncleanShutdown) {
  store(large);
  crash();
  EXPECT_FALSE(cache->find_blob(repo, digest)) << "not verified yet";
  EXPECT_EQ(pull(), 0U);
  EXPECT_TRUE(cache->find_blob(repo, digest)) << "trusted after verification";
  EXPECT_EQ(corrupt(), "0");
}

TEST_F(HealingTest, RefetchesACorruptBlobWithinOneRequest) {
  store(large);
  crash([this] { flip_a_byte(); });
  EXPECT_EQ(pull(), 1U);
  EXPECT_EQ(corrupt(), "1");
  EXPECT_TRUE(cache->find_blob(repo, digest));
  EXPECT_EQ(pull(), 0U);
}

TEST_F(HealingTest, ConcurrentRequestsShareOneCheck) {
  store(large);
  crash([this] { flip_a_byte(); });
  std::vector<Pending> requesters(5);
  for (auto& requester : requesters)
    cache->fetch_blob(repo, digest, false, executor, requester.callback());
  executor.run();
  last().answer(large);
  executor.run();
  for (const auto& requester : requesters) EXPECT_TRUE(read(*requester.answer().content) == large);
  EXPECT_EQ(source.asked.size(), 2U);
  EXPECT_EQ(corrupt(), "1");
}

TEST_F(HealingTest, CountsABlobFoundByRequestAndScrubOnce) {
  store(large);
  constexpr int steps_of_a_check = 8;
  for (int begun = 0; begun < steps_of_a_check; ++begun) {
    SCOPED_TRACE(begun);
    crash([this] { flip_a_byte(); });
    const Pending requester;
    cache->fetch_blob(repo, digest, false, executor, requester.callback());
    for (int step = 0; step < begun; ++step) executor.run_one();
    executor.pass(std::chrono::seconds(1));  // the scrub begins
    last().answer(large);
    executor.run();
    EXPECT_TRUE(read(*requester.answer().content) == large);
    EXPECT_EQ(corrupt(), std::to_string(begun + 1));
    EXPECT_EQ(source.asked.size(), static_cast<std::size_t>(begun) + 2);
  }
}

TEST_F(HealingTest, DoubtsNothingAfterACleanShutdown) {
  store(large);
  open();
  executor.run();
  flip_a_byte();  // a trusted file is not verified, so the corrupt bytes are served
  const auto answer = ask_blob(digest).answer();
  EXPECT_TRUE(read(*answer.content) != large);
  EXPECT_EQ(source.asked.size(), 1U);
}

TEST_F(HealingTest, TrustsOldBlobsAfterAnUncleanShutdown) {
  store(large);
  for (int minute = 0; minute < 12; ++minute)
    for (int second = 0; second < 60; ++second) executor.pass(std::chrono::seconds(1));
  crash([this] { flip_a_byte(); });
  EXPECT_TRUE(read(*ask_blob(digest).answer().content) != large) << "not verified again";
  EXPECT_EQ(corrupt(), "0");
}

TEST_F(HealingTest, KeepsDoubtOverTwoCrashes) {
  store(large);
  crash([this] { clock.advance(std::chrono::hours(1)); });
  crash([this] { flip_a_byte(); });
  EXPECT_EQ(pull(), 1U);
  EXPECT_EQ(corrupt(), "1");
}

TEST_F(HealingTest, ScrubResolvesDoubtWithoutARequest) {
  store(large);
  crash([this] { flip_a_byte(); });
  executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(corrupt(), "1");
  EXPECT_FALSE(std::filesystem::exists(file_of(digest)));
  EXPECT_EQ(pull(), 1U);
}

TEST_F(HealingTest, ScrubFindsCorruptionAtItsRate) {
  options.scrub_rate = 300'000;
  open();
  store(large);
  executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(metric("entrepot_scrubbed_bytes_total"), "300000");
  flip_a_byte(999'999);
  for (int second = 0; second < 2; ++second) executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(corrupt(), "0");
  EXPECT_TRUE(cache->find_blob(repo, digest));
  executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(corrupt(), "1");
  EXPECT_FALSE(cache->find_blob(repo, digest));
  EXPECT_EQ(pull(), 1U);
}

TEST_F(HealingTest, ScrubPausesAfterARound) {
  store(large);
  executor.pass(std::chrono::seconds(1));
  executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(metric("entrepot_scrubbed_bytes_total"), "1000000");
  EXPECT_EQ(metric("entrepot_scrub_progress_ratio"), "1");
  for (int hour = 0; hour < 7 * 24 - 1; ++hour) executor.pass(std::chrono::hours(1));
  EXPECT_EQ(metric("entrepot_scrubbed_bytes_total"), "1000000");
  for (int hour = 0; hour < 2; ++hour) executor.pass(std::chrono::hours(1));
  EXPECT_EQ(metric("entrepot_scrubbed_bytes_total"), "2000000");
}

TEST_F(HealingTest, ScrubCanBeDisabled) {
  options.scrub_rate = 0;
  open();
  store(large);
  for (int second = 0; second < 5; ++second) executor.pass(std::chrono::seconds(1));
  EXPECT_EQ(metric("entrepot_scrubbed_bytes_total"), "0");
}

TEST_F(HealingTest, InterruptedVerificationReportsNothing) {
  store(large);
  const auto before = cache->admin().verify({}, 1U << 30, /*repair=*/false);
  EXPECT_EQ(before.objects, 1U);
  cache->end_background();
  const auto after = cache->admin().verify({}, 1U << 30, /*repair=*/false);
  EXPECT_EQ(after.objects, 0U);
  EXPECT_TRUE(after.bad.empty()) << "a partial read is not reported as unreadable";
}

TEST_F(HealingTest, ChecksBlobsUnreadForAWeek) {
  options.scrub_rate = 0;
  open();
  store(large);
  flip_a_byte();
  executor.pass(std::chrono::days(6));
  EXPECT_TRUE(cache->find_blob(repo, digest)) << "not yet";
  executor.pass(std::chrono::days(8));
  EXPECT_FALSE(cache->find_blob(repo, digest));
  EXPECT_EQ(pull(), 1U);
}

TEST_F(HealingTest, ChecksABlobAfterAReadError) {
  store(large);
  const auto hit = cache->find_blob(repo, digest);
  ASSERT_TRUE(hit && hit->content->doubts);
  hit->content->doubts->doubt(digest);
  EXPECT_FALSE(cache->find_blob(repo, digest));
  EXPECT_EQ(pull(), 0U) << "the file is readable again";
  hit->content->doubts->doubt(digest);
  flip_a_byte();
  EXPECT_EQ(pull(), 1U);
  // Readers of the corrupt file keep it; new readers get the new one.
  EXPECT_TRUE(read(*hit->content) != large);
  EXPECT_TRUE(read(*cache->find_blob(repo, digest)->content) == large);
}

TEST_F(HealingTest, ChecksABlobThatAClientRequestsAgain) {
  const Client client{7}, other{8};
  const std::string repeated = "entrepot_cache_repeated_reads_total";
  store(large);
  flip_a_byte();
  const auto hit = cache->find_blob(repo, digest, {.reader = client});
  ASSERT_TRUE(hit);
  EXPECT_TRUE(read(*hit->content) != large) << "the first client notices";
  cache->delivered(digest, {client, large.size(), false});
  EXPECT_TRUE(cache->find_blob(repo, digest, {.reader = other}));
  EXPECT_TRUE(cache->find_blob(repo, digest, {.ranged = true})) << "of any client";
  EXPECT_EQ(metric(repeated), "0");
  EXPECT_FALSE(cache->find_blob(repo, digest, {.reader = client}));
  EXPECT_EQ(metric(repeated), "1");
  EXPECT_EQ(pull(), 1U) << "and the same request is answered with the right bytes";
  EXPECT_EQ(corrupt(), "1");
  EXPECT_TRUE(cache->find_blob(repo, digest, {.reader = client}));
  EXPECT_EQ(metric(repeated), "1");
}

TEST_F(HealingTest, ObjectsInTheIndexAreNotCheckedAgain) {
  const Client client{7};
  store("small");
  ask_blob(sha256("small"));  // into memory
  cache->delivered(sha256("small"), {client, 5, false});
  EXPECT_TRUE(cache->find_blob(repo, sha256("small"), {.reader = client}));
  EXPECT_EQ(metric("entrepot_cache_repeated_reads_total"), "0");
}

}  // namespace
}  // namespace entrepot::cache
