// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/descriptor.h"

namespace entrepot::app {

/// One end of a connection between a running process and the one that replaces it: a unix socket
/// that keeps the bounds of messages (SOCK_SEQPACKET) and passes descriptors (SCM_RIGHTS, unix(7)).
/// A message is a line of text without its line break. One thread at a time.
class Channel {
 public:
  static constexpr std::size_t longest_text = 4096;  ///< bytes

  struct Message {
    std::string text;
    std::vector<Descriptor> descriptors;
  };
  /// A message, nothing yet, or the end.
  struct Received {
    std::optional<Message> message;
    bool closed = false;
  };

  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}

  /// False: the other end is closed, or does not read. REQUIRES: within the bounds
  /// of texts and of DescriptorMessage.
  bool send(std::string_view text, std::span<const int> descriptors = {}) const;
  /// A message over the bounds counts as the end. Blocks if the socket does, for the time of
  /// wait_at_most().
  Received receive() const;
  /// receive() reports the end after this time without a message.
  void wait_at_most(std::chrono::seconds time) const;

  /// The process and the user at the other end, as the kernel knows them; -1 if it does not.
  struct Peer {
    int pid = -1;
    int uid = -1;
  };
  Peer peer() const;
  int fd() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

/// The file of the socket in the directory of the cache.
inline constexpr std::string_view handover_file = "handover.sock";

/// Listens in `directory`, without blocking; its file, which replaces one of an earlier process, is
/// for the own user. REQUIRES: this process has the lock of the directory. Throws
/// std::system_error.
Descriptor listen_for_handover(const std::filesystem::path& directory);
/// Connects to the process that listens in `directory`. nullopt: none does. Throws
/// std::system_error.
std::optional<Channel> connect_for_handover(const std::filesystem::path& directory);

}  // namespace entrepot::app
