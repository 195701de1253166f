// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/object_progress.h"

namespace entrepot::upstream {

std::optional<std::string> ObjectProgress::refuse(const ObjectPlace& place) const {
  if (!place.total) return std::nullopt;
  if (max_size_ > 0 && *place.total > max_size_)
    return "announces " + std::to_string(*place.total) + " bytes, more than the limit of " +
           std::to_string(max_size_);
  if (size_ && *place.total != *size_)
    return "announces " + std::to_string(*place.total) + " bytes where it was " +
           std::to_string(*size_) + " before";
  return std::nullopt;
}

ObjectProgress::Piece ObjectProgress::take(std::span<const std::byte> data) {
  Piece piece{.offset = next_, .data = data};
  if (end_ && next_ + data.size() > *end_) {
    overrun_ = true;
    piece.data = data.first(*end_ - std::min(next_, *end_));
  }
  piece.last = overrun_;
  next_ += piece.data.size();
  if (max_size_ > 0 && next_ > max_size_) {
    piece.why = "sends more than the limit of " + std::to_string(max_size_) + " bytes";
  } else if (size_ && next_ > *size_) {
    piece.why = "sends more than the " + std::to_string(*size_) + " bytes it announced";
  } else {
    delivered_ = std::max(delivered_, next_);
  }
  return piece;
}

}  // namespace entrepot::upstream
