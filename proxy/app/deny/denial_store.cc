// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/denial_store.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "metrics/log.h"
#include "metrics/printable.h"
#include "proxy/app/deny/denial_file.h"
#include "proxy/app/engines/files/replaced_file.h"

namespace entrepot::app {
namespace {

/// `name`, or with ".2" and so on behind it: the first that no file has. An earlier damaged file
/// may be the only one that still shows its patterns.
std::filesystem::path free_name(const std::string& name) {
  std::filesystem::path path = name;
  for (int i = 2; std::filesystem::exists(path); ++i) path = name + "." + std::to_string(i);
  return path;
}

bool is_readable(const std::filesystem::path& file) {
  try {
    content_of_file(file);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// A damaged file gets a second name while the new one is written, so that it is there at every
/// moment: its other denials are in force. If it cannot be read at all, none of them is.
class KeptFile {
 public:
  /// Empty: nothing is kept.
  explicit KeptFile(std::filesystem::path file) : file_(std::move(file)) {}
  /// Throws std::filesystem::filesystem_error.
  void keep() {
    if (file_.empty() || !std::filesystem::exists(file_)) return;
    copy_ = free_name(file_.string() + ".damaged");
    std::filesystem::create_hard_link(file_, copy_);
    if (!is_readable(file_)) std::filesystem::remove(file_);
  }
  void undo() const {
    std::error_code ignored;
    if (copy_.empty() || !std::filesystem::exists(copy_, ignored)) return;
    if (std::filesystem::exists(file_, ignored))
      std::filesystem::remove(copy_, ignored);
    else
      std::filesystem::rename(copy_, file_, ignored);
  }

 private:
  const std::filesystem::path file_;
  std::filesystem::path copy_;
};

}  // namespace

using access::Denial;
using access::Denials;

DenialStore::DenialStore(std::filesystem::path file, Publish publish)
    : file_(std::move(file)), publish_(std::move(publish)) {
  const MutexLock lock(changes_);
  read();
}

void DenialStore::read() {
  try {
    auto loaded = load_denials(file_);
    const auto found = std::make_shared<const Denials>(std::move(loaded.list));
    if (const auto count = found->list().size(); count > 0)
      log::info("deny: {} denied (`entrepot deny` lists them)",
                count == 1 ? "1 pattern is" : fmt::format("{} patterns are", count));
    const auto damage = printable(loaded.damage);
    if (!damage.empty()) tell(damage, "those that cannot be read are not in force");
    set(found, damage);
  } catch (const std::runtime_error& error) {
    const auto damage = printable(error.what());
    tell(damage, "its denials are not in force");
    set(std::make_shared<const Denials>(), damage);
  }
}

void DenialStore::tell(std::string_view damage, std::string_view effect) const {
  log::error(
      "deny: {}; {}. Deny again what has to be denied: the next `entrepot deny` writes a new file, "
      "and keeps this one as {}.damaged",
      damage, effect, file_.string());
}

void DenialStore::set(List next, std::string damage) {
  {
    const MutexLock lock(mutex_);
    list_ = next;
    damage_ = std::move(damage);
  }
  if (publish_) publish_(std::move(next));
}

DenialChange DenialStore::add(Denial denial) {
  const MutexLock lock(changes_);
  auto next = list()->list();
  const auto same = std::ranges::find(next, denial.pattern, &Denial::pattern);
  const bool again = same != next.end();
  const bool news = !again || (!denial.reason.empty() && denial.reason != same->reason);
  if (!news && damage().empty()) return DenialChange::unchanged;
  if (!again && next.size() >= Denials::most) return DenialChange::full;
  if (!again) {
    next.push_back(denial);
  } else if (news) {
    same->reason = denial.reason;
    same->by = denial.by;
  }
  if (!use(std::move(next))) return DenialChange::failed;
  log::warn("deny: {} {}, by {}{}{}", printable(denial.pattern),
            again ? "stays denied" : "is denied from now on", denial.by,
            denial.reason.empty() ? "" : ": ", printable(denial.reason));
  return DenialChange::done;
}

DenialChange DenialStore::remove(std::string_view pattern, const std::string& by) {
  const MutexLock lock(changes_);
  auto next = list()->list();
  if (std::erase_if(next, [&](const Denial& one) { return one.pattern == pattern; }) == 0)
    return DenialChange::absent;
  if (!use(std::move(next))) return DenialChange::failed;
  log::warn("deny: {} is no longer denied, by {}", printable(pattern), by);
  return DenialChange::done;
}

bool DenialStore::use(std::vector<Denial> next) {
  KeptFile kept(damage().empty() ? std::filesystem::path() : file_);
  try {
    kept.keep();
    save_denials(file_, next);
  } catch (const std::exception& error) {
    kept.undo();
    log::error("deny: nothing is changed, because {}", printable(error.what()));
    return false;
  }
  set(std::make_shared<const Denials>(std::move(next)), {});
  return true;
}

DenialStore::List DenialStore::list() const {
  const MutexLock lock(mutex_);
  return list_;
}

std::string DenialStore::damage() const {
  const MutexLock lock(mutex_);
  return damage_;
}

}  // namespace entrepot::app
