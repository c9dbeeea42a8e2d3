// The mailbox against a deque, then between threads (this is what the TSan build is for), then between two
// loops that sleep.
#include "reactor/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "reactor/epoll_backend.h"
#include "reactor/loop.h"
#include "reactor/uring_backend.h"
#include "tests/reactor/seed.h"

namespace gyre::reactor {
namespace {

using test::seed_note;
using test::test_seed;

TEST(Mailbox, AgreesWithADeque) {
  const std::uint64_t seed = test_seed(5);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  for (const std::size_t capacity : {1u, 2u, 8u, 64u}) {
    Mailbox<std::uint64_t> mailbox(capacity);
    std::deque<std::uint64_t> pushed, visible;  // the twin
    std::uint64_t next = 0;
    for (int step = 0; step < 20'000; ++step) {
      const std::uint64_t action = random() % 4;
      if (action < 2) {
        const std::uint64_t count = random() % 6;
        for (std::uint64_t i = 0; i < count; ++i) {
          mailbox.push(next);
          pushed.push_back(next++);
        }
      } else if (action == 2) {
        mailbox.publish();
        while (!pushed.empty() && visible.size() < mailbox.capacity()) {
          visible.push_back(pushed.front());
          pushed.pop_front();
        }
        ASSERT_EQ(mailbox.overflowed(), !pushed.empty());
      } else {
        const std::size_t bound = random() % 10;
        const auto check = [&](std::uint64_t message) {
          ASSERT_FALSE(visible.empty());
          ASSERT_EQ(message, visible.front());
          visible.pop_front();
        };
        const std::size_t expected = std::min(bound, visible.size());
        ASSERT_EQ(mailbox.drain(bound, check), expected);
      }
      ASSERT_EQ(mailbox.empty(), visible.empty());
    }
  }
}

TEST(Mailbox, KeepsOrderBetweenThreads) {
  constexpr std::uint64_t kMessages = 200'000;
  Mailbox<std::uint64_t> mailbox(64);
  std::thread producer([&] {
    for (std::uint64_t i = 0; i < kMessages; ++i) {
      mailbox.push(i);
      if (i % 7 == 0) mailbox.publish();
    }
    while (mailbox.overflowed() || mailbox.publish()) {
      mailbox.publish();
      std::this_thread::yield();
    }
  });
  std::uint64_t expected = 0;
  bool in_order = true;
  while (expected < kMessages) {
    const std::size_t drained =
        mailbox.drain(16, [&](std::uint64_t message) { in_order &= message == expected++; });
    if (drained == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_TRUE(mailbox.empty());
}

// One core of a ring of cores: passes every message on, increased by one, until it reaches the limit.
class Core final : public Timer {
 public:
  static constexpr std::uint64_t kRounds = 3000;

  struct Handler {
    Core* core;
    void operator()(std::uint64_t message) const { core->handle(message); }
  };

  Core(std::unique_ptr<Backend> backend, Mailbox<std::uint64_t>& in)
      : loop(std::move(backend)), receiver_(loop, in, Handler{this}) {}

  void connect(Mailbox<std::uint64_t>& out, WakeFlag& waker) {
    sender_ = std::make_unique<MailboxSender<std::uint64_t>>(loop, out, waker);
  }
  void start_with(int burst) {
    burst_ = burst;
    loop.arm_timer_after_us(*this, 0);
  }
  void on_timer() override {
    for (int i = 0; i < burst_; ++i) sender_->send(0);
  }
  void handle(std::uint64_t message) {
    ++received;
    if (message < kRounds) sender_->send(message + 1);
    if (message + 1 >= kRounds) ++finished;
    if (finished == expected_finish) loop.stop();
  }

  Loop loop;
  std::uint64_t received = 0;
  int finished = 0;
  int expected_finish = 0;

 private:
  MailboxReceiver<std::uint64_t, Handler> receiver_;
  std::unique_ptr<MailboxSender<std::uint64_t>> sender_;
  int burst_ = 0;
};

std::unique_ptr<Backend> best_backend(bool epoll) {
  if (epoll) return make_epoll_backend();
  auto uring = make_uring_backend();
  return uring ? std::move(*uring) : make_epoll_backend();
}

// Two sleeping loops: every wake that is lost would hang the test, so it ends only when none is.
void play_ping_pong(bool epoll, int burst) {
  Mailbox<std::uint64_t> to_first(4), to_second(4);
  WakeFlag* first_waker = nullptr;
  WakeFlag* second_waker = nullptr;
  std::atomic<int> ready{0};
  std::uint64_t received[2] = {};
  const auto play = [&](int me) {
    Core core(best_backend(epoll), me == 0 ? to_first : to_second);
    core.expected_finish = burst;
    (me == 0 ? first_waker : second_waker) = &core.loop.waker();
    ready.fetch_add(1);
    while (ready.load() < 2) std::this_thread::yield();
    core.connect(me == 0 ? to_second : to_first, me == 0 ? *second_waker : *first_waker);
    if (me == 0) core.start_with(burst);
    core.loop.run();
    received[me] = core.received;
    // The other may still want to wake us, and to be sent what found no room yet.
    ready.fetch_add(1);
    while (ready.load() < 4) core.loop.turn(0);
    // No loop goes away while another may be in a turn that wakes it.
    ready.fetch_add(1);
    while (ready.load() < 6) std::this_thread::yield();
  };
  std::thread second(play, 1);
  play(0);
  second.join();
  EXPECT_EQ(received[0] + received[1], static_cast<std::uint64_t>(burst) * (Core::kRounds + 1));
}

TEST(Mailbox, WakesSleepingLoopsOverTheRing) {
  play_ping_pong(false, 1);
}
TEST(Mailbox, WakesSleepingLoopsOverEpoll) {
  play_ping_pong(true, 1);
}
TEST(Mailbox, LosesNothingWhenFull) {
  play_ping_pong(false, 20);
}

}  // namespace
}  // namespace gyre::reactor
