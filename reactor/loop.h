// One core's event loop. Everything that a core does happens in its turns, always in the same order (see
// loop.cc). A loop and all it owns belong to one thread; only stop() and waker() may be used from others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/backend.h"
#include "reactor/base/bit_histogram.h"
#include "reactor/base/histogram.h"
#include "reactor/frame_pool.h"
#include "reactor/mailbox.h"
#include "reactor/run_queue.h"
#include "reactor/timer.h"
#include "reactor/wake_flag.h"

namespace gyre::reactor {

// Told at the fixed points of a turn where a shard publishes or gives up its read hold.
class LoopObserver {
 public:
  virtual void on_turn_start() {}    // before any work of the turn, also after each sleep
  virtual void on_before_sleep() {}  // all work is done; the core is about to block

 protected:
  ~LoopObserver() = default;
};

// The receiving ends of mailboxes, looked at once per turn and once more before sleeping.
class MailboxDrain {
 public:
  virtual std::size_t drain(std::size_t bound) = 0;  // handles at most `bound` messages; returns how many
  virtual bool has_messages() const = 0;
  virtual std::size_t depth() const { return has_messages() ? 1 : 0; }  // messages that wait, as far as known

 protected:
  ~MailboxDrain() = default;
};

struct LoopOptions {
  std::uint32_t spin_us = 0;           // how long to look for work before sleeping
  std::uint32_t task_budget = 128;     // tasks per turn
  std::uint32_t mailbox_budget = 256;  // messages per mailbox and turn
  std::uint64_t task_budget_us = 500;  // a turn's tasks stop after about this long, too
};

// Plain integers of this core. Add the backend's own: Loop::backend().stats().
struct LoopStats {
  std::uint64_t turns = 0;
  std::uint64_t busy_ns = 0;  // in turns
  std::uint64_t idle_ns = 0;  // blocked or spinning
  std::uint64_t longest_turn_ns = 0;
  Histogram turn_ns;                 // busy time of each turn
  BitHistogram turn_completions;     // outcomes of operations that a turn collected
  std::uint64_t most_messages = 0;   // that one turn has taken from its mailboxes
  std::uint64_t tasks = 0;
  std::uint64_t messages = 0;  // received through mailboxes
  std::uint64_t flushes = 0;
  std::uint64_t timers = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t spins = 0;      // spin phases entered
  std::uint64_t spins_won = 0;  // ... that found work in time
  std::uint64_t wakeups_sent = 0;
  std::uint64_t wakeups_received = 0;
};

class Loop {
 public:
  explicit Loop(std::unique_ptr<Backend> backend, LoopOptions options = {});
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  Backend& backend() { return *backend_; }
  TimerQueue& timers() { return timers_; }
  FramePool& frame_pool() { return frame_pool_; }
  WakeFlag& waker() { return waker_; }
  const LoopStats& stats() const { return stats_; }

  // Messages that wait in the mailboxes, now.
  std::size_t mailbox_depth() const;

  // Monotonic time as sampled at the start of this turn; costs a load.
  std::uint64_t now_ns() const { return now_ns_; }
  std::uint64_t now_us() const { return now_ns_ / 1000; }
  // Exact monotonic time, for the few that need it within a turn.
  std::uint64_t clock_ns() const { return backend_->now_ns(); }

  // Registration; before run(), or from the loop's own thread.
  void set_observer(LoopObserver* observer) { observer_ = observer; }
  void add_mailbox(MailboxDrain& drain) { mailboxes_.push_back(&drain); }
  void remove_mailbox(MailboxDrain& drain);

  // Runs the task in this turn or a following one, after those posted before. No-op when it is queued
  // already.
  void post(Task& task) {
    if (!task.linked()) ready_.push_back(task);
  }
  // As post(), but not before the next turn: sockets and mailboxes get their say in between.
  void post_next_turn(Task& task) {
    if (!task.linked()) yielded_.push_back(task);
  }
  // Calls flushable.flush() once at the end of this turn.
  void mark_dirty(Flushable& flushable) {
    if (!flushable.linked()) dirty_.push_back(flushable);
  }
  void arm_timer_after_us(Timer& timer, std::uint64_t delay_us) {
    timers_.arm(timer, now_ns_ + delay_us * 1000);
  }
  void cancel_timer(Timer& timer) { timers_.cancel(timer); }

