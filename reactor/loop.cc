// A turn, in this order, each step for a reason:
//
//   1  sample the clock; the observer publishes the core's read hold, before anything shared is read
//   2  drain the mailboxes (bounded): answers of other cores make tasks ready
//   3  reap: callbacks of what the kernel has completed parse, answer from the cache and mark dirty;
//      receive buffers go back at the end of the step
//   4  fire the timers that are due
//   5  run ready tasks (bounded in number and time): statements that had to wait
//   6  flush: each dirty connection sends once, mailboxes publish once; ten answers cost one send
//   7  enter the kernel once: submit the sends and collect what is there
//
// Only when 7 brings nothing and nothing is left to do does the core look on for `spin_us`, and only when
// that brings nothing does it announce its sleep, look at its mailboxes a last time (see wake_flag.h) and
// block. Submitting and sleeping are two system calls then, where one would do; in exchange the time a core
// spends sending is counted as busy and the time it sleeps as idle, and a core under load, which never
// sleeps, makes one call per turn.
//
// The clock is read once per turn, and once more by a turn that ends in spinning or sleep.
#include "reactor/loop.h"

#include <algorithm>

#include <poll.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gyre::reactor {

namespace {

constexpr std::uint32_t kTasksPerClockRead = 16;
constexpr std::uint64_t kRetryBlockedOutputNs = 50'000;

void relax_processor() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Loop::Loop(std::unique_ptr<Backend> backend, LoopOptions options)
    : options_(options), backend_(std::move(backend)), now_ns_(backend_->now_ns()), idle_since_ns_(now_ns_) {
  backend_->watch(wake_poll_, waker_.event_fd(), POLLIN);
}

Loop::~Loop() = default;

void Loop::remove_mailbox(MailboxDrain& drain) {
  std::erase(mailboxes_, &drain);
}

void Loop::run() {
  while (!waker_.stop_requested()) turn(kNever);
  waker_.withdraw_stop();
}

void Loop::turn(std::uint64_t deadline_ns) {
  const std::uint64_t now = backend_->now_ns();
  if (idling_) {
    stats_.idle_ns += now - idle_since_ns_;
    idling_ = false;
  } else {
    end_busy(now);
  }
  now_ns_ = now;
  ++stats_.turns;
  if (observer_ != nullptr) observer_->on_turn_start();
  ready_.append(yielded_);

  drain_mailboxes();
  stats_.turn_completions.record(backend_->reap());
  if (timers_.next_deadline_ns() <= now_ns_) stats_.timers += timers_.fire(now_ns_);
  run_tasks();
  flush_dirty();
  finish_turn(deadline_ns);
}

void Loop::drain_mailboxes() {
  std::uint64_t taken = 0;
  for (std::size_t i = 0; i < mailboxes_.size(); ++i) taken += mailboxes_[i]->drain(options_.mailbox_budget);
  stats_.messages += taken;
  stats_.most_messages = std::max(stats_.most_messages, taken);
}

std::size_t Loop::mailbox_depth() const {
  std::size_t depth = 0;
  for (const MailboxDrain* drain : mailboxes_) depth += drain->depth();
  return depth;
}

void Loop::run_tasks() {
  for (std::uint32_t ran = 0; !ready_.empty() && ran < options_.task_budget; ++ran) {
    if (ran != 0 && ran % kTasksPerClockRead == 0 && clock_ns() - now_ns_ > options_.task_budget_us * 1000)
      return;
    ++stats_.tasks;
    ready_.pop_front().run();
  }
}

void Loop::flush_dirty() {
  output_blocked_ = false;
  if (dirty_.empty()) return;
  // What a flush marks dirty again waits for the next turn, so that this ends.
  IntrusiveList<Flushable> blocked;
  IntrusiveList<Flushable> batch;
  batch.append(dirty_);
  while (!batch.empty()) {
    Flushable& flushable = batch.pop_front();
    ++stats_.flushes;
    if (flushable.flush() == Flushable::Outcome::blocked && !flushable.linked()) blocked.push_back(flushable);
  }
  output_blocked_ = !blocked.empty();
  blocked.append(dirty_);
  dirty_.append(blocked);
}

void Loop::finish_turn(std::uint64_t deadline_ns) {
  if (has_work()) {
    backend_->enter(WaitMode::poll, 0);
    return;
  }
  if (backend_->has_submissions()) {
    backend_->enter(WaitMode::poll, 0);
    if (backend_->has_events()) return;
  }
  deadline_ns = std::min(deadline_ns, timers_.next_deadline_ns());
  if (deadline_ns <= now_ns_) {
    backend_->enter(WaitMode::poll, 0);
    return;
  }

  idle_since_ns_ = backend_->now_ns();
  end_busy(idle_since_ns_);
  idling_ = true;
  if (options_.spin_us != 0 &&
      spin(std::min(deadline_ns, idle_since_ns_ + options_.spin_us * std::uint64_t{1000}))) {
    backend_->enter(WaitMode::poll, 0);
    return;
  }
  if (output_blocked_) deadline_ns = std::min(deadline_ns, idle_since_ns_ + kRetryBlockedOutputNs);
  sleep(deadline_ns);
}

bool Loop::has_work() const {
  const bool must_flush = !dirty_.empty() && !output_blocked_;
  return !ready_.empty() || !yielded_.empty() || must_flush || backend_->has_events() ||
         mailboxes_have_messages();
}

bool Loop::mailboxes_have_messages() const {
  return std::any_of(mailboxes_.begin(), mailboxes_.end(),
                     [](const MailboxDrain* drain) { return drain->has_messages(); });
}

// True when there is something to do.
bool Loop::spin(std::uint64_t until_ns) {
  constexpr int kLooksPerClockRead = 16;
  ++stats_.spins;
  do {
    for (int look = 0; look < kLooksPerClockRead; ++look) {
      if (backend_->look_for_events() || mailboxes_have_messages() || waker_.stop_requested()) {
        ++stats_.spins_won;
        return true;
      }
      relax_processor();
    }
  } while (backend_->now_ns() < until_ns);
  return false;
}

void Loop::sleep(std::uint64_t deadline_ns) {
  if (observer_ != nullptr) observer_->on_before_sleep();
  waker_.announce_sleep();
  if (!mailboxes_have_messages() && !waker_.stop_requested()) {
    ++stats_.sleeps;
    std::uint64_t timeout_ns = kNever;
    if (deadline_ns != kNever) timeout_ns = deadline_ns > idle_since_ns_ ? deadline_ns - idle_since_ns_ : 0;
    backend_->enter(WaitMode::sleep, timeout_ns);
  }
  waker_.announce_awake();
}

void Loop::end_busy(std::uint64_t at_ns) {
  const std::uint64_t busy = at_ns - now_ns_;
  stats_.busy_ns += busy;
  stats_.longest_turn_ns = std::max(stats_.longest_turn_ns, busy);
  stats_.turn_ns.record(busy);
}

}  // namespace gyre::reactor
