// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/base/demand.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_phase.h"
#include "metrics/phase_variable.h"

namespace entrepot::cache {

/// The flight that fetches one blob or manifest by digest, for all clients that request it
/// meanwhile. It belongs to no client: when no client reads it or waits for it any more, it goes on
/// while the upstream has no other work, and otherwise leaves the bytes that have arrived to the
/// next fill (Demand). FillPhase has its states.
///
/// The fill knows the object and the clients: it lets requests wait and answers them. Its body
/// knows the bytes: SmallBody in memory, FileBody in a file. Waiting requests of a small object are
/// answered when the digest is proven; those of another blob as soon as its size is known, with a
/// growing file whose tail is released after the proof. A proven object is answered before it is
/// stored; the order at the end is
///
///   prove → answer or release → sync → rename → index → unlist
///
/// The home's thread only. Jobs on the store pool own copies of what they need (Keeper).
class Fill final : public FillBody::Owner, public Demand {
 public:
  /// The table of the fills of one home. Its methods may destroy the fill's last reference but the
  /// caller's own.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// Requests that this fill cannot answer: each is treated like a new one.
    virtual void fetch(ObjectRequest request) = 0;
    /// The fill has ended.
    virtual void unlist(const Fill& fill) = 0;
    /// The fill has failed for the waiting requests. `sent`: the values of the request that was
    /// sent; a failure that is due to them does not concern clients with other values.
    virtual void failed(const Repository& asked, Resource resource, const Digest& digest,
                        const SentAs& sent, std::vector<ObjectRequest> waiting,
                        const Failure& failure) = 0;
  };

  /// All arguments but `first` outlive the fill. `apart`: see FillSubject.
  Fill(const FillContext& context, Executor& home, Source& source, Owner& owner,
       const ObjectRequest& first, bool apart);
  ~Fill() override;

  /// Asks the upstream. Call once, after construction and join() of the first request.
  void start();
  /// Answers the request as soon as there is something to answer with.
  void join(ObjectRequest request);
  /// False once bytes that a new request would need are gone, or another fill may have the name of
  /// the file: such a request needs a fill of its own.
  bool joinable() const { return body_->joinable(phase_.is(FillPhase::keeping)); }
  /// There is something to answer with: the upstream has answered in the name of the repository, or
  /// was not asked.
  bool begun() const { return content_ != nullptr; }
  /// Fails all requests; the table forgets the fill itself.
  void abandon(const Failure& failure);

  const FillSubject& subject() const { return subject_; }

  Level level() const override;
  bool expendable() const override { return body_->expendable(); }

 private:
  /// Passes the events of the transfer in order to the body that the fill has at that time.
  class Sink final : public FetchSink {
   public:
    explicit Sink(Fill& fill) : fill_(fill) {}
    void on_head(const FetchHead& head) override;
    bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
    void on_endpoint(const std::string& endpoint) override;
    void on_done(const std::optional<Failure>& failure) override;

   private:
    Fill& fill_;
  };

  // FillBody::Owner.
  const std::vector<ObjectRequest>& waiting() const override { return waiting_; }
  void opened(ContentPtr growing) override;
  void continue_in_memory(const FetchHead& head, std::unique_ptr<Fetch> fetch) override;
  void proving() override { phase_.enter(FillPhase::proving); }
  void proven(ContentPtr content) override;
  void mismatch() override;
  void restart(Attempt attempt) override;
  void fail(const Failure& failure, FillBody::Bytes bytes) override;
  void rest() override;
  void reply(const ObjectRequest& request, Outcome outcome, AnswerReason reason,
             Progress::ReadPolicy policy) const override;
  bool first_answer() override;
  void route(ObjectRequest request) override { owner_.fetch(std::move(request)); }

  void answer(const ObjectRequest& request);
  void answer_waiting();
  void stored(bool kept, bool is_inline);

  Sink sink_{*this};
  FillSubject subject_;
  Owner& owner_;
  PhaseVariable<FillPhase> phase_{FillPhase::asking};
  int attempts_ = 0;
  std::vector<ObjectRequest> waiting_;
  bool first_answered_ = false;
  int uses_ = 0;  ///< since the proof: the index does not have the object yet
  /// The answer to requests: a growing blob, or the proven object; null before.
  ContentPtr content_;
  std::unique_ptr<FillBody> body_;  ///< last: the end of its transfers asks for the demand
};

}  // namespace entrepot::cache