  // Turns until stop().
  void run();
  // Ends run() after the current turn. From any thread.
  void stop() { waker_.request_stop(); }
  bool stopping() const { return waker_.stop_requested(); }
  // One turn, which may sleep until `deadline_ns` at most (0: does not sleep). For tests and for driving a
  // loop by hand.
  void turn(std::uint64_t deadline_ns);

  // Wakes the core behind `target` when it sleeps. For this core's senders.
  void wake(WakeFlag& target) {
    if (target.wake_if_sleeping()) ++stats_.wakeups_sent;
  }

 private:
  class WakePoll final : public PollHandler {
   public:
    explicit WakePoll(LoopStats& stats) : stats_(stats) {}
    void on_ready(std::uint32_t) override { ++stats_.wakeups_received; }

   private:
    LoopStats& stats_;
  };

  void drain_mailboxes();
  void run_tasks();
  void flush_dirty();
  void finish_turn(std::uint64_t deadline_ns);
  bool has_work() const;
  bool mailboxes_have_messages() const;
  bool spin(std::uint64_t until_ns);
  void sleep(std::uint64_t deadline_ns);
  void end_busy(std::uint64_t at_ns);

  const LoopOptions options_;
  const std::unique_ptr<Backend> backend_;
  WakeFlag waker_;
  LoopStats stats_;
  WakePoll wake_poll_{stats_};
  FramePool frame_pool_;
  TimerQueue timers_;
  LoopObserver* observer_ = nullptr;
  std::vector<MailboxDrain*> mailboxes_;
  IntrusiveList<Task> ready_;
  IntrusiveList<Task> yielded_;  // ready in the next turn
  IntrusiveList<Flushable> dirty_;
  std::uint64_t now_ns_ = 0;
  bool idling_ = true;  // since idle_since_ns_ the core has been spinning or asleep
  std::uint64_t idle_since_ns_ = 0;
  bool output_blocked_ = false;  // some flush() said so this turn: look again soon
};

// The sending end of a mailbox as part of a loop: messages sent during a turn are published, and the receiver
// woken, once at the turn's end.
template <class T>
class MailboxSender final : public Flushable {
 public:
  MailboxSender(Loop& loop, Mailbox<T>& mailbox, WakeFlag& receiver)
      : loop_(loop), mailbox_(mailbox), receiver_(receiver) {}

  void send(const T& message) {
    mailbox_.push(message);
    loop_.mark_dirty(*this);
  }
  Outcome flush() override {
    if (mailbox_.publish()) loop_.wake(receiver_);
    return mailbox_.overflowed() ? Outcome::blocked : Outcome::flushed;
  }

 private:
  Loop& loop_;
  Mailbox<T>& mailbox_;
  WakeFlag& receiver_;
};

// The receiving end. Handler is called as handler(const T&) on the receiving core; keep it small and named.
template <class T, class Handler>
class MailboxReceiver final : public MailboxDrain {
 public:
  MailboxReceiver(Loop& loop, Mailbox<T>& mailbox, Handler handler)
      : loop_(loop), mailbox_(mailbox), handler_(static_cast<Handler&&>(handler)) {
    loop_.add_mailbox(*this);
  }
  MailboxReceiver(const MailboxReceiver&) = delete;
  MailboxReceiver& operator=(const MailboxReceiver&) = delete;
  ~MailboxReceiver() { loop_.remove_mailbox(*this); }

  std::size_t drain(std::size_t bound) override { return mailbox_.drain(bound, handler_); }
  bool has_messages() const override { return !mailbox_.empty(); }
  std::size_t depth() const override { return mailbox_.size(); }

 private:
  Loop& loop_;
  Mailbox<T>& mailbox_;
  Handler handler_;
};

}  // namespace gyre::reactor
