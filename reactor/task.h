// Coroutines of one core. Plain callbacks do the framing and the cached reads; a statement that must wait is
// a coroutine.
//
//   Job     a detached coroutine: runs at once up to its first wait, frees itself when it returns.
//   Co<T>   a coroutine that another one awaits; starts when awaited, returns a T or throws into its caller.
//   yield(loop), Event, Completion<T>: what can be waited for. Whoever waits is resumed from the loop's run
//   queue, never
//           inside set() or complete(), so a resumed coroutine finds a shallow stack and nothing half done
//           around it.
//
// Frames come from the core's FramePool when the coroutine's first or second parameter (for a member
// coroutine the first is *this) has a frame_pool(), as Loop does; otherwise from the heap.
//
// g++ 12 miscompiles aggregate temporaries inside a co_await expression (destroyed twice): name them before
// it. Give no captures to coroutine lambdas. Pass parameters by value, or by reference to what outlives the
// coroutine.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "reactor/base/check.h"
#include "reactor/frame_pool.h"
#include "reactor/loop.h"

namespace gyre::reactor {

template <class T>
concept HasFramePool = requires(T& object) {
  { object.frame_pool() } -> std::same_as<FramePool&>;
};

// The allocation half of a promise.
class PooledFrame {
 public:
  static void* operator new(std::size_t size) { return FramePool::allocate_without_pool(size); }
  template <class First, class... Rest>
  static void* operator new(std::size_t size, First& first, Rest&... rest) {
    if constexpr (HasFramePool<First>) {
      return first.frame_pool().allocate(size);
    } else {
      return allocate_by_second(size, rest...);
    }
  }
  static void operator delete(void* frame) { FramePool::release(frame); }

 private:
  static void* allocate_by_second(std::size_t size) { return FramePool::allocate_without_pool(size); }
  template <class Second, class... Rest>
  static void* allocate_by_second(std::size_t size, Second& second, Rest&...) {
    if constexpr (HasFramePool<Second>) {
      return second.frame_pool().allocate(size);
    } else {
      return FramePool::allocate_without_pool(size);
    }
  }
};

class Job {
 public:
  struct promise_type : PooledFrame {
    Job get_return_object() noexcept { return Job(); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }  // a job handles its own failures
  };

 private:
  Job() = default;
};

// A waiting coroutine as a task of the run queue. Base of the awaiters below.
class Waiter : public Task {
 public:
  Waiter() = default;
  void run() override { handle_.resume(); }

 protected:
  ~Waiter() = default;
  std::coroutine_handle<> handle_;
};

class YieldAwaiter final : public Waiter {
 public:
  explicit YieldAwaiter(Loop& loop) : loop_(loop) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    loop_.post_next_turn(*this);
  }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
};

// co_await yield(loop): continues in the next turn, after the core has looked at its sockets and mailboxes.
inline YieldAwaiter yield(Loop& loop) {
  return YieldAwaiter(loop);
}

class SleepAwaiter final : public Timer {
 public:
  SleepAwaiter(Loop& loop, std::uint64_t delay_us) : loop_(loop), delay_us_(delay_us) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    loop_.arm_timer_after_us(*this, delay_us_);
  }
  void await_resume() const noexcept {}
  void on_timer() override { handle_.resume(); }

 private:
  Loop& loop_;
  const std::uint64_t delay_us_;
  std::coroutine_handle<> handle_;
};

// co_await sleep_us(loop, delay).
inline SleepAwaiter sleep_us(Loop& loop, std::uint64_t delay_us) {
  return SleepAwaiter(loop, delay_us);
}

// A flag that coroutines can wait for. Stays set until reset(). Any number of waiters, resumed in order.
class Event {
 public:
  explicit Event(Loop& loop) : loop_(loop) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool is_set() const { return set_; }
  void reset() { set_ = false; }
  void set() {
    set_ = true;
    while (!waiters_.empty()) {
      Task& waiter = waiters_.pop_front();
      loop_.post(waiter);
    }
  }

  class Awaiter final : public Waiter {
   public:
    explicit Awaiter(Event& event) : event_(event) {}
    bool await_ready() const noexcept { return event_.set_; }
    void await_suspend(std::coroutine_handle<> handle) {
      handle_ = handle;
      event_.waiters_.push_back(*this);
    }
    void await_resume() const noexcept {}

   private:
    Event& event_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

 private:
  Loop& loop_;
  bool set_ = false;
  IntrusiveList<Task> waiters_;
};

// A value that arrives once, for one waiter. The value may arrive before or after the wait begins.
template <class T>
class Completion {
 public:
  explicit Completion(Loop& loop) : event_(loop) {}

  bool completed() const { return value_.has_value(); }
  void complete(T value) {
    GYRE_CHECK(!value_.has_value());
    value_.emplace(std::move(value));
    event_.set();
  }

  class Awaiter {
   public:
    explicit Awaiter(Completion& completion) : completion_(completion), event_(completion.event_) {}
    bool await_ready() const noexcept { return event_.await_ready(); }
    void await_suspend(std::coroutine_handle<> handle) { event_.await_suspend(handle); }
    T await_resume() { return std::move(*completion_.value_); }

   private:
    Completion& completion_;
    Event::Awaiter event_;
  };
  Awaiter operator co_await() { return Awaiter(*this); }

 private:
  Event event_;
  std::optional<T> value_;
};

// A coroutine with a result. Owns its frame; await it exactly once: `T value = co_await compute(loop, ...)`.
template <class T>
class [[nodiscard]] Co {
  struct Nothing {};
  using Stored = std::conditional_t<std::is_void_v<T>, Nothing, T>;

  class PromiseBase : public PooledFrame {
   public:
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct BackToCaller {
      bool await_ready() const noexcept { return false; }
      template <class Promise>
      std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> handle) const noexcept {
        return handle.promise().caller;
      }
      void await_resume() const noexcept {}
    };
    BackToCaller final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { outcome.template emplace<2>(std::current_exception()); }

    std::coroutine_handle<> caller;
    std::variant<std::monostate, Stored, std::exception_ptr> outcome;
  };
  class ValuePromise : public PromiseBase {
   public:
    template <class Value>
    void return_value(Value&& value) {
      this->outcome.template emplace<1>(std::forward<Value>(value));
    }
  };
  class VoidPromise : public PromiseBase {
   public:
    void return_void() noexcept { this->outcome.template emplace<1>(); }
  };

 public:
  struct promise_type : std::conditional_t<std::is_void_v<T>, VoidPromise, ValuePromise> {
    Co get_return_object() noexcept { return Co(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };

  Co(Co&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Co& operator=(Co&&) = delete;
  ~Co() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().caller = caller;
    return handle_;
  }
  T await_resume() {
    auto& outcome = handle_.promise().outcome;
    if (outcome.index() == 2) std::rethrow_exception(std::get<2>(outcome));
    if constexpr (!std::is_void_v<T>) return std::move(std::get<1>(outcome));
  }

 private:
  explicit Co(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace gyre::reactor
