// The thread that writes the log. Not pinned to a processor, but free to run wherever the process's main
// thread may: most of the time it sleeps in the disk's calls.
#pragma once

#include <thread>

#include "oracle/wal/writer.h"
#include "reactor/wake_flag.h"

namespace gyre::oracle::wal {

// Made, and destroyed, by the oracle core, which it wakes when there is something for Writer::deliver().
class LogThread {
 public:
  LogThread(Writer& writer, reactor::WakeFlag& oracle_core);
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;
  // Writes what was appended, and ends the thread. Answers may be left to be delivered.
  ~LogThread();

 private:
  void run(const std::stop_token& stop);

  Writer& writer_;
  reactor::WakeFlag& oracle_core_;
  std::jthread thread_;
};

}  // namespace gyre::oracle::wal
