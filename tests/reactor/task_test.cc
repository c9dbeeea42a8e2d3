// Coroutines: order of resumption, values and failures, frames that come from the pool and go back to it.
#include "reactor/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "reactor/simulated_backend.h"

namespace gyre::reactor {
namespace {

class TaskTest : public testing::Test {
 protected:
  void turns(int count) {
    for (int i = 0; i < count; ++i) loop_.turn(0);
  }
  Loop loop_{std::make_unique<SimulatedBackend>(1)};
  std::vector<std::string> log_;
};

Job yielding(Loop& loop, std::string name, int times, std::vector<std::string>& log) {
  for (int i = 0; i < times; ++i) {
    log.push_back(name + std::to_string(i));
    co_await yield(loop);
  }
}

TEST_F(TaskTest, JobsTakeTurnsWhenTheyYield) {
  yielding(loop_, "a", 3, log_);
  yielding(loop_, "b", 2, log_);
  EXPECT_EQ(log_, (std::vector<std::string>{"a0", "b0"})) << "a job runs at once up to its first wait";
  turns(1);
  EXPECT_EQ(log_, (std::vector<std::string>{"a0", "b0", "a1", "b1"})) << "one slice per turn";
  turns(5);
  EXPECT_EQ(log_, (std::vector<std::string>{"a0", "b0", "a1", "b1", "a2"}));
  EXPECT_EQ(loop_.frame_pool().live(), 0u);
}

Job waiting(Loop& loop, Event& event, std::string name, std::vector<std::string>& log) {
  co_await event;
  log.push_back(name);
}

TEST_F(TaskTest, EventResumesItsWaitersInOrderFromTheRunQueue) {
  Event event(loop_);
  waiting(loop_, event, "first", log_);
  waiting(loop_, event, "second", log_);
  turns(2);
  EXPECT_TRUE(log_.empty());
  EXPECT_EQ(loop_.frame_pool().live(), 2u);
  event.set();
  EXPECT_TRUE(log_.empty()) << "never inside set()";
  turns(1);
  EXPECT_EQ(log_, (std::vector<std::string>{"first", "second"}));
  waiting(loop_, event, "late", log_);
  EXPECT_EQ(log_.back(), "late") << "a set event does not hold up";
  EXPECT_EQ(loop_.frame_pool().live(), 0u);
}

Job receiving(Loop& loop, Completion<std::string>& completion, std::vector<std::string>& log) {
  std::string value = co_await completion;
  log.push_back(std::move(value));
}

TEST_F(TaskTest, CompletionDeliversBeforeAndAfter) {
  const std::string text(100, 'x');
  Completion<std::string> before(loop_);
  before.complete(text);
  receiving(loop_, before, log_);
  EXPECT_EQ(log_, std::vector<std::string>{text});
  Completion<std::string> after(loop_);
  receiving(loop_, after, log_);
  after.complete(text);
  turns(1);
  EXPECT_EQ(log_, (std::vector<std::string>{text, text}));
}

Co<std::string> leaf(Loop& loop, std::string name, bool fails) {
  co_await yield(loop);
  if (fails) throw std::runtime_error("failure of " + name);
  co_return "result of " + name;
}

Co<void> branch(Loop& loop, std::vector<std::string>& log) {
  Co<std::string> good = leaf(loop, "a leaf with a long name", false);
  std::string result = co_await std::move(good);
  log.push_back(result);
  Co<std::string> bad = leaf(loop, "another leaf with a long name", true);
  result = co_await std::move(bad);
  log.push_back("not reached");
}

Job root(Loop& loop, std::vector<std::string>& log) {
  try {
    Co<void> child = branch(loop, log);
    co_await std::move(child);
  } catch (const std::runtime_error& error) {
    log.push_back(error.what());
  }
}

TEST_F(TaskTest, ChildrenReturnAndThrowIntoTheirCallers) {
  root(loop_, log_);
  turns(5);
  EXPECT_EQ(log_, (std::vector<std::string>{"result of a leaf with a long name",
                                            "failure of another leaf with a long name"}));
  EXPECT_EQ(loop_.frame_pool().live(), 0u);
}

Job sleeping(Loop& loop, std::uint64_t us, std::vector<std::string>& log) {
  co_await sleep_us(loop, us);
  log.push_back(std::to_string(us));
}

TEST_F(TaskTest, SleepsByTheLoopsClock) {
  sleeping(loop_, 5000, log_);
  sleeping(loop_, 1000, log_);
  for (int i = 0; i < 10 && log_.size() < 2; ++i) loop_.turn(kNever);
  EXPECT_EQ(log_, (std::vector<std::string>{"1000", "5000"}));
}

// A member coroutine: *this comes first, and knows the pool.
class Session {
 public:
  explicit Session(Loop& loop) : loop_(loop) {}
  FramePool& frame_pool() { return loop_.frame_pool(); }
  Job run(int* steps) {
    for (; *steps < 3; ++*steps) co_await yield(loop_);
  }

 private:
  Loop& loop_;
};

Job outside_any_pool(int* done, Event& event) {
  co_await event;
  ++*done;
}

TEST_F(TaskTest, FramesComeFromThePoolOfTheirCore) {
  Session session(loop_);
  int steps = 0;
  session.run(&steps);
  EXPECT_EQ(loop_.frame_pool().live(), 1u);
  turns(5);
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(loop_.frame_pool().live(), 0u);
  Event event(loop_);
  int done = 0;
  outside_any_pool(&done, event);
  EXPECT_EQ(loop_.frame_pool().live(), 0u);
  event.set();
  turns(1);
  EXPECT_EQ(done, 1);
}

TEST(FramePool, ReusesWhatComesBack) {
  FramePool pool;
  std::vector<void*> frames;
  for (std::size_t size = 1; size < 4000; size += 37) frames.push_back(pool.allocate(size));
  for (void* frame : frames) FramePool::release(frame);
  EXPECT_EQ(pool.live(), 0u);
  const std::size_t footprint = pool.footprint();
  frames.clear();
  for (std::size_t size = 1; size < 4000; size += 37) frames.push_back(pool.allocate(size));
  EXPECT_EQ(pool.footprint(), footprint);
  for (void* frame : frames) FramePool::release(frame);
}

}  // namespace
}  // namespace gyre::reactor
