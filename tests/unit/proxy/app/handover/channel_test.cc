// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>
#include <system_error>
#include <vector>

#include "proxy/app/handover/inherited_sockets.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends;
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()), 0);
    one = Descriptor(ends[0]);
    other = Descriptor(ends[1]);
  }
  Descriptor one, other;
};

bool same_file(int one, int other) {
  struct stat first {
  }, second{};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 &&
         first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

TEST(ChannelTest, PassesTextsAndDescriptorsInTheirOrder) {
  Pair pair;
  const Channel from(std::move(pair.one)), to(std::move(pair.other));
  const Descriptor first(::open("/proc/self/status", O_RDONLY)), second(::open("/", O_PATH));
  const std::vector<int> both = {first.get(), second.get()};
  ASSERT_TRUE(from.send("listen 127.0.0.1:5000", both));
  ASSERT_TRUE(from.send("end"));
  auto received = to.receive();
  ASSERT_TRUE(received.message);
  EXPECT_EQ(received.message->text, "listen 127.0.0.1:5000");
  ASSERT_EQ(received.message->descriptors.size(), 2U);
  EXPECT_TRUE(same_file(received.message->descriptors[0].get(), first.get()));
  EXPECT_TRUE(same_file(received.message->descriptors[1].get(), second.get()));
  EXPECT_EQ(::fcntl(received.message->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
  received = to.receive();
  ASSERT_TRUE(received.message);
  EXPECT_EQ(received.message->text, "end");
  EXPECT_TRUE(received.message->descriptors.empty());
}

TEST(ChannelTest, TellsNothingYetFromTheEnd) {
  Pair pair;
  auto from = std::make_unique<Channel>(std::move(pair.one));
  const Channel to(std::move(pair.other));
  EXPECT_FALSE(to.receive().closed);
  EXPECT_FALSE(to.receive().message);
  from.reset();
  EXPECT_TRUE(to.receive().closed);
  EXPECT_FALSE(to.send("hello 1"));
}

TEST(ChannelTest, ARefusalIsReadAlthoughItsSenderHasReadNothing) {
  Pair pair;
  const Channel asking(std::move(pair.one));
  ASSERT_TRUE(asking.send("hello 1"));
  {
    const Channel refusing(std::move(pair.other));
    ASSERT_TRUE(refusing.send("no it is ending already"));
  }
  const auto received = asking.receive();
  ASSERT_TRUE(received.message);
  EXPECT_EQ(received.message->text, "no it is ending already");
  EXPECT_TRUE(asking.receive().closed);
}

TEST(ChannelTest, AMessageOverTheBoundsIsTheEnd) {
  Pair pair;
  const Channel to(std::move(pair.other));
  const std::string longest(Channel::longest_text, 'x');
  ASSERT_EQ(::send(pair.one.get(), longest.data(), longest.size(), 0),
            static_cast<ssize_t>(longest.size()));
  EXPECT_TRUE(to.receive().message);
  const std::string longer = longest + "x";
  ASSERT_EQ(::send(pair.one.get(), longer.data(), longer.size(), 0),
            static_cast<ssize_t>(longer.size()));
  EXPECT_TRUE(to.receive().closed);
}

TEST(ChannelTest, ListensInADirectoryWithALongPath) {
  const Scratch scratch;
  const auto directory = scratch.path() / std::string(150, 'd');
  std::filesystem::create_directory(directory);
  EXPECT_FALSE(connect_for_handover(directory));
  auto listening = listen_for_handover(directory);
  struct stat status {};
  ASSERT_EQ(::lstat((directory / handover_file).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_TRUE(connect_for_handover(directory));
  listening = {};
  EXPECT_FALSE(connect_for_handover(directory)) << "the process has ended";
  EXPECT_NO_THROW(listen_for_handover(directory));
  EXPECT_THROW(listen_for_handover(scratch.path() / "absent"), std::system_error);
}

TEST(ChannelTest, KnowsThePeer) {
  Pair pair;
  const Channel channel(std::move(pair.one));
  EXPECT_EQ(channel.peer().pid, ::getpid());
  EXPECT_EQ(channel.peer().uid, static_cast<int>(::geteuid()));
}

TEST(InheritedSocketsTest, GoToTheListenersOfTheirAddressInOrder) {
  InheritedSockets sockets;
  std::array<int, 2> seen{};
  for (int& fd : seen) {
    std::vector<Descriptor> one;
    one.emplace_back(fd = ::open("/dev/null", O_RDONLY));
    sockets.add("127.0.0.1:0", std::move(one));
  }
  EXPECT_EQ(sockets.count("127.0.0.1:0"), 2U);
  EXPECT_TRUE(sockets.take("127.0.0.1:5000").empty());
  for (const int fd : seen) {
    EXPECT_EQ(sockets.take("127.0.0.1:0"), std::vector{fd});
    ::close(fd);
  }
  EXPECT_TRUE(sockets.take("127.0.0.1:0").empty());
}

TEST(InheritedSocketsTest, AreClosedIfNobodyTakesThem) {
  int fd = -1;
  {
    InheritedSockets sockets;
    std::vector<Descriptor> one;
    one.emplace_back(fd = ::open("/dev/null", O_RDONLY));
    sockets.add("127.0.0.1:5000", std::move(one));
  }
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

}  // namespace
}  // namespace entrepot::app
