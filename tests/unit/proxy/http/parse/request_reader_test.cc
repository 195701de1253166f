// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request_reader.h"

#include <event2/buffer.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace entrepot::http {
namespace {

using std::chrono::seconds;
using ReadResult = RequestReader::Result;

class RequestReaderTest : public testing::Test {
 protected:
  ~RequestReaderTest() override { evbuffer_free(input_); }

  void arrive(const std::string& bytes) { evbuffer_add(input_, bytes.data(), bytes.size()); }
  std::string left() const {
    std::string bytes(evbuffer_get_length(input_), '\0');
    evbuffer_copyout(input_, bytes.data(), bytes.size());
    return bytes;
  }
  /// Reads a head that has arrived, and decides about its body.
  ReadResult read(RequestReader::Clock::time_point now = accepted_) {
    request_ = std::make_unique<Request>();
    reader_.begin(*request_, now);
    ReadResult result = ReadResult::more;
    while (result == ReadResult::more && reader_.has_input())
      result = reader_.read_head(reader_.input());
    return result == ReadResult::complete ? reader_.decide_body(request_->method()) : result;
  }
  ReadResult read(const std::string& bytes) {
    arrive(bytes);
    return read();
  }

  static constexpr RequestReader::Clock::time_point accepted_{seconds(1000)};

  evbuffer* const input_ = evbuffer_new();
  std::unique_ptr<Request> request_;
  RequestReader reader_{input_, {.head = seconds(10), .idle = seconds(75)}, accepted_};
};

TEST_F(RequestReaderTest, LeavesTheNextRequestInTheInput) {
  EXPECT_EQ(read("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b"), ReadResult::complete);
  EXPECT_EQ(request_->path(), "/a");
  EXPECT_TRUE(reader_.keep_alive());
  EXPECT_TRUE(reader_.can_continue());
  EXPECT_FALSE(reader_.has_unread_body());
  EXPECT_EQ(left(), "GET /b");
}

TEST_F(RequestReaderTest, SkipsABody) {
  EXPECT_EQ(read("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"), ReadResult::body);
  EXPECT_EQ(reader_.read_body(), ReadResult::more);
  EXPECT_EQ(reader_.read_body(), ReadResult::empty);
  arrive("cdGET");
  EXPECT_EQ(reader_.read_body(), ReadResult::complete);
  EXPECT_EQ(left(), "GET");
  EXPECT_FALSE(reader_.has_unread_body());
}

TEST_F(RequestReaderTest, SkipsOnlyTheArrivedBytesOfAWrite) {
  EXPECT_EQ(read("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab"),
            ReadResult::complete);
  EXPECT_TRUE(reader_.has_unread_body());
  EXPECT_FALSE(reader_.has_input());
}

TEST_F(RequestReaderTest, FindsTheRequestAfterAWriteWhoseBodyHasArrived) {
  EXPECT_EQ(read("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcdGET"),
            ReadResult::complete);
  EXPECT_FALSE(reader_.has_unread_body());
  EXPECT_EQ(left(), "GET");
}

TEST_F(RequestReaderTest, RefusesAMalformedBodyOfAWrite) {
  EXPECT_EQ(read("PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ReadResult::refused);
  EXPECT_EQ(reader_.refusal().status, 400);
}

TEST_F(RequestReaderTest, LeavesTheBodyOfAClientThatExpects100) {
  EXPECT_EQ(read("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"),
            ReadResult::complete);
  EXPECT_TRUE(reader_.has_unread_body());
}

TEST_F(RequestReaderTest, RefusesALongBody) {
  EXPECT_EQ(read("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"),
            ReadResult::refused);
  EXPECT_EQ(reader_.refusal().status, 413);
  EXPECT_FALSE(reader_.can_continue());
}

TEST_F(RequestReaderTest, HasADeadlineForTheHead) {
  EXPECT_FALSE(reader_.overdue(accepted_ + seconds(9)));
  arrive("GET");
  EXPECT_EQ(read(accepted_ + seconds(9)), ReadResult::more);
  EXPECT_TRUE(reader_.overdue(accepted_ + seconds(10)))
      << "the first deadline runs from the accept";

  reader_.end_request();
  reader_.wait(accepted_);
  EXPECT_FALSE(reader_.overdue(accepted_ + seconds(74)));
  EXPECT_TRUE(reader_.overdue(accepted_ + seconds(75)));

  arrive(" /a");
  EXPECT_EQ(read(accepted_ + seconds(50)), ReadResult::more);
  EXPECT_FALSE(reader_.overdue(accepted_ + seconds(59)));
  EXPECT_TRUE(reader_.overdue(accepted_ + seconds(60))) << "a later one runs from the first byte";
}

TEST_F(RequestReaderTest, NeverExtendsTheDeadlineByShortening) {
  reader_.shorten_deadline(accepted_ + seconds(20));
  EXPECT_TRUE(reader_.overdue(accepted_ + seconds(10)));
  reader_.shorten_deadline(accepted_ + seconds(1));
  EXPECT_TRUE(reader_.overdue(accepted_ + seconds(1)));
}

TEST_F(RequestReaderTest, CountsTheDiscardedBytes) {
  arrive("abc");
  EXPECT_EQ(reader_.discard_input(), 3U);
  arrive("de");
  EXPECT_EQ(reader_.discard_input(), 5U);
  EXPECT_FALSE(reader_.has_input());
}

}  // namespace
}  // namespace entrepot::http
