// A log on a simulated disk, driven without a thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/wal/reader.h"
#include "oracle/wal/writer.h"
#include "reactor/simulated_disk.h"

namespace gyre::test {

inline constexpr const char* kLogDirectory = "data/wal";

struct LoggedRecord {
  std::uint64_t timestamp = 0;
  std::string body;
  bool operator==(const LoggedRecord&) const = default;
};

struct LogContent {
  std::vector<LoggedRecord> records;
  oracle::wal::Tail tail;
};

inline LogContent read_log(reactor::Disk& disk, Timestamp after = Timestamp(0),
                           const std::string& directory = kLogDirectory) {
  oracle::wal::Reader reader(disk, directory, after);
  LogContent content;
  oracle::wal::Record record;
  while (reader.next(record)) content.records.push_back({record.timestamp.value, std::string(record.body)});
  content.tail = reader.tail();
  return content;
}

inline bool is_prefix(const std::vector<LoggedRecord>& prefix, const std::vector<LoggedRecord>& whole) {
  return prefix.size() <= whole.size() && std::equal(prefix.begin(), prefix.end(), whole.begin());
}

// Appends, and remembers what became of it.
class LogClient {
 public:
  struct Appended {
    LoggedRecord record;
    oracle::Urgency urgency{};
    oracle::Acceptance acceptance{};
    bool answered = false;
    oracle::Durability outcome{};
  };

  explicit LogClient(oracle::wal::Writer& writer) : writer_(writer) {}

  void append(std::uint64_t timestamp, std::string body, oracle::Urgency urgency = oracle::Urgency::now) {
    Appended& one = appended.emplace_back();
    one.record = {timestamp, std::move(body)};
    one.urgency = urgency;
    one.acceptance =
        writer_.append(one.record.body, Timestamp(timestamp), urgency, {&LogClient::answer, this});
  }
  // Of all that was appended the records that were acknowledged; answers come in order.
  std::vector<LoggedRecord> durable() const {
    std::vector<LoggedRecord> records;
    for (const Appended& one : appended)
      if (one.answered && one.outcome == oracle::Durability::durable) records.push_back(one.record);
    return records;
  }
  // Those that may be in the log: all but the refused.
  std::vector<LoggedRecord> possible() const {
    std::vector<LoggedRecord> records;
    for (const Appended& one : appended)
      if (!one.answered || one.outcome != oracle::Durability::no_room) records.push_back(one.record);
    return records;
  }
  std::size_t count(oracle::Durability outcome) const {
    return static_cast<std::size_t>(std::count_if(appended.begin(), appended.end(), [&](const Appended& one) {
      return one.answered && one.outcome == outcome;
    }));
  }

  std::deque<Appended> appended;

 private:
  static void answer(void* self, oracle::Durability outcome) {
    auto& client = *static_cast<LogClient*>(self);
    Appended& one = client.appended[client.answered_++];
    one.answered = true;
    one.outcome = outcome;
  }

  oracle::wal::Writer& writer_;
  std::size_t answered_ = 0;
};

inline oracle::wal::WriterOptions small_segments(
    reactor::WriteThrough through = reactor::WriteThrough::none) {
  oracle::wal::WriterOptions options;
  options.directory = kLogDirectory;
  options.segment_size = 8192;
  options.through = through;
  return options;
}

inline std::unique_ptr<oracle::wal::Writer> open_log(reactor::Disk& disk,
                                                     oracle::wal::WriterOptions options = small_segments()) {
  const LogContent content = read_log(disk, Timestamp(0), options.directory);
  if (content.tail.refused) return nullptr;
  auto writer = oracle::wal::Writer::open(disk, std::move(options), content.tail);
  return writer ? std::move(*writer) : nullptr;
}

}  // namespace gyre::test
