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

namespace entrepot::http {

/// Text in memory that many replies may share. A connection refers to it and never copies it,
/// however slowly its client reads.
struct SharedText {
  std::shared_ptr<const std::string> owner;
  std::string_view text;  ///< within *owner
};

/// Bytes [offset, offset + length) of a body.
struct Piece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// The pieces a reply is made of, one at least, in the order in which they are sent.
struct Pieces {
  std::vector<Piece> list;
  /// Makes the text before list[index], and with list.size() the text behind the last piece. Null:
  /// there is none. Called once for the length of the reply and again when the text is sent, with
  /// the same result: a reply of a thousand pieces keeps none of its texts.
  std::function<std::string(const std::vector<Piece>& list, std::size_t index)> text = nullptr;

  /// Of all pieces and texts together.
  std::uint64_t total_length() const;
};

/// A reply body that lives in a file, whole or still arriving, or in memory. The pump of a
/// connection reads it at the client's pace. Used on one loop thread; shared with nobody.
class Body {
 public:
  enum class State : std::uint8_t { growing, whole, failed };

  virtual ~Body() = default;
  /// The file; valid while the body lives. Not asked for where there are bytes().
  virtual int fd() const = 0;
  /// A whole body in memory; null for one in a file.
  virtual std::shared_ptr<const std::string> bytes() const { return nullptr; }
  /// The end of what may be sent now from `offset` on; `offset` itself where that is nothing. For a
  /// whole body: its size. Where it is `whole` and this is `offset`, the reply is cut short.
  virtual std::uint64_t available(std::uint64_t offset) const = 0;
  /// `failed`: nothing more will come; the reply must be cut short.
  virtual State state() const = 0;
  /// True: the bytes may be gone once passed() was told, so they are copied to the socket.
  virtual bool discardable() const { return false; }
  /// Bytes before `offset` are with the kernel and will not be read again.
  virtual void passed(std::uint64_t offset) { static_cast<void>(offset); }
  /// The file could not be read; the reply is cut short.
  virtual void unreadable() {}
  /// Calls `wake` once, on this loop, from the loop's queue, when something is available from
  /// `offset` on or state() is no longer growing. `wake` is dropped with the body.
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
