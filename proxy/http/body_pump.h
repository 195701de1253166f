// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/http/body.h"
#include "proxy/http/body_wait.h"
#include "proxy/http/socket/output.h"

namespace entrepot::loop {
class Loop;
class StorePool;
}  // namespace entrepot::loop

namespace entrepot::http {

class PacedReply;

/// Sends pieces of a Body in windows. It reads and queues a window when the kernel has taken the
/// one before, so the memory in use depends neither on the size of the file nor on the client's
/// speed. The store pool first reads a window that is not in the page cache, so that the loop does
/// not wait for a disk (in_page_cache() says how reliable that is); the rest of a window that the
/// kernel has not taken at once is looked for again before it is sent. A client with a bandwidth of
/// its own gets a part at a time (PacedReply). Loop thread only.
class BodyPump {
 public:
  enum class Result {
    again,    ///< more can be sent now, but other connections need their turn
    blocked,  ///< waits for the output or the pace, whose owners call run(), or for a read: calls
              ///< `wake`
    waiting,  ///< waits until the body grows: calls `wake`
    done,     ///< the kernel has all bytes
    failed,   ///< the body, the file or the socket failed; the reply cannot be completed
  };
  /// Bytes that the disk reads ahead of those that are sent.
  static constexpr std::uint64_t window = 4 * 1024 * 1024;

  /// The parts that a pump uses; they outlive it.
  struct Environment {
    loop::Loop& loop;
    loop::StorePool* readers = nullptr;  ///< null: windows are sent without a read ahead
    PacedReply* pace = nullptr;          ///< null: as fast as the client takes them
  };

  /// `output` outlives this. `wake` may be called after the end of the pump. A read in progress
  /// owns the body until it ends.
  BodyPump(std::unique_ptr<Body> body, Pieces pieces, Output& output, Environment environment,
           std::function<void()> wake);
  /// Sends as much as possible in one turn.
  Result run();
  /// Reports to the body that reading its file failed. Returns `failed`.
  Result file_failed();
  /// The cause of the wait, after run() returned `blocked` or `waiting`.
  BodyWait waits_for() const;
  /// True if a byte can be sent now.
  bool ready() const {
    const std::uint64_t first = pieces_.list.front().offset;
    return pieces_.text != nullptr || body_->available(first) > first;
  }

 private:
  /// Sends the text before a piece, or after the last. False: the output is broken.
  bool send_text(std::size_t index, bool more);
  bool begin_piece();
  Result end();
  /// False: the output or the file is broken.
  bool send_bytes(std::uint64_t length);
  Result send_window();
  /// The first byte that this piece or a later one needs.
  std::uint64_t needed_from() const;
  Result wait_for_growth();
  /// Starts to read the next `length` bytes. False: they are in the page cache.
  bool read_ahead(std::uint64_t length);

  // Constant after construction.
  const std::shared_ptr<Body> body_;  // shared with a read in progress, never with another pump
  const std::shared_ptr<const std::string> bytes_;  // of a body in memory
  const Pieces pieces_;
  Output& output_;
  const Environment environment_;
  const std::function<void()> wake_;

  std::size_t begun_ = 0;     // pieces whose text has been sent
  bool end_sent_ = false;     // the text after the last piece has been sent
  std::uint64_t offset_ = 0;  // in the last piece that was begun, which ends at end_
  std::uint64_t end_ = 0;
  std::uint64_t rest_ = 0;  // bytes of the last window that the kernel has not taken
  int reads_ = 0;           // of the bytes at offset_ into the page cache
  bool growing_ = false;    // while *waiting_: for growth, else for the disk
  // Shared with the posted wake-up that sets them, which may outlive the pump.
  const std::shared_ptr<bool> waiting_;
  const std::shared_ptr<bool> unreadable_;
};

}  // namespace entrepot::http
