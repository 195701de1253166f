// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/process.h"

#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include "metrics/log.h"

namespace entrepot::app {
namespace {

constexpr mode_t private_files = 0077;
/// Two threads seldom wait for an arena: what is small comes from a cache of each thread's own.
constexpr int most_arenas = 2;
/// Buffers of transfers come and go by the hundred kilobytes: they are given back to the system.
/// Otherwise malloc raises these bounds by itself, and the heap keeps what many of them left open.
constexpr int mapped_from = 128 << 10;
constexpr int trimmed_from = 1 << 20;

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log::warn("cannot raise the limit of open files: {}; connections may be refused",
              std::generic_category().message(errno));
}

}  // namespace

void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() returns the lowest free number, which is this one. Without the device, a path
    // descriptor reserves the number.
    if (::open("/dev/null", O_RDWR) < 0) static_cast<void>(::open("/", O_PATH));
  }
}

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(private_files);
  if (::prctl(PR_SET_DUMPABLE, 0) != 0)
    log::warn("core files stay possible and would hold credentials: {}",
              std::generic_category().message(errno));
  raise_descriptor_limit();
#ifdef __GLIBC__
  // NOLINTBEGIN(concurrency-mt-unsafe): there is no other thread yet
  ::mallopt(M_ARENA_MAX, most_arenas);
  ::mallopt(M_MMAP_THRESHOLD, mapped_from);
  ::mallopt(M_TRIM_THRESHOLD, trimmed_from);
  // NOLINTEND(concurrency-mt-unsafe)
#endif
}

namespace {

/// Drops the pages of one loaded object that no relocation writes, so that the file has the same
/// bytes. A callback of dl_iterate_phdr().
int let_go_of_object(dl_phdr_info* object, std::size_t /*size*/, void* /*unused*/) {
  if (object->dlpi_addr == ::getauxval(AT_SYSINFO_EHDR)) return 0;  // the kernel's own, of no file
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const auto begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
    const auto end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): addresses of segments are numbers
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);  // or they stay
  }
  return 0;
}

}  // namespace

void drop_startup_pages() { ::dl_iterate_phdr(&let_go_of_object, nullptr); }

void become_owner_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &status) != 0 || status.st_uid == 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(status.st_gid) != 0 || ::setuid(status.st_uid) != 0)
    throw std::system_error(errno, std::generic_category(),
                            "cannot become the owner of " + directory.string());
}

}  // namespace entrepot::app
