// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/socket/shared_text.h"

namespace entrepot::http {

/// Bytes [offset, offset + length) of a body.
struct Piece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// The pieces of a reply body in the order in which they are sent; at least one.
struct Pieces {
  std::vector<Piece> list;
  /// Returns the text to send before list[index]; with index == list.size(), the text after the
  /// last piece. Null: there are no texts. Called twice per text, for the length of the reply and
  /// when the text is sent, and returns the same both times, so that no text has to be kept.
  std::function<std::string(const std::vector<Piece>& list, std::size_t index)> text = nullptr;

  /// Bytes of all pieces and texts together.
  std::uint64_t total_length() const;
};

/// A reply body in memory or in a file that is whole or still growing. BodyPump reads it at the
/// client's pace. One loop thread; one owner.
class Body {
 public:
  enum class State : std::uint8_t { growing, whole, failed };

  virtual ~Body() = default;
  /// The file; valid as long as the body. Not called if bytes() returns a body.
  virtual int fd() const = 0;
  /// The whole body, if it is in memory; null for a file.
  virtual std::shared_ptr<const std::string> bytes() const { return nullptr; }
  /// The end of the bytes that can be sent now from `offset` on; returns `offset` if there are
  /// none. For a whole body: its size. If the state is `whole` and this returns `offset` although
  /// the reply needs more bytes, the reply is cut short.
  virtual std::uint64_t available(std::uint64_t offset) const = 0;
  /// `failed`: no more bytes will arrive, and the reply is cut short.
  virtual State state() const = 0;
  /// True: the bytes may be discarded after passed(), so the pump copies them to the socket.
  virtual bool discardable() const { return false; }
  /// The kernel has the bytes before `offset`; they will not be read again.
  virtual void passed(std::uint64_t offset) { static_cast<void>(offset); }
  /// Reading the file failed, and the reply is cut short.
  virtual void unreadable() {}
  /// Calls `wake` once, as a posted job of this loop, when bytes from `offset` on are available or
  /// state() is no longer growing. The destructor of the body drops `wake`.
  virtual void wait(std::uint64_t offset, std::function<void()> wake) = 0;
};

/// A whole body in memory.
class MemoryBody final : public Body {
 public:
  explicit MemoryBody(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  int fd() const override { return -1; }
  std::shared_ptr<const std::string> bytes() const override { return bytes_; }
  std::uint64_t available(std::uint64_t) const override { return bytes_->size(); }
  State state() const override { return State::whole; }
  void wait(std::uint64_t, std::function<void()>) override {}  // nothing to wait for

 private:
  const std::shared_ptr<const std::string> bytes_;
};

}  // namespace entrepot::http
