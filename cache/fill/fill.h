// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/content/parsed_manifest.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/growing_file.h"
#include "cache/fill/parallelism.h"
#include "cache/fill/range_fetcher.h"
#include "cache/fill/served_ranges.h"

namespace entrepot::cache {

/// The flight that brings one blob or manifest by digest, for everybody who asks for it meanwhile.
/// It belongs to no client. Once nobody reads it or waits for it any more it goes on while the
/// upstream has nothing to do for others; where it has, what has come is left for the next who asks
/// (Demand). Its home's thread only.
///
/// Where only pieces of a blob are asked for it brings only those (fill_pieces.cc), and rests when
/// they are there; the file stays for whoever asks next. It becomes one that brings all as soon as
/// somebody wants all, or half is there.
///
///   asking ─on_head─► arriving ─on_done─► proving ─digest right─► keeping ─► ended
///     │                  ▲   └──────────────────┴──failure, wrong digest───────►│
///     └─first piece─► pieces ⇄ resting ──────────nobody asks, failure──────────►│
///
/// A large blob that comes slowly is brought by several transfers at once, where that is faster
/// (fill_widening.cc): one in order, the others in segments before it.
///
/// Two forms. In memory (manifests, and blobs no longer than the tail): nothing is answered before
/// the digest is proven, so a wrong body is asked for again unseen. In a file (everything else):
/// waiters get the growing file at on_head and read up to size - tail; the tail is released once
/// the digest is proven. Proven content is answered before it is kept: the order at the end is
/// prove → answer or release → sync → rename → index → unlist.
class Fill : public FetchSink,
             public RangeFetcher::Owner,
             public Demand,
             public std::enable_shared_from_this<Fill> {
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
    /// The fill has failed for those who wait. `sent`: the request that was sent; clients with
    /// other values are not concerned by a failure that is due to them.
    virtual void failed(const Repository& asked, Resource resource, const Digest& digest,
                        const SentAs& sent, std::vector<ObjectRequest> waiting,
                        const Failure& failure) = 0;
  };

  /// `apart`: beside one that brings the same for an upstream whose bytes are not for this one. It
  /// has no file of its own, so it passes through.
  Fill(const FillContext& context, Executor& home, Source& source, Owner& owner,
       const ObjectRequest& first, bool apart);
  ~Fill() override;

  /// Asks the upstream. Call once, after construction.
  void start();
  /// Answers the request as soon as there is something to answer with.
  void join(ObjectRequest request);
  /// False once bytes that a newcomer would need are gone, or another fill may have the name of its
  /// file: whoever comes needs a fill of its own.
  bool joinable() const {
    return (ours_ || apart_) && (proven_ ? !passing() : !file_ || !file_->begun_to_slide());
  }
  /// The upstream has answered in the name of repository(), or was not asked.
  bool begun() const { return content_ != nullptr; }
  /// Fails everybody; the flights forget the fill themselves.
  void abandon(const Failure& failure);

  Resource resource() const { return resource_; }
  const Digest& digest() const { return digest_; }
  /// The repository in whose name the upstream is asked.
  const Repository& repository() const { return repository_; }
  /// Who may read what it brings.
  bool open_to(std::string_view upstream) const;

  Level level() const override;
  bool expendable() const override;

  void on_head(const FetchHead& head) override;
  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_done(const std::optional<Failure>& failure) override;
  void on_endpoint(const std::string& endpoint) override { endpoints_.insert(endpoint); }

