// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/left_fills.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "cache/base/folder.h"
#include "cache/index/stored_size.h"
#include "cache/store/blob_files.h"
#include "metrics/log.h"

namespace entrepot::cache {
namespace {

Extents written_extents(int fd) {
  Extents extents;
  off_t end = 0;
  for (;;) {
    const off_t begin = ::lseek(fd, end, SEEK_DATA);
    end = begin < 0 ? begin : ::lseek(fd, begin, SEEK_HOLE);
    if (end < 0) return extents;
    extents.add({static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(end)});
  }
}

enum class Holes : std::uint8_t { told, not_told, no_room };

/// True if the file system knows the written pages of a sparse file. Some have larger units, at
/// least for large files, and would count too much as written; some do not know about holes.
Holes try_holes(const Layout& layout) {
  constexpr std::uint64_t pages = 4096, written = 1031;
  const auto path = layout.fills() / "probe";
  const BlobFile file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string bytes(page_size, 'x');
  const bool made = ::ftruncate(file.fd(), pages * page_size) == 0 &&
                    ::pwrite(file.fd(), bytes.data(), bytes.size(), written * page_size) ==
                        static_cast<ssize_t>(bytes.size());
  const bool full = !made && (errno == ENOSPC || errno == EDQUOT);
  ::unlink(path.c_str());
  if (full) return Holes::no_room;
  Extents expected;
  expected.add({written * page_size, (written + 1) * page_size});
  return made && written_extents(file.fd()).spans() == expected.spans() ? Holes::told
                                                                        : Holes::not_told;
}

/// Makes room on a full disk by removing one of the files. Returns false if none is left.
bool remove_oldest(const Layout& layout) {
  std::error_code error;
  std::filesystem::path oldest;
  auto since = std::filesystem::file_time_type::max();
  // The files that can be listed.
  static_cast<void>(for_each_entry(layout.fills(), [&](const auto& entry) {
    const auto time = entry.last_write_time(error);
    if (error || time >= since) return;
    since = time;
    oldest = entry.path();
  }));
  return !oldest.empty() && std::filesystem::remove_all(oldest, error) > 0 && !error;
}

std::optional<PartialBlobs::Partial> left_fill(const Layout& layout,
                                               const std::filesystem::path& path) {
  const auto digest = layout.fill_digest(path);
  if (!digest) return std::nullopt;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  const BlobFile file(fd);
  struct stat status;
  const bool ours = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                    (status.st_mode & S_ISVTX) != 0 && status.st_size > 0;
  if (!ours) return std::nullopt;
  auto extents = written_extents(fd);
  if (extents.bytes() == 0) return std::nullopt;
  return PartialBlobs::Partial{*digest, static_cast<std::uint64_t>(status.st_size),
                               std::move(extents)};
}

}  // namespace

std::vector<PartialBlobs::Partial> left_fills(const Layout& layout) {
  std::vector<std::pair<std::filesystem::file_time_type, PartialBlobs::Partial>> found;
  std::error_code error;
  auto holes = try_holes(layout);
  while (holes == Holes::no_room && remove_oldest(layout)) holes = try_holes(layout);
  const auto unread = for_each_entry(layout.fills(), [&](const auto& entry) {
    if (auto partial = holes == Holes::told ? left_fill(layout, entry.path()) : std::nullopt) {
      found.emplace_back(entry.last_write_time(error), std::move(*partial));
    } else {
      std::filesystem::remove_all(entry.path(), error);
    }
  });
  if (unread)
    log::error(
        "cache: {} cannot be read to its end ({}); the rest of it is left to the next "
        "start. Look at the disk",
        layout.fills().string(), unread.message());
  std::sort(found.begin(), found.end(),
            [](const auto& one, const auto& two) { return one.first < two.first; });
  std::vector<PartialBlobs::Partial> partials;
  partials.reserve(found.size());
  for (auto& [time, partial] : found) partials.push_back(std::move(partial));
  return partials;
}

}  // namespace entrepot::cache
