// Asks every core who is connected to it: one message to each, then one to the oracle core, which adds what it
// alone knows (who waits for a lock or for the disk, what a transaction's changes take, what its snapshot
// keeps). Nothing is kept up for this while nobody asks, but what a session has at hand anyway.
#pragma once

#include <cstdint>
#include <vector>

#include "reactor/loop.h"
#include "reactor/task.h"
#include "storage/scalar/session_directory.h"

namespace gyre::adapter {

// Lives in the asking coroutine until `answered`. Meanwhile each core writes its own part, and then the oracle
// core the whole.
struct SessionSurvey {
  SessionSurvey(reactor::Loop& loop, std::uint32_t session) : only(session), answered(loop) {}

  bool wants(std::uint32_t pid) const { return only == 0 || only == pid; }
  // The parts become one list, in the order of connecting.
  void gather();

  const std::uint32_t only;  // a session's number; 0: all
  std::vector<std::vector<storage::SessionRow>> parts;  // by shard
  std::size_t missing = 0;                              // parts; the asking shard's
  std::vector<storage::SessionRow> rows;
  reactor::Event answered;  // set on the asking core
};

// What one session may do to another.
enum class SessionSignal : std::uint8_t {
  cancel,     // what runs, if anything does
  terminate,  // the session
};

}  // namespace gyre::adapter