 private:
  void on_piece_head(const FetchHead& head) override;
  void on_piece_endpoint(const std::string& endpoint) override { endpoints_.insert(endpoint); }
  std::optional<Failure> on_piece(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_piece_done(const std::optional<Failure>& failure) override;

  FetchRequest request() const;
  void ask_rest(const Extents& there, bool compare);

  // RangeFetcher.
  void begin_with_pieces();
  void ask_size();
  bool open_pieces();
  bool bring_all();
  void turn_to_all();
  void make_pieces();
  std::optional<std::uint64_t> want(const std::vector<Span>& spans);
  std::optional<std::uint64_t> want_with(const std::vector<Span>& spans, std::uint64_t ahead);
  std::uint64_t read_ahead(const Span& span);
  void step_aside();
  void give_name_up();
  void answer_pieces(const ObjectRequest& request);
  void note_served(const std::vector<Span>& spans, Client client);
  void rest_if_idle();
  void rest_after(std::chrono::milliseconds delay);
  void add_unheard(const ObjectRequest& request, Outcome outcome);
  void heard();
  void without_ranges();
  bool first_lies_within() const;
  std::string_view reason_for_pieces() const;

  // Several transfers.
  void watch_speed();
  bool may_widen() const;
  bool widened() const { return widening_ && widening_->transfers() > 1; }
  void look_at_speed();
  void stay_with_one();
  void ask_segments();
  /// fetch_ was asked for more: what lies behind asked_ has segments.
  bool shortened() const { return asked_.end < asked_end_; }

  bool take_in_memory(std::uint64_t offset, std::span<const std::byte> data);
  void prove_in_memory();
  void manifest_read(ParsedManifest read);
  void proven_in_memory();
  void keep_in_memory();
  bool open_file();
  bool make_file();
  bool make_passing(std::string_view why);
  bool resume_file(std::uint64_t room);
  void set_growing_content();
  GrowingFile::Parts file_parts() const;
  GrowingFile::Proven when_proven();
  void forget_partial();
  void leave_partial();
  void hold_while_full();
  void look_at_window();
  void leave_slow_behind();
  void go_on_in_file();
  void prove_file();
  void proven_in_file(std::optional<Digest> actual);
  void keep_file();

  static Failure nobody_reads();
  static Failure another_size();
  /// Not kept: no room for it, or the disk fails.
  bool passing() const { return file_ && file_->passing(); }
  std::uint64_t max_size() const;
  void mismatch();
  void answer_waiters();
  void answer(const ObjectRequest& request);
  void reply_growing(const ObjectRequest& request, Outcome outcome, std::string_view reason,
                     Progress::ReadPolicy reach) const;
  Keeper::Done when_stored();
  /// Nothing more will arrive, and who reads what did is cut short.
  void end_arrival();
  /// What becomes of the bytes that are there, where the disk is not what failed.
  enum class Left : std::uint8_t { stays, goes };
  void fail(const Failure& failure, Left left = Left::stays);
  void stored(bool kept, bool is_inline);

  const FillContext& context_;
  Executor& home_;
  Source& source_;
  Owner& owner_;
  const Resource resource_;
  const Repository repository_;
  const Digest digest_;
  const SentAs sent_;
  Client client_;  // who asked last
  const bool apart_;

  std::unique_ptr<Fetch> fetch_;  // of all, or of its size
  Span asked_;                    // by fetch_, but for what segments bring
  std::uint64_t asked_end_ = 0;   // by fetch_, that included
  bool told_ = false;             // fetch_ has had its head
  std::unique_ptr<RangeFetcher> pieces_;
  std::uint64_t claimed_ = 0;    // room for pieces
  bool all_refused_ = false;     // there was no room for more than pieces
  bool ranges_ignored_ = false;  // by the upstream
  bool near_mirror_ = false;     // what answered last
  bool first_refused_ = false;   // the first piece
  /// Since pieces were asked for last, the upstream has answered. Until then nobody is promised
  /// any: an error of the upstream's is an answer of its own.
  bool heard_ = false;
  std::vector<std::pair<ObjectRequest, Outcome>> unheard_;
  ServedRanges served_;
  std::uint64_t last_end_ = 0;  // of the piece wanted last
  std::uint64_t ahead_ = 0;     // brought behind it
  bool all_;                    // not only pieces are wanted
  bool ours_;                   // the name of the file
  std::unique_ptr<Timer> resting_;
  FetchHead head_;
  std::set<std::string> endpoints_;  // that something came from
  int attempts_ = 0;
  bool in_memory_ = false;
  std::vector<ObjectRequest> waiting_;
  bool first_answered_ = false;
  int uses_ = 0;  // since it was proven: the index does not know the object yet
  bool proven_ = false;
  /// What waiters get, once there is something.
  ContentPtr content_;

  std::string bytes_;                  // in memory
  std::shared_ptr<GrowingFile> file_;  // in a file
  std::optional<Failure> refusal_;     // why on_data or on_piece said no to wrong bytes
  std::optional<PartialBlobs::Partial>
      partial_;  // what an earlier fill left, until the file is open
  // Passing: looks for room while the upstream is held.
  std::unique_ptr<Timer> pace_;
  struct HeldUp {
    SteadyTime since, seen;
  };
  std::optional<HeldUp> held_up_;  // passing: some readers hold others up
  // The rest over several transfers.
  std::unique_ptr<Parallelism> widening_;
  std::unique_ptr<ExtraTransfers::Share> extra_;
  std::unique_ptr<Timer> speed_timer_;
};

}  // namespace entrepot::cache
