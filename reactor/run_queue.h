// What a loop runs: tasks that are ready, and connections whose output waits to be flushed. Both intrusive.
#pragma once

#include "reactor/intrusive_list.h"

namespace gyre::reactor {

// Something to run once, soon, on this core. Owned by the caller; must stay put while queued; destroying it
// unqueues it.
class Task : public ListHook<Task> {
 public:
  virtual void run() = 0;

 protected:
  ~Task() = default;
};

// Something with output to hand over once at the end of the turn, however often it was marked during the
// turn.
class Flushable : public ListHook<Flushable> {
 public:
  enum class Outcome { flushed, blocked };  // blocked: try again next turn
  virtual Outcome flush() = 0;

 protected:
  ~Flushable() = default;
};

}  // namespace gyre::reactor
