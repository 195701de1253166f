// SPDX-License-Identifier: Apache-2.0
#include "cache/store/blob_files.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "cache/api/options.h"
#include "cache/base/open_error.h"
#include "metrics/log.h"

namespace entrepot::cache {

using metrics::DiskOperation;
namespace {

/// Modes of stored files and of growing files. The sticky bit, which has no effect on a file, marks
/// a sparse file that already has the final size of its blob; left_fills.cc depends on it.
constexpr mode_t stored_mode = 0600, sparse_mode = S_ISVTX | 0600;

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why,
                         const std::string& what_to_do) {
  throw OpenError("cache directory " + path.string() + ": " + why + "; " + what_to_do);
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return;
  if (error == std::errc::no_space_on_device)
    throw OpenLaterError("cache directory " + path.string() + ": " + error.message());
  if (!error) error = std::make_error_code(std::errc::not_a_directory);
  refuse(path, error.message(), "name a directory this user can write in cache.directory");
}

/// Opens a file without following symbolic links, so that files outside of the cache are never
/// served. The path of the cache directory itself has been resolved before.
int open_within(const std::string& path) {
  open_how how{};
  // O_NONBLOCK: a special file under that name must not block the loop.
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long fd = ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(fd);
  return ::open(path.c_str(), static_cast<int>(how.flags));  // a sandbox forbids openat2
}

/// Reads the first byte. Returns 0 or the error; EAGAIN if the read would block.
int read_beginning(int fd, BlobFiles::Wait wait) {
  char byte;
  const iovec piece{&byte, 1};
  const int flags = wait == BlobFiles::Wait::never ? RWF_NOWAIT : 0;
  ssize_t got;
  do {
    got = ::preadv2(fd, &piece, 1, 0, flags);
  } while (got < 0 && errno == EINTR);
  // Some file systems do not support the flag; their files may block.
  return got >= 0 || errno == EOPNOTSUPP ? 0 : errno;
}

}  // namespace

BlobFile::~BlobFile() { ::close(fd_); }

BlobFiles::BlobFiles(Layout layout, const metrics::Metrics& metrics)
    : layout_(std::move(layout)), metrics_(metrics) {
  make_folder(layout_.directory());
  layout_ = Layout(std::filesystem::canonical(layout_.directory()));
  lock_.emplace(layout_);
  make_folder(layout_.index());
  make_folder(layout_.fills());
  make_folder(layout_.blobs() / "sha256");
  make_folder(layout_.blobs() / "sha512");
  quarantine_ = std::make_unique<Quarantine>(layout_, *lock_, metrics_);
}

BlobFiles::Opened BlobFiles::open_blob(const Digest& digest, std::uint64_t size, Wait wait) const {
  if (auto file = open_blobs_.find(digest)) return {std::move(file)};
  auto opened = open_file(digest, size, wait, POSIX_FADV_NORMAL);
  if (opened.file) opened.file = open_blobs_.add(digest, std::move(opened.file));
  return opened;
}

BlobFiles::Opened BlobFiles::open_apart(const Digest& digest, std::uint64_t size) const {
  return open_file(digest, size, Wait::may_wait, POSIX_FADV_RANDOM);
}

BlobFiles::Opened BlobFiles::open_file(const Digest& digest, std::uint64_t size, Wait wait,
                                       int advice) const {
  const auto path = layout_.blob_text(digest);
  // A blocking call follows each failed non-blocking call. Only the blocking one reports failures.
  const bool reports_errors = wait == Wait::may_wait;
  const int fd = open_within(path);
  if (fd < 0) {
    const int error = errno;
    if (error != ENOENT && reports_errors) failed(DiskOperation::open, path, error);
    // Other errors, such as a lack of descriptors, do not mean that the blob is lost.
    const bool gone = error == ENOENT || error == ELOOP || error == ENOTDIR || error == ENXIO;
    return {nullptr, gone, error == EIO};
  }
  auto file = std::make_shared<const BlobFile>(fd);
  struct stat status;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) != size) {
    if (reports_errors)
      log::warn("cache: {} is not a file of {} bytes; it is removed and fetched again", path, size);
    return {nullptr, true};
  }
  if (advice != POSIX_FADV_NORMAL) ::posix_fadvise(fd, 0, 0, advice);
  if (const int error = read_beginning(fd, wait)) {
    if (reports_errors) failed(DiskOperation::read, path, error);
    return {nullptr, false, error != EAGAIN};
  }
  return {std::move(file)};
}

