// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cache/fill/file_writer.h"
#include "cache/index/stored_size.h"
#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {

/// From now on each write to the file fails, with an error other than "disk full".
inline void break_disk(const BlobFile& file) {
  const auto path = "/proc/self/fd/" + std::to_string(file.fd());
  const int read_only = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(read_only, 0);
  EXPECT_EQ(::dup3(read_only, file.fd(), O_CLOEXEC), file.fd());
  ::close(read_only);
}

/// Files of one fill: on a real directory, on disks that fail, and in memory.
class GrowingFileFixture : public StorageTest {
 protected:
  static constexpr auto page = page_size;

  FileWriter::Parts file_parts(std::optional<std::uint64_t> size) {
    return {storage.files, storage.budget, storage.health, digest, size};
  }
  FileWriter on_disk(std::optional<std::uint64_t> size) {
    return *FileWriter::create(file_parts(size), reserve(size));
  }
  /// Each write fails as on a full disk.
  FileWriter on_full_disk(std::optional<std::uint64_t> size) {
    auto file = std::make_shared<const BlobFile>(::open("/dev/full", O_RDWR | O_CLOEXEC));
    return {file_parts(size), std::move(file), reserve(size)};
  }
  FileWriter in_memory(std::uint64_t size) {
    return *FileWriter::create_in_memory(file_parts(size), BypassReason::disk_full);
  }
  bool on_disk_exists() const {
    return std::filesystem::exists(Layout(storage.options.directory).fill(digest));
  }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  static std::string read(const BlobFile& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '\0');
    EXPECT_EQ(::pread(file.fd(), text.data(), size, static_cast<off_t>(offset)),
              static_cast<ssize_t>(size));
    return text;
  }

  const Digest digest = sha256("any");

 private:
  FileWriter::Reservation reserve(std::optional<std::uint64_t> size) {
    return storage.budget.reserve(size.value_or(page_size)).reservation;
  }
};

}  // namespace entrepot::cache
