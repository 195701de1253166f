// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "metrics/log.h"

namespace entrepot::loop {
namespace {

constexpr std::uint32_t changes = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE;

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

FileWatch::FileWatch(Loop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ < 0) {
    log::warn("changed files are noticed on SIGHUP only: inotify: {}", reason());
    return;
  }
  readable_ = std::make_unique<Readable>(loop_, fd_, [this] { read_events(); });
}

FileWatch::~FileWatch() {
  loop_.assert_in_loop();
  readable_.reset();
  if (fd_ >= 0) ::close(fd_);
}

bool FileWatch::watch(const std::vector<std::filesystem::path>& files) {
  loop_.assert_in_loop();
  if (fd_ < 0) return false;
  std::map<int, std::set<std::string>> names;
  for (const auto& file : files) {
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    // The same folder has the same number.
    const int watch = ::inotify_add_watch(fd_, folder.c_str(), changes);
    if (watch < 0)
      log::warn("changes of {} are noticed on SIGHUP only: inotify: {}", file.string(), reason());
    else
      names[watch].insert(file.filename().string());
  }
  for (const auto& [watch, unused] : names_)
    if (names.count(watch) == 0) ::inotify_rm_watch(fd_, watch);
  const bool is_new =
      std::ranges::any_of(names, [this](const auto& one) { return !names_.contains(one.first); });
  names_ = std::move(names);
  return is_new;
}

bool FileWatch::concerns(int watch, const std::string& name) const {
  const auto found = names_.find(watch);
  if (found == names_.end()) return false;
  return found->second.count(name) > 0 || name.starts_with("..");
}

void FileWatch::read_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool changed = false;
  for (ssize_t size = 0; (size = ::read(fd_, buffer.data(), buffer.size())) > 0;) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      const std::string name = event->len > 0 ? event->name : "";
      changed = changed || concerns(event->wd, name) || (event->mask & IN_Q_OVERFLOW) != 0;
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (!changed) return;
  timer_ = loop_.after(quiet, [this] { changed_(); });
}

}  // namespace entrepot::loop
