// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/fakes/tls_identity.h"

namespace entrepot::fakes {

/// A request as it came over the wire.
struct Received {
  std::string method;
  std::string target;  ///< "/v2/a/blobs/sha256:…?x=y"
  std::string head;    ///< all of it, request line included
  int connection = 0;  ///< counted from 1, in the order of accepting

  /// The value of a header (any case); empty when absent.
  std::string header(std::string_view name) const;
};

/// An HTTP/1.1 server on 127.0.0.1 that does what a test says, byte by byte: one thread accepts,
/// one serves each connection. Counters and records may be read from any thread.
class ScriptedServer {
 public:
  /// The reply of a script to one request; valid during the script's call.
  class Reply {
   public:
    /// Writes raw bytes; what the peer no longer takes is lost.
    void raw(std::string_view bytes);
    /// A whole response with Content-Length; `headers` are complete lines.
    void send(int status, const std::vector<std::string>& headers, std::string_view body);
    /// Only the head, announcing `length` bytes.
    void head(int status, const std::vector<std::string>& headers, std::size_t length);
    /// Ends the connection with FIN, or with RST.
    void close();
    void reset();
    /// Returns when the peer has closed, or the server is being destroyed.
    void wait_for_peer();

   private:
    friend class ScriptedServer;
    Reply(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
    long read(char* data, std::size_t size);
    long write(std::string_view bytes);

    int fd_;
    SSL* tls_;  ///< null: plain
    bool open_ = true;
  };
  using Script = std::function<void(const Received&, Reply&)>;

  /// Listens at once, on a port of its own; speaks TLS if it has an identity, which outlives it.
  explicit ScriptedServer(Script script, const TlsIdentity* identity = nullptr);
  /// Ends every connection and waits for the threads.
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const { return port_; }
  /// "http://127.0.0.1:<port>", or https
  std::string url() const;

  int connections() const;
  std::vector<Received> received() const;
  /// Requests whose target contains `part`.
  int count(std::string_view part) const;
  /// Waits until `count(part)` is at least `least`; false when that takes longer than 10 s.
  bool wait_for(std::string_view part, int least) const;

 private:
  void accept_all();
  void serve(int fd, int number);
  static bool read_request(Reply& peer, std::string& buffer, Received& request);
  void answer_all(Reply& reply, int number);

  const Script script_;
  const TlsIdentity* const identity_;  ///< null: plain
  int listener_;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Received> received_;  // guarded by mutex_
  std::list<int> open_;             // guarded by mutex_
  int connections_ = 0;             // guarded by mutex_
  bool stopping_ = false;           // guarded by mutex_

  std::list<std::thread> servers_;  // of the accepting thread, then of the destructor
  std::thread acceptor_;
};

}  // namespace entrepot::fakes
