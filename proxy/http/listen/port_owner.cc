// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listen/port_owner.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "metrics/printable.h"
#include "proxy/base/text.h"

namespace entrepot::http {
namespace {

namespace fs = std::filesystem;

struct ListeningSocket {
  std::string inode;
  std::string uid;
};

/// The socket of a row of /proc/net/tcp or tcp6 that listens on `port`:
///   sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
std::optional<ListeningSocket> listening_in(const std::string& row, std::uint16_t port) {
  constexpr std::string_view listening = "0A";  // TCP_LISTEN
  std::istringstream words(row);
  std::array<std::string, 10> fields;
  for (auto& field : fields)
    if (!(words >> field)) return std::nullopt;
  const std::string& local = fields[1];
  const char* const end = local.data() + local.size();
  std::uint16_t number = 0;
  const auto colon = local.rfind(':');
  if (colon == local.npos || fields[3] != listening) return std::nullopt;
  if (std::from_chars(local.data() + colon + 1, end, number, 16).ptr != end) return std::nullopt;
  if (number != port) return std::nullopt;
  return ListeningSocket{fields[9], fields[7]};
}

std::vector<ListeningSocket> listening_on(std::uint16_t port) {
  std::vector<ListeningSocket> sockets;
  for (const char* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    std::ifstream rows(table);
    for (std::string row; std::getline(rows, row);)
      if (auto found = listening_in(row, port)) sockets.push_back(std::move(*found));
  }
  return sockets;
}

/// True if a descriptor of the process is the socket. False as well without the permission to look.
bool has_socket(const fs::path& process, const std::string& inode) {
  const std::string wanted = "socket:[" + inode + "]";
  std::error_code error;
  for (fs::directory_iterator entry(process / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (fs::read_symlink(entry->path(), gone) == wanted) return true;
  }
  return false;
}

/// "nginx (pid 812)".
std::string name_of(const fs::path& process) {
  std::string name;
  std::ifstream file(process / "comm");
  std::getline(file, name);
  return printable(name) + " (pid " + process.filename().string() + ")";
}

std::string owner_of(const ListeningSocket& socket) {
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end;
       process.increment(error)) {
    if (parse_number(process->path().filename().string()) &&
        has_socket(process->path(), socket.inode))
      return name_of(process->path());
  }
  return "a process of the user id " + socket.uid;
}

}  // namespace

std::string owner_of_port(std::uint16_t port) {
  std::string owner;
  for (const auto& socket : listening_on(port)) {
    const std::string other = owner_of(socket);
    if (!owner.empty() && other != owner) return {};
    owner = other;
  }
  return owner;
}

}  // namespace entrepot::http
