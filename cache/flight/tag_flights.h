// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/flight/negative_table.h"
#include "cache/flight/tag_context.h"
#include "cache/flight/tag_flight.h"

namespace entrepot::cache {

/// Handles the requests by tag of one home loop: judges records, answers from them, and starts one
/// flight per tag. Home thread only.
class TagFlights final : private TagFlightTable {
 public:
  TagFlights(const TagContext& context, Executor& home, Source& source);
  ~TagFlights();

  void fetch(TagRequest request) override;
  void abandon_all(const Failure& failure);

 private:
  using StatePtr = std::shared_ptr<const TagState>;

  // For the flights.
  void unlist(const TagFlight& flight) override;
  void answer(const TagRequest& request, const TagState& state, Outcome outcome,
              std::optional<AnswerReason> reason) override;
  void answer_stale(const StatePtr& known, const std::vector<TagRequest>& waiting,
                    AnswerReason reason, const Failure& failure) override;
  void failed(const TagFlight& flight, const StatePtr& known,
              const std::vector<TagRequest>& waiting, const Failure& failure) override;

  void decide(TagRequest request, const StatePtr& known);
  /// Continues with the record on disk, unless a flight has written a newer one meanwhile.
  void decide_with(TagRequest request, const std::string& key, std::optional<TagRecord> record);
  void join_or_start(TagRequest request, const StatePtr& known);
  std::shared_ptr<TagFlight> start(const TagRequest& request, bool head, const StatePtr& known,
                                   bool background);
  void ask_by_tag(TagRequest request);
  void check_in_background(const TagRequest& request, const StatePtr& known);
  bool may_force(const std::string& key);
  bool rests(const TagRequest& request, const StatePtr& known);

  const TagContext& context_;
  Executor& home_;
  Source& source_;
  std::unordered_map<std::string, std::shared_ptr<TagFlight>> flights_;
  NegativeTable negative_;
  /// Tags whose last check failed, and the time of the next: they are served stale until then.
  std::unordered_map<std::string, SteadyTime> resting_until_;
  /// When clients last forced a check.
  std::unordered_map<std::string, SteadyTime> forced_at_;
  std::shared_ptr<TagFlights*> self_;
};

}  // namespace entrepot::cache
