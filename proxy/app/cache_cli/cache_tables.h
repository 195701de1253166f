// SPDX-License-Identifier: Apache-2.0
// Formats the answers of the admin API about a cache as tables for a terminal.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace entrepot::app {

/// "1.5 GiB"
std::string human_size(std::uint64_t bytes);
/// "3 d", "5 h", "12 min", "4 s"
std::string human_age(std::int64_t milliseconds);

void print_stats(std::ostream& out, const nlohmann::ordered_json& stats);
void print_objects(std::ostream& out, const nlohmann::ordered_json& objects);
void print_images(std::ostream& out, const nlohmann::ordered_json& images);
void print_verification(std::ostream& out, const nlohmann::ordered_json& result);
void print_removed(std::ostream& out, const nlohmann::ordered_json& removed);
void print_pins(std::ostream& out, const nlohmann::ordered_json& pins);

/// A bar that is drawn over itself; nothing where `drawn` is false (no terminal).
class Progress {
 public:
  Progress(std::ostream& out, std::uint64_t all, bool drawn)
      : out_(out), all_(all), drawn_(drawn) {}
  void show(std::uint64_t done);
  void end();

 private:
  std::ostream& out_;
  const std::uint64_t all_;
  const bool drawn_;
};

}  // namespace entrepot::app
