// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/content/gathered_body.h"
#include "cache/content/parsed_manifest.h"
#include "cache/flight/tag_context.h"

namespace entrepot::cache {

class TagFlight;

/// The table of flights, as far as a flight uses it. Home thread only.
class TagFlightTable {
 public:
  /// The flight has ended: later requests start another one.
  virtual void unlist(const TagFlight& flight) = 0;
  /// Replies with the manifest that the record names; fetches it by digest if it is not in memory.
  virtual void answer(const TagRequest& request, const TagState& state, Outcome outcome,
                      std::optional<AnswerReason> reason) = 0;
  /// Replies with the stale manifest if the record allows it, else with the failure.
  virtual void answer_stale(const std::shared_ptr<const TagState>& known,
                            const std::vector<TagRequest>& waiting, AnswerReason reason,
                            const Failure& failure) = 0;
  /// Replies to `waiting`, and remembers the failure.
  virtual void failed(const TagFlight& flight, const std::shared_ptr<const TagState>& known,
                      const std::vector<TagRequest>& waiting, const Failure& failure) = 0;
  /// Starts again with a request that the failure of a flight does not answer.
  virtual void fetch(TagRequest request) = 0;

 protected:
  ~TagFlightTable() = default;
};

/// Requests the current digest of a tag for all requests that arrive meanwhile. Home thread only;
/// the table of flights keeps it alive.
///
///   with a record, or for a client's HEAD: HEAD upstream (not counted by Docker Hub)
///       same digest → the record is fresh again
///       other digest → the record is replaced; a GET fetches the manifest by digest
///       no usable digest, or the registry has the manifest by tag only → GET
///       HEAD refused → the source repeats it as GET at once (FetchRequest::or_get)
///   without a record, for a GET: one GET by tag; HEAD first if the upstream's rate limit leaves
///   few
///       requests, because the manifest may be stored under another tag
///
/// 404, 401 and 403 are definitive and delete the record. Any other failure leaves it for stale
/// answers.
class TagFlight : public FetchSink, public Demand, public std::enable_shared_from_this<TagFlight> {
 public:
  TagFlight(const TagContext& context, Executor& home, Source& source, TagFlightTable& table,
            Repository repository, std::string tag, std::shared_ptr<const TagState> known);
  ~TagFlight() override;

  /// Sends the upstream request. `first`: the request that needs it; `background`: no request will
  /// wait for it.
  void start(bool with_head, const TagRequest& first, bool background);
  void join(TagRequest request);
  void abandon(const Failure& failure);
  /// Answers the waiting requests from the known record, if it allows that; the flight continues.
  void answer_stale();

  const Repository& repository() const { return repository_; }
  const std::string& tag() const { return tag_; }
  /// The values of the request that started the flight.
  const SentAs& sent() const { return sent_; }

  Level level() const override;

  void on_head(const FetchHead& head) override { head_ = head; }
  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_done(const std::optional<Failure>& failure) override;

 private:
  void ask(bool with_head);
  void head_arrived();
  bool only_heads() const;
  void manifest_arrived();
  void manifest_read(ParsedManifest read);
  void settle(TagRecord record);
  void fail(const Failure& failure);
  void forget();

  const TagContext& context_;
  Executor& home_;
  Source& source_;
  TagFlightTable& table_;
  const Repository repository_;
  const std::string tag_;
  const std::string key_;
  const std::shared_ptr<const TagState> known_;  // null: no record

  const std::shared_ptr<FetchRecord> record_ = std::make_shared<FetchRecord>();
  SentAs sent_;
  Client client_ = Client::nobody;
  bool background_ = false;
  bool asked_with_head_ = false;
  std::unique_ptr<Fetch> fetch_;
  FetchHead head_;
  GatheredBody body_;
  std::vector<TagRequest> waiting_;
  std::unique_ptr<Timer> patience_;
  bool impatient_ = false;  ///< later requests are answered stale at once
};

}  // namespace entrepot::cache
