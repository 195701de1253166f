// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/deny/denial_store.h"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "metrics/log.h"
#include "metrics/printable.h"
#include "proxy/app/deny/denial_file.h"

namespace entrepot::app {

using access::Denial;
using access::Denials;

DenialStore::DenialStore(std::filesystem::path file, Publish publish)
    : file_(std::move(file)), publish_(std::move(publish)) {
  const MutexLock lock(changes_);
  read();
}

void DenialStore::read() {
  try {
    const auto found = std::make_shared<const Denials>(load_denials(file_));
    if (const auto count = found->list().size(); count > 0)
      log::info("deny: {} patterns are denied (`entrepot deny` lists them)", count);
    set(found, {});
  } catch (const std::runtime_error& error) {
    const auto damage = printable(error.what());
    log::error(
        "deny: {}; its denials are not in force. Deny again what has to be denied: the next "
        "`entrepot deny` writes a new file, and keeps this one as {}.damaged",
        damage, file_.string());
    set(std::make_shared<const Denials>(), damage);
  }
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
  const auto same = [&](const Denial& one) { return one.pattern == denial.pattern; };
  if (std::ranges::any_of(next, same)) return DenialChange::unchanged;
  if (next.size() >= Denials::most) return DenialChange::full;
  next.push_back(denial);
  if (!use(std::move(next))) return DenialChange::failed;
  log::warn("deny: {} is denied from now on, by {}{}{}", printable(denial.pattern), denial.by,
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
  try {
    if (!damage().empty() && std::filesystem::exists(file_))
      std::filesystem::rename(file_, file_.string() + ".damaged");
    save_denials(file_, next);
  } catch (const std::exception& error) {
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
