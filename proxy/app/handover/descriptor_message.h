// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "metrics/check.h"

namespace entrepot::app {

/// A message of a unix socket with descriptors (SCM_RIGHTS, unix(7)), for sendmsg(2) or recvmsg(2).
/// One thread at a time.
struct DescriptorMessage {
  static constexpr std::size_t most_descriptors = 128;  ///< the kernel takes 253

  /// To send `text` with `descriptors`, at most most_descriptors; both outlive this.
  DescriptorMessage(std::string_view text, std::span<const int> descriptors)
      : piece{const_cast<char*>(text.data()), text.size()} {
    check(descriptors.size() <= most_descriptors, "descriptors in bounds");
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    if (descriptors.empty()) return;
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
  }
  /// To receive into `buffer`, which outlives this, and descriptors.
  explicit DescriptorMessage(std::span<char> buffer) : piece{buffer.data(), buffer.size()} {
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
  }
  DescriptorMessage(const DescriptorMessage&) = delete;
  DescriptorMessage& operator=(const DescriptorMessage&) = delete;

  iovec piece;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
  msghdr header{};
};

}  // namespace entrepot::app
