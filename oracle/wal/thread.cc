#include "oracle/wal/thread.h"

#include <chrono>

#include "reactor/pin.h"

namespace gyre::oracle::wal {

namespace {

std::uint64_t steady_us() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

LogThread::LogThread(Writer& writer, reactor::WakeFlag& oracle_core)
    : writer_(writer),
      oracle_core_(oracle_core),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LogThread::~LogThread() {
  thread_.request_stop();
  writer_.interrupt();
  thread_.join();
}

void LogThread::run(const std::stop_token& stop) {
  reactor::name_thread("gyre-log");
  reactor::unpin_thread();
  while (!stop.stop_requested()) {
    const std::uint64_t again = writer_.step(steady_us());
    if (writer_.has_answers()) oracle_core_.wake_if_sleeping();
    const std::uint64_t now = steady_us();
    if (now < again) writer_.wait_us(again == UINT64_MAX ? again : again - now);
  }
  writer_.flush();
  oracle_core_.wake_if_sleeping();
}

}  // namespace gyre::oracle::wal
