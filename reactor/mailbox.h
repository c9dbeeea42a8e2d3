// One-way messages from one core to one other: a bounded ring with a single producer and a single consumer.
// The producer pushes privately and publishes once per turn, so that a batch costs one shared store; when the
// ring is full, messages wait in a queue on the producer's side (never block: two cores that wait for each
// other would hang).
//
//   slots:   …consumed… [head ── visible to the consumer ── published) [── pushed, private ── pushed_)  free…
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>

#include "reactor/base/check.h"
#include "reactor/wake_flag.h"

namespace gyre::reactor {

template <class T>
class Mailbox {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Mailbox(std::size_t capacity = 1024)
      : mask_(std::bit_ceil(capacity) - 1), slots_(std::make_unique<T[]>(mask_ + 1)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Producer. Not visible before publish().
  void push(const T& message) {
    if (!waiting_.empty() || !has_room()) [[unlikely]] {
      waiting_.push_back(message);
      return;
    }
    slots_[pushed_ & mask_] = message;
    ++pushed_;
  }
  // Producer. Makes pushed messages visible; true when there were any new ones (then ask the consumer's
  // WakeFlag).
  bool publish() {
    while (!waiting_.empty() && has_room()) {
      slots_[pushed_ & mask_] = waiting_.front();
      waiting_.pop_front();
      ++pushed_;
    }
    if (pushed_ == published_.load(order::kOwn)) return false;
    published_.store(pushed_, order::kPublish);
    return true;
  }
  // Producer. Are there messages that found no room? Call publish() again later.
  bool overflowed() const { return !waiting_.empty(); }

  // Consumer. Calls handle(const T&) for at most `bound` messages; returns how many.
  template <class Handle>
  std::size_t drain(std::size_t bound, Handle&& handle) {
    const std::uint64_t first = head_.load(order::kOwn);
    const std::uint64_t available = published_.load(order::kObserve) - first;
    const std::uint64_t count = available < bound ? available : bound;
    if (count == 0) return 0;
    for (std::uint64_t i = first; i != first + count; ++i) {
      const T message = slots_[i & mask_];
      handle(message);
    }
    head_.store(first + count, order::kRecycle);
    return count;
  }
  // Consumer. How many messages are visible.
  std::size_t size() const {
    return static_cast<std::size_t>(published_.load(order::kObserve) - head_.load(order::kOwn));
  }
  // Consumer.
  bool empty() const { return published_.load(order::kObserve) == head_.load(order::kOwn); }

  std::size_t capacity() const { return mask_ + 1; }

 private:
  bool has_room() {
    if (pushed_ - known_head_ <= mask_) return true;
    known_head_ = head_.load(order::kReclaim);
    return pushed_ - known_head_ <= mask_;
  }

  // Constant after start.
  const std::uint64_t mask_;
  const std::unique_ptr<T[]> slots_;

  // Written by the producer. 128: processors fetch cache lines in pairs.
  alignas(128) std::atomic<std::uint64_t> published_{0};
  std::uint64_t pushed_ = 0;      // private to the producer
  std::uint64_t known_head_ = 0;  // a lower bound of head_, private to the producer
  std::deque<T> waiting_;         // private to the producer

  // Written by the consumer.
  alignas(128) std::atomic<std::uint64_t> head_{0};
};

}  // namespace gyre::reactor
