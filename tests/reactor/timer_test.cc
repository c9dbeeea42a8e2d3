// The heap against a sorted list: random arming, moving, cancelling and firing, also from inside callbacks.
#include "reactor/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "tests/reactor/seed.h"

namespace gyre::reactor {
namespace {

using test::seed_note;
using test::test_seed;

class Recorder final : public Timer {
 public:
  Recorder(int its_number, std::vector<int>& fired) : number(its_number), fired_(fired) {}
  void on_timer() override { fired_.push_back(number); }
  const int number;

 private:
  std::vector<int>& fired_;
};

// The twin: armed timers in order of deadline, then of arming.
class SortedTimers {
 public:
  void arm(int number, std::uint64_t deadline) {
    cancel(number);
    const Entry entry{deadline, next_order_++, number};
    entries_.insert(std::upper_bound(entries_.begin(), entries_.end(), entry, before), entry);
  }
  void cancel(int number) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.number == number; });
  }
  std::vector<int> fire(std::uint64_t now) {
    std::vector<int> fired;
    while (!entries_.empty() && entries_.front().deadline <= now) {
      fired.push_back(entries_.front().number);
      entries_.erase(entries_.begin());
    }
    return fired;
  }
  std::uint64_t next_deadline() const { return entries_.empty() ? kNever : entries_.front().deadline; }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t deadline;
    std::uint64_t order;
    int number;
  };
  static bool before(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline < b.deadline : a.order < b.order;
  }
  std::vector<Entry> entries_;
  std::uint64_t next_order_ = 0;
};

TEST(Timer, AgreesWithASortedList) {
  const std::uint64_t seed = test_seed(3);
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  std::vector<int> fired;
  TimerQueue queue;
  SortedTimers twin;
  std::vector<std::unique_ptr<Recorder>> timers;
  for (int i = 0; i < 200; ++i) timers.push_back(std::make_unique<Recorder>(i, fired));
  std::uint64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const auto pick = static_cast<std::size_t>(random() % timers.size());
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const std::uint64_t deadline = now + random() % 500;
        queue.arm(*timers[pick], deadline);
        twin.arm(static_cast<int>(pick), deadline);
        break;
      }
      case 4:
        queue.cancel(*timers[pick]);
        twin.cancel(static_cast<int>(pick));
        break;
      case 5:  // destroying an armed timer cancels it
        timers[pick] = std::make_unique<Recorder>(static_cast<int>(pick), fired);
        twin.cancel(static_cast<int>(pick));
        break;
      default:
        now += random() % 60;
        fired.clear();
        const std::size_t count = queue.fire(now);
        ASSERT_EQ(count, fired.size());
        ASSERT_EQ(fired, twin.fire(now));
    }
    ASSERT_EQ(queue.next_deadline_ns(), twin.next_deadline());
    ASSERT_EQ(queue.size(), twin.size());
  }
}

class Rearming final : public Timer {
 public:
  Rearming(TimerQueue& queue, std::uint64_t deadline) : queue_(queue), deadline_(deadline) {}
  void on_timer() override {
    ++calls;
    queue_.arm(*this, deadline_);
  }
  int calls = 0;

 private:
  TimerQueue& queue_;
  const std::uint64_t deadline_;
};

TEST(Timer, ThatArmsItselfWhenDueWaitsForTheNextFire) {
  TimerQueue queue;
  Rearming timer(queue, 5);
  queue.arm(timer, 5);
  EXPECT_EQ(queue.fire(10), 1u);
  EXPECT_EQ(queue.fire(10), 1u);
  EXPECT_EQ(timer.calls, 2);
  EXPECT_TRUE(timer.armed());
}

class Canceller final : public Timer {
 public:
  Canceller(TimerQueue& queue, Timer& victim) : queue_(queue), victim_(victim) {}
  void on_timer() override { queue_.cancel(victim_); }

 private:
  TimerQueue& queue_;
  Timer& victim_;
};

TEST(Timer, CancelledByAnotherThatFiresFirst) {
  std::vector<int> fired;
  TimerQueue queue;
  Recorder victim(1, fired);
  Canceller canceller(queue, victim);
  queue.arm(canceller, 1);
  queue.arm(victim, 2);
  EXPECT_EQ(queue.fire(10), 1u);
  EXPECT_TRUE(fired.empty());
  EXPECT_FALSE(victim.armed());
}

TEST(Timer, OutlivesItsQueue) {
  std::vector<int> fired;
  Recorder timer(1, fired);
  {
    TimerQueue queue;
    queue.arm(timer, 1);
  }
  EXPECT_FALSE(timer.armed());
}

}  // namespace
}  // namespace gyre::reactor
