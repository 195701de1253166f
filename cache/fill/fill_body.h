// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/content/content.h"
#include "cache/content/read_positions.h"
#include "cache/fill/keeper.h"

namespace entrepot::cache {

/// The part of a fill that requests an object, receives its bytes, proves them and has them stored:
/// SmallBody in memory, FileBody in a file. The fill owns it, and replaces it when the object is
/// requested from the beginning again. The home's thread only.
class FillBody {
 public:
  /// The fate of the bytes in the file of a fill that fails.
  enum class Bytes : std::uint8_t {
    kept,       ///< for the next fill, unless the disk is what failed
    discarded,  ///< they are in doubt: their readers are cut short at once as well
  };

  /// The fill. Its methods may destroy the body, and the fill: a caller that goes on afterwards
  /// holds a shared pointer to the fill, and is not the body of a fill that starts again.
  class Owner : public std::enable_shared_from_this<Owner> {
   public:
    enum class Attempt : std::uint8_t { same, next };

    virtual ~Owner() = default;
    /// The requests that have no answer yet.
    virtual const std::vector<ObjectRequest>& waiting() const = 0;
    /// The head is accepted. With a growing content, which is null as long as there is nothing to
    /// read, the waiting requests are answered.
    virtual void opened(ContentPtr growing) = 0;
    /// The object is small: a SmallBody takes over the transfer.
    virtual void continue_in_memory(const FetchHead& head, std::unique_ptr<Fetch> fetch) = 0;
    /// All bytes have arrived.
    virtual void proving() = 0;
    /// The digest is right.
    virtual void proven(ContentPtr content) = 0;
    /// The digest is wrong.
    virtual void mismatch() = 0;
    /// A new body requests all of the object from the beginning.
    virtual void restart(Attempt attempt) = 0;
    virtual void fail(const Failure& failure, Bytes bytes) = 0;
    /// Nothing is requested any more: the fill ends and has left its file to the next one.
    virtual void rest() = 0;
    /// Answers a request with the growing content. `reason` applies unless the request has one.
    virtual void reply(const ObjectRequest& request, Outcome outcome, AnswerReason reason,
                       Progress::ReadPolicy policy) const = 0;
    /// True at the first call: the request that is answered now is the first of this fill.
    virtual bool first_answer() = 0;
    /// Treats a request like a new one, because this fill cannot answer it.
    virtual void route(ObjectRequest request) = 0;
  };

  virtual ~FillBody() = default;

  /// Asks the upstream. `resume`: first goes on with a file that an earlier fill has left. Call
  /// once.
  virtual void start(bool resume) = 0;
  // The transfer that delivers in order, as in FetchSink.
  virtual void on_head(const FetchHead& head) = 0;
  virtual bool on_data(std::uint64_t offset, std::span<const std::byte> data) = 0;
  virtual void on_done(const std::optional<Failure>& failure) = 0;

  /// False if the growing content cannot be an answer to this request: it needs another fill.
  virtual bool admits(const ObjectRequest& request) {
    static_cast<void>(request);
    return true;
  }
  /// Answers a request for ranges of the growing content. False if it is to be answered with all of
  /// the content instead.
  virtual bool answer_ranges(const ObjectRequest& request) {
    static_cast<void>(request);
    return false;
  }
  /// A request of `client` has joined the fill, and was answered or waits.
  virtual void client_joined(Client client) = 0;
  /// A read position in the growing content.
  virtual std::shared_ptr<ReadPositions::Reader> reader() const { return nullptr; }

  /// True if nothing is answered before the proof, so that wrong bytes can be requested again.
  virtual bool in_memory() const = 0;
  /// Why the object will not be stored; not set while it may be.
  virtual std::optional<BypassReason> bypass() const { return std::nullopt; }
  /// False once bytes that a new request would need are gone, or the name of the file belongs to
  /// another fill.
  virtual bool joinable(bool proven) const {
    static_cast<void>(proven);
    return true;
  }
  /// A client waits for bytes, or reads them.
  virtual bool awaited() const { return false; }
  /// The bytes that have arrived are of use without a client as well.
  virtual bool useful() const = 0;
  /// See Demand::expendable().
  virtual bool expendable() const { return false; }

  /// Nothing more arrives, and readers of the growing content are cut short.
  virtual void stop() = 0;
  /// Leaves unproven bytes to the next fill.
  virtual void leave() {}
  /// The fill has failed: stops, and decides about the file.
  virtual void settle(const Failure& failure, Bytes bytes) = 0;
  /// Removes and returns the requests that wait for ranges.
  virtual std::vector<ObjectRequest> take_waiting() { return {}; }
  /// Has the proven object stored. False if it is not to be stored; `done` is then not called.
  virtual bool keep(const ContentPtr& content, Keeper::Done done) = 0;
  /// The object is stored, or is not to be.
  virtual void stored() {}
};

}  // namespace entrepot::cache
