// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace entrepot::http {

/// A piece of a reply's body: some text, and behind it bytes [offset, offset + length) of the file.
struct Piece {
  std::string before;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// A reply body that lives in a file, whole or still arriving. The pump of a connection reads it at
/// the client's pace. Used on one loop thread; shared with nobody.
class Body {
 public:
  enum class State : std::uint8_t { growing, whole, failed };

  virtual ~Body() = default;
  /// The file; valid while the body lives.
  virtual int fd() const = 0;
  /// The end of what may be sent now from `offset` on; `offset` itself where that is nothing. For a
  /// whole body: its size. Where it is `whole` and this is `offset`, the reply is cut short.
  virtual std::uint64_t available(std::uint64_t offset) const = 0;
  /// `failed`: nothing more will come; the reply must be cut short.
  virtual State state() const = 0;
  /// True: the bytes may be gone once passed() was told, so they are copied to the socket.
  virtual bool fleeting() const { return false; }
  /// Bytes before `offset` are with the kernel and will not be read again.
  virtual void passed(std::uint64_t offset) { static_cast<void>(offset); }
  /// The file could not be read; the reply is cut short.
  virtual void unreadable() {}
  /// Calls `wake` once, on this loop, from the loop's queue, when something is available from
  /// `offset` on or state() is no longer growing. `wake` is dropped with the body.
  virtual void wait(std::uint64_t offset, std::function<void()> wake) = 0;
};

}  // namespace entrepot::http
