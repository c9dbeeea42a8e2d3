// A word by which one core asks another to give up what it is doing for it. The one that works looks at it now
// and then; nothing else is handed over with it, so no order is needed.
#pragma once

#include <atomic>
#include <exception>

namespace gyre::reactor {

// What is thrown where the flag is raised. Why, the core that raised it knows.
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped"; }
};

class StopFlag {
 public:
  void raise() { raised_.store(true, std::memory_order_relaxed); }  // any core
  bool raised() const { return raised_.load(std::memory_order_relaxed); }
  // Throws Stopped. Cheap enough for every row.
  void check() const {
    if (raised()) [[unlikely]]
      throw Stopped();
  }

 private:
  std::atomic<bool> raised_{false};
};

}  // namespace gyre::reactor
