#include "reactor/timer.h"

#include "reactor/base/check.h"

namespace gyre::reactor {

Timer::~Timer() {
  if (armed()) heap.queue->cancel(*this);
}

TimerQueue::~TimerQueue() {
  for (Timer* timer : heap_) timer->heap.queue = nullptr;
}

bool TimerQueue::before(const Timer& a, const Timer& b) {
  if (a.heap.deadline_ns != b.heap.deadline_ns) return a.heap.deadline_ns < b.heap.deadline_ns;
  return a.heap.order < b.heap.order;
}

void TimerQueue::put(std::size_t place, Timer* timer) {
  heap_[place] = timer;
  timer->heap.place = place;
}

void TimerQueue::sift_up(std::size_t place, Timer* timer) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (!before(*timer, *heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, timer);
}

void TimerQueue::sift_down(std::size_t place, Timer* timer) {
  for (;;) {
    std::size_t child = 2 * place + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
    if (!before(*heap_[child], *timer)) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, timer);
}

void TimerQueue::arm(Timer& timer, std::uint64_t deadline_ns) {
  if (timer.armed()) timer.heap.queue->cancel(timer);
  timer.heap.deadline_ns = deadline_ns;
  timer.heap.order = next_order_++;
  timer.heap.queue = this;
  heap_.push_back(&timer);
  sift_up(heap_.size() - 1, &timer);
}

void TimerQueue::cancel(Timer& timer) {
  if (!timer.armed()) return;
  GYRE_DCHECK(timer.heap.queue == this && heap_[timer.heap.place] == &timer);
  timer.heap.queue = nullptr;
  const std::size_t place = timer.heap.place;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  // The last element takes the free place, from which it may have to go either way.
  if (place > 0 && before(*last, *heap_[(place - 1) / 2])) {
    sift_up(place, last);
  } else {
    sift_down(place, last);
  }
}

std::size_t TimerQueue::fire(std::uint64_t now_ns) {
  const std::uint64_t armed_before = next_order_;
  std::size_t fired = 0;
  while (!heap_.empty() && heap_.front()->heap.deadline_ns <= now_ns) {
    Timer& timer = *heap_.front();
    // A timer armed by a callback of this very call, and due: the next call runs it. Those behind it wait as
    // well, which is harmless, since the next call comes at once.
    if (timer.heap.order >= armed_before) break;
    cancel(timer);
    ++fired;
    timer.on_timer();
  }
  return fired;
}

}  // namespace gyre::reactor
