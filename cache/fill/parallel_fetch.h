// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cache/base/executor.h"
#include "cache/fill/blob_transfers.h"
#include "cache/fill/fill_context.h"
#include "cache/fill/fill_file.h"
#include "cache/fill/rules/parallelism.h"

namespace entrepot::cache {

/// Fetches the rest of a large blob over several transfers, if that is faster: one delivers in
/// order, the others deliver segments before it. Parallelism decides how many. The home's thread
/// only.
class ParallelFetch {
 public:
  /// All outlive this.
  ParallelFetch(const FillSubject& subject, const FillFile& file, BlobTransfers& transfers)
      : subject_(subject), file_(file), transfers_(transfers) {}

  /// Begins to measure whether more transfers are faster, if segments are possible.
  void watch();
  /// True if segments may be requested. They lie anywhere in the file, and need an upstream that
  /// answers ranges. A mirror nearby uses several transfers itself: segments would make it fetch
  /// distant parts out of order, and look faster when it becomes faster. After a digest mismatch
  /// one transfer shows which endpoint is to blame.
  bool allowed() const;
  /// Several transfers fetch the blob.
  bool active() const { return parallelism_ && parallelism_->transfers() > 1; }
  /// Requests segments in order, so that a client that reads from the beginning is served first.
  void request_segments();
  /// Requests no more segments. The transfer in order goes on to its end, unless segments are
  /// running.
  void stay_with_one();
  /// No more bytes are needed.
  void stop();

 private:
  void look_at_speed();
  void look_later();

  const FillSubject& subject_;
  const FillFile& file_;
  BlobTransfers& transfers_;
  std::unique_ptr<Parallelism> parallelism_;
  std::unique_ptr<ExtraTransfers::Share> share_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace entrepot::cache
