// The order of work within a turn, and what a loop does when there is none.
#include "reactor/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "reactor/epoll_backend.h"
#include "reactor/simulated_backend.h"
#include "reactor/uring_backend.h"

namespace gyre::reactor {
namespace {

using Log = std::vector<std::string>;

class LoggedTask final : public Task {
 public:
  LoggedTask(Log& log, std::string name) : log_(log), name_(std::move(name)) {}
  void run() override { log_.push_back(name_); }

 private:
  Log& log_;
  const std::string name_;
};

class LoggedFlush final : public Flushable {
 public:
  explicit LoggedFlush(Log& log) : log_(log) {}
  Outcome flush() override {
    log_.push_back("flush");
    return blocked-- > 0 ? Outcome::blocked : Outcome::flushed;
  }
  int blocked = 0;

 private:
  Log& log_;
};

class LoggedTimer final : public Timer {
 public:
  explicit LoggedTimer(Log& log) : log_(log) {}
  void on_timer() override { log_.push_back("timer"); }

 private:
  Log& log_;
};

class LoggedObserver final : public LoopObserver {
 public:
  explicit LoggedObserver(Log& log) : log_(log) {}
  void on_turn_start() override { log_.push_back("start"); }
  void on_before_sleep() override { log_.push_back("sleep"); }

 private:
  Log& log_;
};

struct LogMessage {
  Log* log;
  void operator()(int) const { log->push_back("message"); }
};

class LoopTest : public testing::Test {
 protected:
  Loop loop_{std::make_unique<SimulatedBackend>(1)};
  Log log_;
};

TEST_F(LoopTest, WorksInItsNumberedOrder) {
  LoggedObserver observer(log_);
  LoggedTask task(log_, "task");
  LoggedFlush flush(log_);
  LoggedTimer timer(log_);
  Mailbox<int> mailbox;
  MailboxReceiver<int, LogMessage> receiver(loop_, mailbox, LogMessage{&log_});
  loop_.set_observer(&observer);
  mailbox.push(1);
  mailbox.publish();
  loop_.mark_dirty(flush);
  loop_.mark_dirty(flush);
  loop_.post(task);
  loop_.post(task);
  loop_.arm_timer_after_us(timer, 0);
  loop_.turn(0);
  EXPECT_EQ(log_, (Log{"start", "message", "timer", "task", "flush"}));
  log_.clear();
  loop_.turn(kNever);
  EXPECT_EQ(log_, (Log{"start", "sleep"}));
  EXPECT_EQ(loop_.stats().sleeps, 1u);
}

TEST_F(LoopTest, BlockedFlushIsTriedAgain) {
  LoggedFlush flush(log_);
  flush.blocked = 2;
  loop_.mark_dirty(flush);
  for (int i = 0; i < 6; ++i) loop_.turn(kNever);
  EXPECT_EQ(log_, (Log{"flush", "flush", "flush"}));
}

TEST_F(LoopTest, DestroyedTaskIsForgotten) {
  LoggedTask first(log_, "first");
  {
    LoggedTask second(log_, "second");
    loop_.post(second);
  }
  loop_.post(first);
  loop_.turn(0);
  EXPECT_EQ(log_, Log{"first"});
}

TEST_F(LoopTest, ManyTasksAreSpreadOverTurns) {
  std::vector<std::unique_ptr<LoggedTask>> tasks;
  for (int i = 0; i < 300; ++i) {
    tasks.push_back(std::make_unique<LoggedTask>(log_, std::to_string(i)));
    loop_.post(*tasks.back());
  }
  loop_.turn(kNever);
  EXPECT_EQ(log_.size(), 128u);
  loop_.turn(kNever);
  loop_.turn(kNever);
  ASSERT_EQ(log_.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(log_[static_cast<std::size_t>(i)], std::to_string(i));
}

void stop_from_another_thread(std::unique_ptr<Backend> backend, std::uint32_t spin_us) {
  LoopOptions options;
  options.spin_us = spin_us;
  Loop loop(std::move(backend), options);
  std::thread stopper([&] { loop.stop(); });
  loop.run();  // ends, asleep or not
  stopper.join();
}

TEST(LoopStop, FromAnotherThread) {
  for (const std::uint32_t spin_us : {0u, 200u}) {
    for (int i = 0; i < 20; ++i) {
      stop_from_another_thread(make_epoll_backend(), spin_us);
      auto uring = make_uring_backend();
      if (uring) stop_from_another_thread(std::move(*uring), spin_us);
    }
  }
}

class StoppingTimer final : public Timer {
 public:
  explicit StoppingTimer(Loop& loop) : loop_(loop) {}
  void on_timer() override { loop_.stop(); }

 private:
  Loop& loop_;
};

TEST(LoopTimer, WakesASleepingLoop) {
  for (const bool epoll : {false, true}) {
    auto uring = make_uring_backend();
    Loop loop(epoll || !uring ? make_epoll_backend() : std::move(*uring));
    StoppingTimer timer(loop);
    loop.arm_timer_after_us(timer, 3000);
    loop.run();
    EXPECT_GE(loop.stats().sleeps, 1u);
    EXPECT_LT(loop.stats().turns, 50u) << "sleeps rather than looks";
    EXPECT_GT(loop.stats().idle_ns, 0u);
  }
}

}  // namespace
}  // namespace gyre::reactor
