// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "metrics/metrics.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/source.h"
#include "tests/fakes/timed_executor.h"

namespace entrepot::cache {

/// A directory of its own, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "entrepot-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A cache over a real directory and index, with clock, threads and upstream in the test's hand.
class CacheTest : public testing::Test {
 protected:
  CacheTest() {
    options.directory = folder.path() / "cache";
    options.upstreams["docker.io"] = {};
    options.upstreams["ghcr.io"] = {};
    options.upstreams["private"].restricted = true;
    open();
  }

  void open() {
    executor.run();  // no job may outlive the cache it works on
    cache.reset();
    cache = std::make_unique<Cache>(options, clock, metrics, executor,
                                    std::vector<Cache::HomeParts>{{&executor, &source}});
  }

  /// Receives the answer of a request.
  struct Pending {
    std::shared_ptr<std::vector<Answer>> answers = std::make_shared<std::vector<Answer>>();
    bool answered() const { return !answers->empty(); }
    const Answer& answer() const {
      EXPECT_EQ(answers->size(), 1U);
      return answers->at(0);
    }
    AnswerCallback callback() const {
      return [to = answers](Answer answer) { to->push_back(std::move(answer)); };
    }
  };

  Pending ask_blob(const Digest& digest, RepositoryRef repository = repo, bool head = false) {
    const Pending pending;
    cache->fetch_blob(repository, digest, head, executor, pending.callback());
    executor.run();
    return pending;
  }
  Pending ask_manifest(const Digest& digest, RepositoryRef repository = repo, bool head = false) {
    const Pending pending;
    cache->fetch_manifest(repository, digest, head, executor, pending.callback());
    executor.run();
    return pending;
  }
  Pending ask_tag(const std::string& tag, bool head = false, bool revalidate = false,
                  RepositoryRef repository = repo) {
    const Pending pending;
    cache->fetch_tag(repository, tag, head, revalidate, executor, pending.callback());
    executor.run();
    return pending;
  }

  fakes::Source::Asked& last() { return source.asked.back(); }

  static std::string read(const Content& content) {
    if (content.bytes) return *content.bytes;
    std::string bytes(content.progress ? content.progress->readable(0, Progress::ReadPolicy::proven)
                                       : content.size,
                      '\0');
    EXPECT_EQ(::pread(content.file->fd(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

  static constexpr RepositoryRef repo{"docker.io", "library/alpine"};
  static constexpr RepositoryRef other{"ghcr.io", "some/thing"};

  ScratchFolder folder;
  Options options;
  metrics::Metrics metrics{{}};
  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  fakes::Source source;
  std::unique_ptr<Cache> cache;
};

inline Digest sha256(std::string_view bytes) { return digest_of(Algorithm::sha256, bytes); }

/// Repeats itself every 64 KiB.
inline std::string pattern(std::size_t size, char seed = 'a') {
  constexpr std::size_t period = 1 << 16;
  std::string bytes(size, seed);
  for (std::size_t i = 0; i < std::min(size, period); ++i) {
    bytes[i] = static_cast<char>(static_cast<unsigned char>(seed) + i * 131 + (i >> 8) * 7);
  }
  for (std::size_t i = period; i < size; i += period) {
    std::memcpy(&bytes[i], bytes.data(), std::min(period, size - i));
  }
  return bytes;
}

inline std::string manifest_naming(const std::vector<Digest>& layers, std::string_view extra = "") {
  std::string json =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[)";
  for (const auto& layer : layers) {
    json += R"({"mediaType":"application/octet-stream","size":1,"digest":")" + layer.str() + "\"},";
  }
  if (!layers.empty()) json.pop_back();
  return json + "]" + std::string(extra) + "}";
}
inline const std::string oci_manifest_type = "application/vnd.oci.image.manifest.v1+json";

}  // namespace entrepot::cache
