// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/exchange.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "proxy/http/parse/request_parser.h"

namespace entrepot::fakes {

Exchange::Exchange(std::string_view head) {
  http::RequestParser parser;
  parser.begin(request_);
  std::size_t consumed = 0;
  if (parser.feed(head, consumed) != http::RequestParser::Result::complete)
    throw std::invalid_argument("not a request the server lets through: " + std::string(head));
}

cache::Executor& Exchange::executor() const {
  if (executor_ == nullptr) throw std::logic_error("a fake exchange has no executor");
  return *executor_;
}

void Exchange::begin(const http::ReplyHead& head, std::optional<std::uint64_t> content_length) {
  EXPECT_EQ(++replies_, 1) << "an exchange has one reply";
  reply_.status = head.status();
  reply_.content_length = content_length;
  std::string_view lines = head.fields();
  while (!lines.empty()) {
    const std::size_t end = lines.find("\r\n");
    ASSERT_NE(end, std::string_view::npos);
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(": ");
    ASSERT_NE(colon, std::string_view::npos) << line;
    const bool added = reply_.fields.emplace(line.substr(0, colon), line.substr(colon + 2)).second;
    EXPECT_TRUE(added) << line << " came twice";
    lines.remove_prefix(end + 2);
  }
}

void Exchange::reply(const http::ReplyHead& head, std::string_view body) {
  begin(head, body.size());
  if (!request_.is_head()) reply_.body = body;
}

void Exchange::reply(const http::ReplyHead& head, std::span<const http::SharedText> texts) {
  std::string body;
  for (const auto& [owner, text] : texts) {
    body.append(text);
    reply_.shared.push_back(owner);
  }
  reply(head, std::string_view(body));
}

void Exchange::reply(const http::ReplyHead& head, std::unique_ptr<http::Body> body,
                     http::Pieces pieces) {
  begin(head, pieces.total_length());
  ASSERT_FALSE(request_.is_head()) << "a HEAD needs no body";
  for (std::size_t i = 0; i <= pieces.list.size(); ++i) {
    if (pieces.text) reply_.body += pieces.text(pieces.list, i);
    if (i == pieces.list.size()) break;
    const auto [offset, size] = pieces.list[i];
    const std::uint64_t end = std::min(offset + size, body->available(offset));
    if (end <= offset) continue;
    if (const auto bytes = body->bytes()) {
      reply_.body += bytes->substr(offset, end - offset);
      continue;
    }
    std::string bytes(end - offset, '\0');
    EXPECT_EQ(pread(body->fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    reply_.body += bytes;
  }
  reply_.live = std::move(body);
}

void Exchange::reply_head(const http::ReplyHead& head, std::uint64_t content_length) {
  constexpr auto none = std::numeric_limits<std::uint64_t>::max();
  begin(head, content_length == none ? std::nullopt : std::optional(content_length));
}

}  // namespace entrepot::fakes
