// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/app/handover/channel.h"
#include "proxy/app/handover/inherited_sockets.h"

namespace entrepot::app {

/// The running process cannot be replaced. what() is one line with the reason.
class ReplaceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The running process that this one replaces, as Handover describes. Every call blocks for as long
/// as the other process takes, at most a minute. Main thread. Destroyed before serving(), it leaves
/// the other process as it is.
class Predecessor {
 public:
  /// The process that uses `directory`; nullopt: none listens there. Throws ReplaceError.
  static std::optional<Predecessor> find(const std::filesystem::path& directory);

  /// Its listening sockets. First, once. Throws ReplaceError.
  InheritedSockets sockets();
  /// Makes it give the cache up. After sockets(), once. Throws ReplaceError.
  void release_cache();
  /// This process serves: makes the other one drain. Last; a failure is logged.
  void serving();

 private:
  explicit Predecessor(Channel channel) : channel_(std::move(channel)) {}
  void send(std::string_view text);
  /// Throws ReplaceError for a refusal and at the end.
  Channel::Message receive();

  Channel channel_;
};

}  // namespace entrepot::app
