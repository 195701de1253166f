// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace entrepot::http {

/// Text in memory that several replies may share. A connection refers to the text and never copies
/// it, even if its client reads slowly.
struct SharedText {
  std::shared_ptr<const std::string> owner;
  std::string_view text;  ///< within *owner
};

}  // namespace entrepot::http
