// The thread that writes checkpoints while everything goes on: it holds the newest published state as a
// reader of its own, writes it, and gives up what recovery does not need any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapter/durability/data_directory.h"
#include "oracle/published_state.h"
#include "oracle/read_holds.h"
#include "oracle/wal/writer.h"

namespace gyre::adapter {

struct CheckpointSettings {
  std::uint64_t log_bytes = 256 << 20;  // appended since the last one; then the next is due
  std::uint64_t interval_s = 300;       // the same in seconds, if anything was committed since
  std::uint64_t rows_at_end = 1 << 20;  // a database of at most so many rows is written at a clean end
};

// What has become of a request.
struct CheckpointOutcome {
  bool done = false;     // it has its answer
  bool no_room = false;  // the disk was full
  std::string error;     // empty: a checkpoint of a state as new as the request is durable
};

struct CheckpointStats {
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
  std::uint64_t last_timestamp = 0;  // microseconds since the Unix epoch: of the newest durable one
  std::uint64_t last_rows = 0;
  std::uint64_t last_bytes = 0;
  std::uint64_t last_duration_us = 0;
  std::uint64_t requested = 0;  // number of the newest request
  std::uint64_t answered = 0;   // number of the newest request that has its answer
  std::string last_error;       // of the last attempt; empty: it succeeded
};

class Checkpointer {
 public:
  // `newest` is the checkpoint that the server began with. `reader` is this thread's line of the holds. The log
  // is told what of it is not needed any more. All is borrowed.
  Checkpointer(DataDirectory& directory, oracle::wal::Writer& log, const oracle::PublishedState& published,
               oracle::ReadHolds& holds, std::size_t reader, Timestamp newest, CheckpointSettings settings);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer() { stop(); }

  // Once a state is published.
  void start();
  // Calls off the checkpoint that is being written, and ends the thread.
  void stop();
  // After stop(), while the published state is still there: one more, if it is small and not written yet.
  void write_at_end();

  // ---- Any thread's.
  // Asks for a checkpoint of a state at least as new as the one that is published now.
  class Request;
  std::shared_ptr<const Request> request();
  CheckpointOutcome outcome(const Request& request) const;
  // How many bytes the log has taken so far; asks for a checkpoint where these are many.
  void log_has(std::uint64_t bytes);
  CheckpointStats stats() const;

 private:
  void run(const std::stop_token& stop);
  void write(const std::function<bool()>& go_on);
  bool wait_for_log(Timestamp through, const std::function<bool()>& go_on) const;
  void tidy(Timestamp newest);
  void answer(const CheckpointOutcome& outcome);

  DataDirectory& directory_;
  oracle::wal::Writer& log_;
  const oracle::PublishedState& published_;
  oracle::ReadHolds& holds_;
  const std::size_t reader_;
  const CheckpointSettings settings_;
  Timestamp newest_;  // durable; the checkpointing thread's

  mutable std::mutex lock_;
  std::condition_variable_any asked_;
  std::vector<std::shared_ptr<Request>> waiting_;    // to be answered by the next attempt
  std::vector<std::shared_ptr<Request>> answering_;  // by the one under way
  CheckpointStats stats_;
  std::uint64_t log_bytes_ = 0;     // as last told
  std::uint64_t log_bytes_at_ = 0;  // when the last checkpoint was begun
  std::jthread thread_;
};

class Checkpointer::Request {
 private:
  friend class Checkpointer;
  CheckpointOutcome outcome_;  // guarded by the checkpointer's lock
};

}  // namespace gyre::adapter
