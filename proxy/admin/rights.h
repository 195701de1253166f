// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/access/caller.h"
#include "proxy/access/who.h"
#include "proxy/http/parse/request.h"

namespace entrepot::admin {

/// The rights of clients on the admin listener. Their words are the keys of `admin`.
enum class Right : std::uint8_t {
  probes,   ///< /healthz and /readyz
  metrics,  ///< /metrics
  read,     ///< everything else that changes nothing
  change,   ///< everything that may change something
};

}  // namespace entrepot::admin

namespace entrepot::metrics {

template <>
inline constexpr auto words<admin::Right> = make_words<admin::Right>({
    {admin::Right::probes, "probes"},
    {admin::Right::metrics, "metrics"},
    {admin::Right::read, "read"},
    {admin::Right::change, "change"},
});

}  // namespace entrepot::metrics

namespace entrepot::admin {

/// The right that a request needs. It depends neither on what exists below /api/v1/ nor on whether
/// the path has the method, so that a refusal tells neither. Pure.
Right right_for(http::Method method, std::string_view path);

/// The clients that have each right. A client that may change has to have `read` as well, since the
/// answer to a change tells what exists. Immutable; any thread.
class Rights {
 public:
  using Holders = std::vector<access::Who>;
  /// By Right. nullopt: every client, but for `read` and `change` only those with a name if
  /// `named_only`. An empty list: nobody.
  using Table = std::array<std::optional<Holders>, metrics::count_of<Right>>;

  /// Every client has every right.
  Rights() = default;
  /// `named_only`: clients have a login or a certificate here (ListenerRules::named_only).
  Rights(Table table, bool named_only) : table_(std::move(table)), named_only_(named_only) {}

  /// True if every client has this right, so that no login has to be looked at.
  bool open(Right needed) const;
  /// The right that the caller lacks for a request that needs `needed`; nullopt if it lacks none.
  /// Allocates nothing.
  std::optional<Right> lacking(Right needed, const access::Caller& caller) const;

 private:
  bool open_alone(Right right) const;
  bool holds(Right right, const access::Caller& caller) const;
  bool needs_name(Right right) const;
  const std::optional<Holders>& holders(Right right) const {
    return table_[static_cast<std::size_t>(right)];
  }

  Table table_;
  bool named_only_ = false;
};

}  // namespace entrepot::admin
