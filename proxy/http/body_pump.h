// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/http/body.h"
#include "proxy/http/output.h"

namespace entrepot::loop {
class Loop;
class StorePool;
}  // namespace entrepot::loop

namespace entrepot::http {

/// Sends pieces of a file, whole or growing, or of bytes in memory, in windows: the next one is
/// read and queued when the last has left for the kernel, so the memory it takes does not depend on
/// the file's size nor on the client's speed. A window that is not in the page cache is read by the
/// store pool first, so that a loop does not wait for a disk (page_cache.h says how far that is
/// seen). Loop thread only.
class BodyPump {
 public:
  enum class Result {
    again,    ///< there is more to do, but others must have their turn
    blocked,  ///< the output must drain, or the disk be read: `wake` will be called
    waiting,  ///< the body must grow: `wake` will be called
    done,     ///< all is with the kernel
    failed,   ///< the body, the file or the socket broke: the reply cannot be completed
  };
  static constexpr std::uint64_t window = 4 * 1024 * 1024;

  /// `readers` may be null: then windows are sent unread. `wake` may be called after the pump is
  /// gone. A read under way holds the body until it ends.
  BodyPump(std::unique_ptr<Body> body, Pieces pieces, Output& output, loop::Loop& loop,
           loop::StorePool* readers, std::function<void()> wake);
  Result run();
  /// Reading the file failed, here or where its bytes were sent: the body is told.
  Result file_failed();
  /// True if a byte can be sent now.
  bool ready() const {
    const std::uint64_t first = pieces_.list.front().offset;
    return pieces_.text != nullptr || body_->available(first) > first;
  }

 private:
  /// Sends the text before a piece, or behind the last. False where the output is broken.
  bool send_text(std::size_t index, bool more);
  bool begin_piece();
  Result end();
  /// False where the output or the file is broken.
  bool send_bytes(std::uint64_t length);
  Result send_window();
  /// The first byte that this piece or a later one needs.
  std::uint64_t needed_from() const;
  Result wait_for_growth();
  /// False when there is no need.
  bool read_ahead(std::uint64_t length);

  // Constant after construction.
  const std::shared_ptr<Body> body_;  // shared with a read under way, never with another pump
  const std::shared_ptr<const std::string> bytes_;  // of a body in memory
  const Pieces pieces_;
  Output& output_;
  loop::Loop& loop_;
  loop::StorePool* const readers_;
  const std::function<void()> wake_;

  std::size_t begun_ = 0;     // pieces of which the text is sent
  bool end_sent_ = false;     // the text behind the last one is
  std::uint64_t offset_ = 0;  // in the piece begun last, which ends at end_
  std::uint64_t end_ = 0;
  std::uint64_t resident_ = 0;  // bytes before this are in the page cache, as far as is known
  bool growing_ = false;        // what is waited for: growth, or the disk
  // Shared with the wake-up that sets them; it may come late.
  const std::shared_ptr<bool> waiting_;
  const std::shared_ptr<bool> unreadable_;
};

}  // namespace entrepot::http
