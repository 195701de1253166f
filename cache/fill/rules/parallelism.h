// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace entrepot::cache {

/// The number of transfers that fetch one blob: one, and twice as many as long as that is faster.
/// If it is not, as many as before, until the next trial. Pure arithmetic over the bytes that have
/// arrived at regular intervals. One thread.
class Parallelism {
 public:
  /// Between two steps.
  static constexpr std::chrono::milliseconds interval{300};

  /// An interval has passed; `arrived` bytes of the blob are available and `left` are not. Returns
  /// the number of transfers from now on: at most `most`, unless more are running.
  std::size_t step(std::uint64_t arrived, std::uint64_t left, std::size_t most);
  std::size_t transfers() const { return transfers_; }
  /// Bytes of the next segment if `unasked` bytes of the blob have not been requested: as many as
  /// one transfer delivers in 2.4 s, and fewer towards the end, so that all end at about the same
  /// time. During the first trial as many as in 1.2 s: if a second transfer does not help, the one
  /// in order has half the speed, soon reaches the segment, and readers get no flood at once.
  std::uint64_t segment(std::uint64_t unasked) const;
  /// More than one made it worse, or is not allowed: one from now on.
  void narrow();

 private:
  enum class Verdict { better, no_better, not_yet };

  double speed() const;
  Verdict judge(double speed, std::uint64_t left) const;
  void change(std::size_t transfers);
  void plan_segments(double speed_of_each, double intervals);

  std::size_t transfers_ = 1;
  std::uint64_t segment_ = 0;
  std::deque<std::uint64_t> arrived_;  ///< at the last steps since transfers_ changed
  bool on_trial_ = false;              ///< the number was doubled, and may be halved again
  double speed_before_ = 0;            ///< with half as many; bytes per interval
  int rest_ = 0;                       ///< steps until the next trial
  int next_rest_ = 16;                 ///< after a trial that did not help
  bool settled_ = false;
};

/// The limit for transfers beyond the first of each blob, over all blobs: the manifests and small
/// blobs of an upstream must not wait behind the layers of one image. Any thread.
class ExtraTransfers {
 public:
  explicit ExtraTransfers(int limit) : free_(limit) {}

  /// The transfers that one blob holds; its destruction returns them. One thread.
  class Share {
   public:
    explicit Share(ExtraTransfers& all) : all_(all) {}
    ~Share() { hold(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// The most that it could hold now.
    std::size_t most() const {
      return held_ + static_cast<std::size_t>(std::max(all_.free_.load(), 0));
    }
    /// Takes or returns transfers, so that it holds `count`. Two threads at once may take a few too
    /// many.
    void hold(std::size_t count) {
      all_.free_ += static_cast<int>(held_) - static_cast<int>(count);
      held_ = count;
    }

   private:
    ExtraTransfers& all_;
    std::size_t held_ = 0;
  };

 private:
  std::atomic<int> free_;
};

}  // namespace entrepot::cache
