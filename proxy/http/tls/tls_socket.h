// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "metrics/phase_variable.h"
#include "proxy/http/socket/socket.h"
#include "proxy/http/tls/stream.h"
#include "proxy/http/tls/tls_output.h"
#include "proxy/http/tls/tls_state.h"

struct event;

namespace entrepot::loop {
class Loop;
}  // namespace entrepot::loop

namespace entrepot::http::tls {

/// A socket with TLS. Its owner bounds the time of the handshake, which it sees as the time to the
/// first request. Loop thread only.
class TlsSocket final : public Socket {
 public:
  /// Takes over the connected, non-blocking descriptor `fd`. `metrics` outlives this.
  TlsSocket(loop::Loop& loop, int fd, std::shared_ptr<const Context> context,
            const metrics::TlsMetrics& metrics);
  ~TlsSocket() override;

  evbuffer* input() override { return input_; }
  Output& output() override { return output_; }
  int fd() const override { return fd_; }
  std::shared_ptr<const std::vector<std::string>> certificate() const override {
    return certificate_;
  }
  std::string_view certificate_fault() const override { return stream_.certificate_fault(); }
  void start(SocketUser& user) override;
  bool refill() override;
  void stop_reading() override;
  void overdue() override;
  void stop() override;
  int release() override;

 private:
  void on_ready(short what);
  /// False: a call of the user has followed, and the event is over.
  bool shake_hands();
  void handshake_failed();
  /// Counts the end of the handshake, once.
  void count(metrics::TlsHandshake result);
  /// Reads until the input is full or the descriptor empty. Returns the last result of
  /// Stream::read() that is no number.
  std::ptrdiff_t fill();
  /// Sends queued bytes. False: the user has been told of a failure.
  bool flush();
  void read_more();
  /// Calls on_ready() once the kernel takes bytes.
  void wait_until_writable();

  int fd_;  // -1 once released
  const metrics::TlsMetrics& metrics_;
  Stream stream_;
  evbuffer* const input_;
  event* const readable_;
  event* writable_ = nullptr;  // null until something waits for it
  TlsOutput output_;
  std::shared_ptr<const std::vector<std::string>> certificate_;  // null: the client has none
  SocketUser* user_ = nullptr;                                   // null before start()
  PhaseVariable<TlsState> state_{TlsState::handshake};
  bool counted_ = false;
  bool full_ = false;        // the input is full, so nothing is read until refill()
  bool input_over_ = false;  // the client sends no more, or stop_reading()
};

}  // namespace entrepot::http::tls
