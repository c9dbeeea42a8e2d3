// Waking a core that sleeps, and not waking one that does not. A wake costs the sender about 6 us and is only
// worth sending to a core that is really asleep, so a core says so before it goes:
//
//   sleeper: announce_sleep()      sender: publish the message (order::kPublish)
//            look at all mailboxes         wake_if_sleeping()
//            sleep
//
// Each side writes its word and then reads the other's (Dekker's pattern). All four accesses are sequentially
// consistent, so at least one side sees the other: either the sleeper finds the message or the sender the
// sleeper.
#pragma once

#include <atomic>
#include <cstdint>

namespace gyre::reactor {

// The memory orders of mailboxes and wake-ups, named here and nowhere else.
namespace order {
inline constexpr auto kOwn = std::memory_order_relaxed;  // a word that only the reading core writes
inline constexpr auto kPublish =
    std::memory_order_seq_cst;  // makes messages visible; the "write mine" of Dekker
inline constexpr auto kObserve =
    std::memory_order_seq_cst;  // sees published messages; the "read yours" of Dekker
inline constexpr auto kRecycle = std::memory_order_release;  // gives slots back to the producer
inline constexpr auto kReclaim = std::memory_order_acquire;  // sees slots that were given back
inline constexpr auto kClaim = std::memory_order_acq_rel;    // only one of several senders wakes
}  // namespace order

// Owned by the sleeping core; wake_if_sleeping(), wake() and request_stop() may be called from any thread.
class WakeFlag {
 public:
  WakeFlag();
  WakeFlag(const WakeFlag&) = delete;
  WakeFlag& operator=(const WakeFlag&) = delete;
  ~WakeFlag();

  int event_fd() const { return event_fd_; }

  // Sleeper.
  void announce_sleep() { sleeping_.store(1, order::kPublish); }
  void announce_awake() { sleeping_.store(0, order::kOwn); }
  bool stop_requested() const { return stop_.load(order::kObserve); }

  // Sender. True when a wake was sent.
  bool wake_if_sleeping() {
    if (sleeping_.load(order::kObserve) == 0) return false;
    return wake_slowly();
  }
  void wake();  // without asking
  void request_stop() {
    stop_.store(true, order::kPublish);
    wake();
  }
  void withdraw_stop() { stop_.store(false, order::kPublish); }

 private:
  bool wake_slowly();

  alignas(128) std::atomic<std::uint32_t> sleeping_{0};
  std::atomic<bool> stop_{false};
  int event_fd_ = -1;  // constant after start
};

}  // namespace gyre::reactor
