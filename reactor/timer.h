// Timers of one core: a binary heap of pointers to caller-owned timers, each of which knows its place in the
// heap, so that cancelling costs O(log n) and no timer is ever left behind. Nothing here touches the kernel:
// the loop passes the nearest deadline to its wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/backend.h"

namespace gyre::reactor {

class TimerQueue;

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Runs once per arming; may arm again, or cancel and destroy other timers.
  virtual void on_timer() = 0;

  bool armed() const { return heap.queue != nullptr; }
  std::uint64_t deadline_ns() const { return heap.deadline_ns; }

  // The queue's bookkeeping; nobody else writes it.
  struct InHeap {
    std::uint64_t deadline_ns = 0;
    std::uint64_t order = 0;      // of arming: the earlier fires first among equal deadlines
    TimerQueue* queue = nullptr;  // nullptr: not armed
    std::size_t place = 0;        // index in the heap, while armed
  } heap;

 protected:
  ~Timer();  // cancels
};

class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue();

  // Moves the timer when it is armed already.
  void arm(Timer& timer, std::uint64_t deadline_ns);
  void cancel(Timer& timer);

  std::uint64_t next_deadline_ns() const { return heap_.empty() ? kNever : heap_.front()->heap.deadline_ns; }
  std::size_t size() const { return heap_.size(); }
  // Runs all timers due at `now_ns`, in order of deadline, then of arming. A timer that arms itself anew in
  // its callback waits for the next call, even when it is due at once. Returns how many ran.
  std::size_t fire(std::uint64_t now_ns);

 private:
  // 1. heap_[i]->heap.place == i for all i.   2. No element is before its parent (deadline, then order).
  static bool before(const Timer& a, const Timer& b);
  void put(std::size_t place, Timer* timer);
  void sift_up(std::size_t place, Timer* timer);
  void sift_down(std::size_t place, Timer* timer);

  std::vector<Timer*> heap_;
  std::uint64_t next_order_ = 0;
};

}  // namespace gyre::reactor
