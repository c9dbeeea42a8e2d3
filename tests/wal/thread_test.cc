// The log thread beside a loop, on a real directory and a simulated disk.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "oracle/group_commit.h"
#include "oracle/local_oracle.h"
#include "oracle/wal/sync_probe.h"
#include "oracle/wal/thread.h"
#include "reactor/epoll_backend.h"
#include "reactor/loop.h"
#include "tests/wal/support.h"

namespace gyre::oracle::wal {
namespace {

using reactor::WriteThrough;

// A core that commits numbers: each write adds one.
class Core final : public CommitSteps, private reactor::MailboxDrain {
 public:
  explicit Core(Writer& writer)
      : loop_(reactor::make_epoll_backend()),
        writer_(writer),
        commits_(oracle_, writer, published_, holds_, *this) {
    loop_.add_mailbox(*this);
    thread_.emplace(writer, loop_.waker());
  }
  ~Core() override { loop_.remove_mailbox(*this); }

  // Commits so many, some at a time.
  void run(std::size_t intents, std::size_t at_once) {
    all_.assign(intents, Intent());
    submitted_ = 0;
    answered = 0;
    at_once_ = at_once;
    loop_.post(task_);
    while (answered < intents) loop_.turn(loop_.clock_ns() + 1'000'000'000);
  }
  void end_thread() { thread_.reset(); }

  bool lazy = false;
  std::size_t answered = 0, refused = 0;

 private:
  class Task final : public reactor::Task {
   public:
    explicit Task(Core& core) : core_(core) {}
    void run() override { core_.commit(); }

   private:
    Core& core_;
  };

  void commit() {
    while (submitted_ < all_.size() && submitted_ < answered + at_once_) commits_.submit(&all_[submitted_++]);
    commits_.turn();
    const bool more = submitted_ < all_.size() && submitted_ < answered + at_once_;
    if (more || commits_.can_begin()) loop_.post(task_);
  }
  std::size_t drain(std::size_t bound) override {
    loop_.post(task_);
    return writer_.deliver(bound);
  }
  bool has_messages() const override { return writer_.has_answers(); }

  Outcome order(std::span<Intent* const>, Writes writes) override {
    if (writes == Writes::refused) return Outcome::answer;
    return lazy ? Outcome::write_lazily : Outcome::write;
  }
  void encode(Timestamp timestamp, OutBuffer& record) override {
    record.append(std::to_string(timestamp.value));
  }
  void seal(Timestamp) override {}
  Publication apply(Timestamp timestamp, RetireList&) override { return {timestamp, nullptr, nullptr, 0}; }
  void answer(std::span<Intent* const> batch, Timestamp) override { answered += batch.size(); }
  void drop_sealed(std::size_t) override {}
  void disclaim(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void give_up(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void refuse(std::size_t, std::span<Intent* const> batch, Refusal) override {
    answered += batch.size();
    refused += batch.size();
  }

  reactor::Loop loop_;
  SystemClock clock_;
  LocalOracle oracle_{clock_};
  PublishedState published_;
  ReadHolds holds_{1};
  Writer& writer_;
  GroupCommit commits_;
  Task task_{*this};
  std::vector<Intent> all_;
  std::size_t submitted_ = 0, at_once_ = 0;
  std::optional<LogThread> thread_;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/gyre-wal-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(WalThread, CommitsOnARealDisk) {
  for (const auto through : {WriteThrough::none, WriteThrough::dsync, WriteThrough::direct}) {
    const TemporaryDirectory root;
    reactor::PosixDisk disk;
    WriterOptions options;
    options.directory = root.path + "/wal";
    options.segment_size = 64 << 10;
    options.through = through;
    auto writer = Writer::open(disk, options, test::read_log(disk, Timestamp(0), options.directory).tail);
    if (!writer && through == WriteThrough::direct) continue;  // a file system without O_DIRECT
    ASSERT_TRUE(writer) << writer.error();
    {
      Core core(**writer);
      core.run(3000, 64);
      EXPECT_EQ(core.refused, 0U);
    }
    const auto content = test::read_log(disk, Timestamp(0), options.directory);
    EXPECT_EQ(content.tail.stop, Tail::Stop::clean) << content.tail.message;
    EXPECT_EQ(content.records.size(), (*writer)->stats().records);
    for (const auto& record : content.records) ASSERT_EQ(record.body, std::to_string(record.timestamp));
  }
}

TEST(WalThread, LazyCommitsAreThereWhenTheThreadHasEnded) {
  for (const auto through : {WriteThrough::none, WriteThrough::dsync}) {
    reactor::SimulatedDisk disk(1);
    const auto writer = test::open_log(disk, test::small_segments(through));
    std::size_t records = 0;
    {
      Core core(*writer);
      core.lazy = true;
      core.run(200, 8);
      core.end_thread();
    }
    records = writer->stats().records;
    disk.power_off();
    disk.power_on();
    EXPECT_EQ(test::read_log(disk).records.size(), records);
  }
}

TEST(WalThread, AFailingDiskIsToldToEveryone) {
  reactor::SimulatedDisk disk(1);
  const auto writer = test::open_log(disk);
  Core core(*writer);
  core.run(100, 8);
  disk.fail(reactor::SimulatedDisk::Operation::sync, 5, EIO, reactor::SimulatedDisk::Times::forever);
  core.run(300, 8);
  EXPECT_GT(core.refused, 0U);
  EXPECT_NE(writer->failure(), "");
}

TEST(SyncProbe, ChoosesAWay) {
  const TemporaryDirectory root;
  reactor::PosixDisk disk;
  const auto probe = probe_sync(disk, root.path);
  ASSERT_TRUE(probe) << probe.error();
  EXPECT_GT(probe->median_us[static_cast<std::size_t>(probe->chosen)], 0U);
  EXPECT_TRUE(std::filesystem::is_empty(root.path));
}

}  // namespace
}  // namespace gyre::oracle::wal
