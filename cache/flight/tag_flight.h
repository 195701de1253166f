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

class TagFlights;

/// The flight that learns what a tag names now, for everybody who asks meanwhile. Its home's thread
/// only; kept alive by the table of flights.
///
///   with a record, or for a client's HEAD: HEAD upstream (not counted by Docker Hub)
///       same digest → the record is fresh again
///       other digest → the record moves; its manifest is fetched by digest when asked for
///       no usable digest → GET
///       HEAD refused → the source has it by GET at once (FetchRequest::or_get)
///   without a record, for a GET: GET by tag, one request in all; HEAD first where the upstream's
///       rate limit leaves few requests, because the manifest may be here under another tag
///
/// 404, 401 and 403 are definitive: the record goes. Anything else leaves it, for stale answers.
class TagFlight : public FetchSink, public Demand, public std::enable_shared_from_this<TagFlight> {
 public:
  TagFlight(const TagContext& context, Executor& home, Source& source, TagFlights& flights,
            Repository repository, std::string tag, std::shared_ptr<const TagState> known);
  ~TagFlight() override;

  /// `first` brings it about; `background`: nobody will wait for it.
  void start(bool with_head, const TagRequest& first, bool background);
  void join(TagRequest request);
  void abandon(const Failure& failure);
  /// Whoever can be answered from the known record is; the flight goes on.
  void answer_stale();

  const Repository& repository() const { return repository_; }
  const std::string& tag() const { return tag_; }
  /// Of the request that brought it about.
  const std::string& via() const { return via_; }

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
  void settle(TagRecord record, std::string_view reason);
  void fail(const Failure& failure);
  void forget();

  const TagContext& context_;
  Executor& home_;
  Source& source_;
  TagFlights& flights_;
  const Repository repository_;
  const std::string tag_;
  const std::string key_;
  const std::shared_ptr<const TagState> known_;  // null: no record

  std::string via_;
  std::string accept_;
  Client client_ = Client::nobody;
  bool background_ = false;
  bool asked_with_head_ = false;
  std::unique_ptr<Fetch> fetch_;
  FetchHead head_;
  GatheredBody body_;
  std::vector<TagRequest> waiting_;
  std::unique_ptr<Timer> patience_;
  bool impatient_ = false;  ///< nobody waits any more: who comes is answered stale
};

}  // namespace entrepot::cache
