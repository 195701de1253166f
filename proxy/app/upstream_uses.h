// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "proxy/loop/loop.h"

namespace entrepot::app {

/// Tells when no request can be for an upstream any more: the configuration has it no more, and the
/// last request that began before has ended. Control loop only, and the main thread before it runs.
class UpstreamUses {
 public:
  /// Held by the configured names (registry::Options) and by the requests that are for the
  /// upstream. Any thread may drop it.
  using Use = std::shared_ptr<const void>;
  using Unused = std::function<void(const std::string& name)>;

  /// `unused` is called on `control` after the last Use of a name has been dropped, unless there is
  /// a new one by then. `control` outlives every Use; this may end before them if no job of
  /// `control` runs afterwards.
  UpstreamUses(loop::Loop& control, Unused unused)
      : control_(control), unused_(std::move(unused)) {}
  UpstreamUses(const UpstreamUses&) = delete;
  UpstreamUses& operator=(const UpstreamUses&) = delete;

  /// The same one as long as it exists.
  Use of(const std::string& name);

 private:
  void dropped(const std::string& name);

  loop::Loop& control_;
  const Unused unused_;
  std::map<std::string, std::weak_ptr<const void>> uses_;
};

}  // namespace entrepot::app
