// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace entrepot::cache {

/// How many transfers bring one blob at once: one, and twice as many as long as that brings it
/// faster; where it does not, as many as before, until it is tried again. Pure arithmetic: it is
/// told what has arrived, at even steps of time. One thread.
class Parallelism {
 public:
  /// Between two steps.
  static constexpr std::chrono::milliseconds interval{300};

  /// An interval has passed; `arrived` bytes of the blob are there and `left` are not. Returns how
  /// many transfers there are to be from now on: no more than `most`, unless they are there.
  std::size_t step(std::uint64_t arrived, std::uint64_t left, std::size_t most);
  std::size_t transfers() const { return transfers_; }
  /// Bytes of the next segment, where so many of the blob have not been asked for: what one
  /// transfer brings in 2.4 s, and less towards the end, so that all end at about the same time.
  /// In 1.2 s while it is on trial whether a second one helps: what comes in order, at half the
  /// speed if it does not, then soon meets the segment, and who reads gets no flood all at once.
  std::uint64_t segment(std::uint64_t unasked) const;
  /// More than one made it worse, or may not be: stay with one.
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
  bool on_trial_ = false;              ///< twice as many as were enough, so far
  double speed_before_ = 0;            ///< with half as many, bytes an interval
  int rest_ = 0;                       ///< steps until the next trial
  int next_rest_ = 16;                 ///< after one that did not help
  bool settled_ = false;
};

/// Transfers beyond the first of each blob that all blobs may have together: an upstream's
/// manifests and small blobs must not wait behind one image's layers. Any thread.
class ExtraTransfers {
 public:
  explicit ExtraTransfers(int limit) : free_(limit) {}

  /// What one blob holds of them; given back with it. One thread.
  class Share {
   public:
    explicit Share(ExtraTransfers& all) : all_(all) {}
    ~Share() { hold(0); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    /// The most it could hold now.
    std::size_t most() const {
      return held_ + static_cast<std::size_t>(std::max(all_.free_.load(), 0));
    }
    /// Takes or gives back, so that it holds so many. Two at once may take a few too many.
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