bool BlobFiles::is_stored(const Digest& digest, const BlobFile& file) const {
  struct stat one, other;
  return ::fstat(file.fd(), &one) == 0 && ::lstat(layout_.blob_text(digest).c_str(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

std::shared_ptr<const BlobFile> BlobFiles::create_fill(const Digest& digest,
                                                       std::optional<std::uint64_t> size) const {
  const DirectoryLock::Change change(*lock_);
  if (!change) return nullptr;
  const auto path = layout_.fill(digest);
  constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  const mode_t mode = size ? sparse_mode : stored_mode;
  ::unlink(path.c_str());
  int fd = ::open(path.c_str(), flags, mode);
  if (fd < 0 && errno == ENOENT) {  // the folder was removed by another program
    ::mkdir(layout_.fills().c_str(), 0700);
    fd = ::open(path.c_str(), flags, mode);
  }
  if (fd < 0) {
    failed(DiskOperation::open, path, errno);
    return nullptr;
  }
  auto file = std::make_shared<const BlobFile>(fd);
  if (!size || ::ftruncate(fd, static_cast<off_t>(*size)) == 0) return file;
  failed(DiskOperation::write, path, errno);
  unlink_fill(digest);
  return nullptr;
}

std::shared_ptr<const BlobFile> BlobFiles::reopen_fill(const Digest& digest,
                                                       std::uint64_t size) const {
  const DirectoryLock::Change change(*lock_);
  if (!change) return nullptr;
  const auto path = layout_.fill(digest);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    if (errno != ENOENT) failed(DiskOperation::open, path, errno);
    return nullptr;
  }
  auto file = std::make_shared<const BlobFile>(fd);
  struct stat status;
  const bool matches = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                       static_cast<std::uint64_t>(status.st_size) == size;
  return matches ? file : nullptr;
}

int BlobFiles::write(const Digest& digest, const BlobFile& file, std::uint64_t offset,
                     std::span<const std::byte> data) const {
  while (!data.empty()) {
    const auto count = ::pwrite(file.fd(), data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count < 0 ? errno : ENOSPC;
      failed(DiskOperation::write, layout_.fill(digest), error);
      return error;
    }
    offset += static_cast<std::uint64_t>(count);
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

bool BlobFiles::put(const Digest& digest, std::span<const std::byte> bytes) const {
  const auto file = create_fill(digest, bytes.size());
  if (!file) return false;
  if (write(digest, *file, 0, bytes) == 0) return commit(digest, file);
  discard_fill(digest);
  return false;
}

bool BlobFiles::commit(const Digest& digest, const std::shared_ptr<const BlobFile>& file) const {
  const DirectoryLock::Change change(*lock_);
  if (!change) return false;
  const auto from = layout_.fill(digest);
  // XFS preallocates space behind a growing file; truncation releases it.
  struct stat status;
  if (::fstat(file->fd(), &status) != 0 || ::ftruncate(file->fd(), status.st_size) != 0 ||
      ::fchmod(file->fd(), stored_mode) != 0)
    failed(DiskOperation::write, from, errno);
  if (::fdatasync(file->fd()) != 0) {
    // After a failed sync the kernel marks the pages as clean, so the file must not be trusted.
    failed(DiskOperation::sync, from, errno);
    unlink_fill(digest);
    return false;
  }
  if (!make_blob_folder(digest)) {
    unlink_fill(digest);
    return false;
  }
  const auto to = layout_.blob(digest);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    failed(DiskOperation::rename, to, errno);
    unlink_fill(digest);
    return false;
  }
  // Clients that followed the growing file continue to read through this descriptor.
  open_blobs_.replace(digest, file);
  if (sync_folder(layout_.blob_folder(digest))) return true;
  unlink_blob(digest);
  return false;
}

bool BlobFiles::make_blob_folder(const Digest& digest) const {
  const auto folder = layout_.blob_folder(digest);
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno == EEXIST) return true;
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // another program removed the whole tree
  if (!error) return true;
  failed(DiskOperation::open, folder, error.value());
  return false;
}

bool BlobFiles::sync_folder(const std::filesystem::path& folder) const {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (!synced) failed(DiskOperation::sync, folder, errno);
  if (fd >= 0) ::close(fd);
  return synced;
}

void BlobFiles::discard_fill(const Digest& digest) const {
  const DirectoryLock::Change change(*lock_);
  if (change) unlink_fill(digest);
}

void BlobFiles::unlink_fill(const Digest& digest) const {
  const auto path = layout_.fill(digest);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) failed(DiskOperation::unlink, path, errno);
}

void BlobFiles::remove_blob(const Digest& digest) const {
  const DirectoryLock::Change change(*lock_);
  if (change) unlink_blob(digest);
}

void BlobFiles::unlink_blob(const Digest& digest) const {
  open_blobs_.forget(digest);
  const auto path = layout_.blob(digest);
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return;
  std::error_code error;  // another program created a folder under this name
  std::filesystem::remove_all(path, error);
  if (error) failed(DiskOperation::unlink, path, error.value());
}

void BlobFiles::quarantine(const Digest& digest) const {
  if (quarantine_->take(digest))
    open_blobs_.forget(digest);
  else
    remove_blob(digest);
}

void BlobFiles::release(const std::function<bool(const Digest&)>& is_left) {
  lock_->release([&] {
    std::error_code error;
    std::filesystem::directory_iterator entry(layout_.fills(), error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      const auto digest = layout_.fill_digest(entry->path());
      if (digest && !is_left(*digest)) unlink_fill(*digest);
    }
    if (error) failed(DiskOperation::read, layout_.fills(), error.value());
  });
}

void BlobFiles::failed(DiskOperation operation, const std::filesystem::path& path,
                       int error) const {
  metrics_.disk().errors(operation).add();
  log::error("cache: {} of {} failed: {}", to_string(operation), path.string(), reason(error));
}

}  // namespace entrepot::cache
