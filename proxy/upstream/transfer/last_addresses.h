// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace entrepot::upstream {

/// The last address at which each host answered, for use while its name cannot be resolved: name
/// services fail more often than hosts. One thread.
class LastAddresses {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// An older address is not used.
  static constexpr std::chrono::hours kept{1};
  /// Hosts remembered; the oldest goes first. CDNs have many names.
  static constexpr std::size_t most = 256;

  /// `host`, "name:port", has answered from `address`, an IP literal without brackets.
  void answered(const std::string& host, std::string_view address, Time now);
  /// "+name:port:address" for CURLOPT_RESOLVE; empty where nothing is known.
  std::string resolve_entry(const std::string& host, Time now) const;

 private:
  struct Known {
    std::string address;
    Time at{};
  };
  std::map<std::string, Known> hosts_;
};

}  // namespace entrepot::upstream
