// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cache/fill/blob_transfers.h"
#include "cache/fill/fill_body.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_file.h"
#include "cache/fill/fill_phase.h"
#include "cache/fill/parallel_fetch.h"
#include "cache/fill/pass_through_pacer.h"
#include "cache/fill/range_requests.h"

namespace entrepot::cache {

/// A blob in a file. Clients read the file while it grows, without its tail, which is released when
/// the digest is proven. The transfer in order goes on where bytes are missing: behind those that
/// an earlier fill has left, and between ranges and segments. The parts of the body:
///
///   FillFile          the file and its name
///   BlobTransfers     the transfer in order, and the transfers of ranges and segments
///   RangeRequests     requests for ranges; decides whether the whole blob is fetched
///   ParallelFetch     segments, if several transfers are faster
///   PassThroughPacer  holds the upstream if the file is only a window
class FileBody final : public FillBody, private RangeRequests::Owner {
 public:
  /// `subject` and `owner` outlive this. `scope`: ranges, if the first request wants ranges.
  FileBody(FillSubject& subject, FillBody::Owner& owner, FetchScope scope);
  ~FileBody() override;

  void start(bool resume) override;
  void on_head(const FetchHead& head) override;
  bool on_data(std::uint64_t offset, std::span<const std::byte> data) override;
  void on_done(const std::optional<Failure>& failure) override;

  bool admits(const ObjectRequest& request) override;
  bool answer_ranges(const ObjectRequest& request) override;
  void client_joined(Client client) override;
  std::shared_ptr<ReadPositions::Reader> reader() const override { return file_->readers().join(); }

  bool in_memory() const override { return false; }
  std::optional<BypassReason> bypass() const override;
  bool joinable(bool proven) const override;
  bool awaited() const override;
  bool useful() const override { return transfers_.whole() && file_.is_open(); }
  bool expendable() const override;

  void stop() override;
  void leave() override;
  void settle(const Failure& failure, Bytes bytes) override;
  std::vector<ObjectRequest> take_waiting() override { return ranges_.take_waiting(); }
  bool keep(const ContentPtr& content, Keeper::Done done) override;
  void stored() override { file_.stored(); }

 private:
  void go_on() override;
  void prove();
  void hashed(const std::optional<Digest>& actual);

  FillSubject& subject_;
  FillBody::Owner& owner_;
  FillFile file_;
  BlobTransfers transfers_;
  ParallelFetch parallel_;
  PassThroughPacer pacer_;
  RangeRequests ranges_;
  std::optional<Failure> refusal_;  ///< why on_data() has rejected the body
};

}  // namespace entrepot::cache
