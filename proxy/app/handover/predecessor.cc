// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/predecessor.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "metrics/log.h"

namespace entrepot::app {
namespace {

/// The other process may wait for a slow disk.
constexpr std::chrono::seconds patience{60};

constexpr std::string_view listen_prefix = "listen ";
constexpr std::string_view refusal_prefix = "no ";

}  // namespace

std::optional<Predecessor> Predecessor::find(const std::filesystem::path& directory) {
  try {
    auto channel = connect_for_handover(directory);
    if (!channel) return std::nullopt;
    channel->wait_at_most(patience);
    return Predecessor(*std::move(channel));
  } catch (const std::system_error& error) {
    throw ReplaceError(std::string("the running process cannot be asked: ") + error.what());
  }
}

void Predecessor::send(std::string_view text) {
  // A refusal that was sent before the end can still be read.
  static_cast<void>(channel_.send(text));
}

Channel::Message Predecessor::receive() {
  auto received = channel_.receive();
  if (!received.message)
    throw ReplaceError(
        "the running process has ended the handover, or does not answer; see its log");
  const std::string_view text = received.message->text;
  if (text.starts_with(refusal_prefix))
    throw ReplaceError("the running process is not replaced: " +
                       std::string(text.substr(refusal_prefix.size())));
  return *std::move(received.message);
}

InheritedSockets Predecessor::sockets() {
  send("hello 1");
  InheritedSockets sockets;
  while (true) {
    auto message = receive();
    if (message.text == "end") return sockets;
    if (!message.text.starts_with(listen_prefix))
      throw ReplaceError("the running process speaks another version of the handover; stop it");
    sockets.add(message.text.substr(listen_prefix.size()), std::move(message.descriptors));
  }
}

void Predecessor::release_cache() {
  send("release");
  if (receive().text != "released")
    throw ReplaceError("the running process speaks another version of the handover; stop it");
}

void Predecessor::serving() {
  try {
    send("serving");
    static_cast<void>(receive());
    log::info("this process has replaced {}", channel_.peer().pid);
  } catch (const ReplaceError& error) {
    log::warn("{}; if it runs on, stop it", error.what());
  }
}

}  // namespace entrepot::app
