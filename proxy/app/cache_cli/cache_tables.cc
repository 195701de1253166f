// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/cache_tables.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>

#include "metrics/printable.h"

namespace entrepot::app {
namespace {

using Json = nlohmann::ordered_json;

std::string size_of(const Json& json, const char* key) {
  return human_size(json.at(key).get<std::uint64_t>());
}

void line(std::ostream& out, const char* name, const std::string& value) {
  out << std::left << std::setw(22) << name << value << "\n";
}

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// "present", "present, 2 of 9" for an image index, "partial, 3 missing"
std::string state_of_image(const Json& image) {
  std::string text = printable(image.at("state").get<std::string>());
  const auto number = [&](const char* key) {
    return std::to_string(image.at(key).get<std::uint64_t>());
  };
  if (image.at("images") != 0)
    text.append(", ").append(number("images_here")).append(" of ").append(number("images"));
  if (image.at("missing") != 0) text.append(", ").append(number("missing")).append(" missing");
  return text;
}

std::string counted(const Json& json, const char* count, const char* bytes) {
  return std::to_string(json.at(count).get<std::uint64_t>()) + " (" + size_of(json, bytes) + ")";
}

}  // namespace

std::string human_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text.data();
}

std::string human_age(std::int64_t milliseconds) {
  const auto seconds = std::max<std::int64_t>(milliseconds / 1000, 0);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

void print_stats(std::ostream& out, const Json& stats) {
  const auto max = stats.at("max_bytes").get<std::uint64_t>();
  const auto used = stats.at("used_bytes").get<std::uint64_t>();
  const std::string part =
      used > max ? "more than it may have" : std::to_string(max > 0 ? used * 100 / max : 0) + " %";
  line(out, "used", human_size(used) + " of " + human_size(max) + " (" + part + ")");
  // A running process of an earlier version does not tell these.
  if (stats.contains("free_bytes") && stats.contains("reserve_bytes"))
    line(out, "free on the disk",
         size_of(stats, "free_bytes") + ", of which " + size_of(stats, "reserve_bytes") +
             " are kept free");
  if (const auto reason = stats.find("no_room"); reason != stats.end() && reason->is_string())
    line(out, "no room",
         "nothing can be stored (" + printable(reason->get<std::string>()) +
             "): see cache.max_size and cache.reserve_free");
  line(out, "blobs", counted(stats, "blobs", "blob_bytes"));
  line(out, "manifests", counted(stats, "manifests", "manifest_bytes"));
  line(out, "tags", std::to_string(stats.at("tags").get<std::uint64_t>()));
  line(out, "index", size_of(stats, "index_bytes"));
  line(out, "arriving", std::to_string(stats.at("fills").get<std::uint64_t>()) + " files");
  line(out, "not whole", size_of(stats, "partial_bytes"));
  line(out, "in quarantine", size_of(stats, "quarantined_bytes"));
  if (!stats.at("complete").get<bool>()) out << "(the index is still being loaded)\n";
}

void print_images(std::ostream& out, const Json& images) {
  const auto now = now_ms();
  std::size_t width = 5;
  const auto name = [](const Json& image) {
    return printable(image.at("repository").get<std::string>() + ":" +
                     image.at("tag").get<std::string>());
  };
  for (const auto& image : images) width = std::max(width, name(image).size());
  const auto column = static_cast<int>(width + 2);
  out << std::left << std::setw(column) << "IMAGE" << std::right << std::setw(11) << "SIZE"
      << std::setw(9) << "PULLED"
      << "  " << std::left << std::setw(24) << "STATE"
      << "DIGEST\n";
  for (const auto& image : images) {
    const auto& pulled = image.at("pulled_at_ms");
    out << std::left << std::setw(column) << name(image) << std::right << std::setw(11)
        << size_of(image, "bytes") << std::setw(9)
        << (pulled.is_null() ? "-" : human_age(now - pulled.get<std::int64_t>())) << "  "
        << std::left << std::setw(24) << state_of_image(image)
        << printable(image.at("digest").get<std::string>()) << "\n";
  }
  if (images.empty()) out << "no known tag is called so\n";
}

void print_objects(std::ostream& out, const Json& objects) {
  const auto now = now_ms();
  out << std::left << std::setw(73) << "DIGEST" << std::setw(10) << "KIND" << std::right
      << std::setw(11) << "SIZE" << std::setw(9) << "AGE" << std::setw(7) << "HITS"
      << "  HELD BY\n";
  for (const auto& object : objects) {
    out << std::left << std::setw(73) << printable(object.at("digest").get<std::string>())
        << std::setw(10) << printable(object.at("kind").get<std::string>()) << std::right
        << std::setw(11) << size_of(object, "size") << std::setw(9)
        << human_age(now - object.at("stored_at_ms").get<std::int64_t>()) << std::setw(7)
        << object.at("hits").get<int>() << "  ";
    std::string holders;
    for (const auto& repository : object.at("repositories"))
      holders += (holders.empty() ? "" : ", ") + printable(repository.get<std::string>());
    if (object.at("pinned").get<bool>()) holders += holders.empty() ? "[pinned]" : " [pinned]";
    out << holders << "\n";
  }
}

void print_verification(std::ostream& out, const Json& result) {
  for (const auto& bad : result.at("bad"))
    out << printable(bad.at("digest").get<std::string>()) << "  "
        << printable(bad.at("verdict").get<std::string>()) << "  " << size_of(bad, "size") << "\n";
  const auto bad = result.at("bad").size();
  out << result.at("objects").get<std::uint64_t>() << " blobs (" << size_of(result, "bytes")
      << ") compared with their digests: ";
  if (bad == 0)
    out << "all are right\n";
  else if (result.at("repaired").get<bool>())
    out << bad << " were not and are dropped; they are fetched again when asked for\n";
  else
    out << bad << " are not; --repair drops them\n";
}

void print_removed(std::ostream& out, const Json& removed) {
  out << "removed " << removed.at("tags").get<std::uint64_t>() << " tags and "
      << removed.at("objects").get<std::uint64_t>() << " objects\n";
}

void print_pins(std::ostream& out, const Json& pins) {
  for (const auto& pattern : pins.at("configured"))
    out << printable(pattern.get<std::string>()) << "  (configuration)\n";
  for (const auto& pattern : pins.at("commanded"))
    out << printable(pattern.get<std::string>()) << "\n";
  if (pins.at("configured").empty() && pins.at("commanded").empty()) out << "nothing is pinned\n";
}

void Progress::show(std::uint64_t done) {
  if (!drawn_ || all_ == 0) return;
  constexpr std::uint64_t width = 40;
  done = std::min(done, all_);
  const auto full = done * width / all_;
  out_ << "\r[" << std::string(full, '#') << std::string(width - full, ' ') << "] "
       << done * 100 / all_ << " % of " << human_size(all_) << std::flush;
}

void Progress::end() {
  if (drawn_ && all_ > 0) out_ << "\n";
}

}  // namespace entrepot::app
