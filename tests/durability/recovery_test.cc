// Recovery on a disk that fails in every way: whatever happens, what was acknowledged is there and what is
// there was committed, or the start is refused with words.
#include "adapter/durability/recovery.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <thread>

#include "adapter/durability/check_data.h"
#include "adapter/durability/checkpointer.h"
#include "adapter/durability/checkpoints.h"
#include "oracle/wal/writer.h"
#include "reactor/fail_point.h"
#include "reactor/simulated_disk.h"
#include "storage/schema_codec.h"
#include "tests/adapter/world.h"
#include "tests/durability/statements.h"

namespace gyre::test {
namespace {

using adapter::Catalog;
using adapter::DataDirectory;
using adapter::ExitStatus;
using adapter::InitialState;
using adapter::recover;
using adapter::Recovered;
using adapter::RecoveryVoice;
using adapter::StartError;
using reactor::SimulatedDisk;

constexpr const char* kDirectory = "data";

const RecoveryVoice kSilent{[](const std::string&) {}, [](const std::string&) {}};

Result<Recovered, StartError> recover_from(reactor::Disk& disk) {
  DataDirectory directory(disk, kDirectory);
  if (auto locked = directory.lock(); !locked) return Unexpected{locked.error()};
  return recover(directory, Catalog::initial(), kSilent);
}

// Sessions over a coordinator, whose commits are written to a log on the disk by hand.
class DurableWorld {
 public:
  DurableWorld(reactor::Disk& disk, std::uint64_t seed, Recovered recovered)
      : directory_(disk, kDirectory), world_(seed, 1, std::move(recovered.state)) {
    oracle::wal::WriterOptions options;
    options.directory = directory_.wal_directory();
    options.segment_size = 1 << 16;
    auto opened = oracle::wal::Writer::open(disk, options, recovered.tail);
    if (opened) log_ = std::move(*opened);
  }
  bool is_open() const { return log_ != nullptr; }
  World& world() { return world_; }
  Client& client() {
    if (client_ == nullptr) client_ = &world_.connect();
    return *client_;
  }
  // Appends the commits since the last call; the timestamp up to which all are durable.
  void write_log(Timestamp& acknowledged) {
    const auto& records = world_.log().records();
    std::vector<oracle::Durability> outcomes;
    for (; written_ < records.size(); ++written_) {
      current_ = records[written_].timestamp;
      Acknowledgement* const waiting =
          acknowledgements_
              .emplace_back(std::make_unique<Acknowledgement>(Acknowledgement{current_, &acknowledged}))
              .get();
      log_->append(records[written_].bytes, current_, oracle::Urgency::now,
                   {[](void* context, oracle::Durability outcome) {
                      const auto& done = *static_cast<Acknowledgement*>(context);
                      if (outcome == oracle::Durability::durable) *done.newest = done.timestamp;
                    },
                    waiting});
      log_->step(1);
      log_->deliver();
    }
  }
  reactor::DiskResult<storage::CheckpointFigures> checkpoint() {
    const oracle::Publication state = world_.published();
    return write_state(directory_, *static_cast<const storage::Database*>(state.database),
                       *static_cast<const Catalog*>(state.catalog), state.read_ts, [] { return true; });
  }
  DataDirectory& directory() { return directory_; }
  oracle::wal::Writer& log() { return *log_; }

 private:
  struct Acknowledgement {
    Timestamp timestamp;
    Timestamp* newest;
  };
  DataDirectory directory_;
  World world_;
  Client* client_ = nullptr;
  std::unique_ptr<oracle::wal::Writer> log_;
  std::vector<std::unique_ptr<Acknowledgement>> acknowledgements_;
  std::size_t written_ = 0;
  Timestamp current_;
};

// A state that outlives its world: what a checkpoint of it says.
std::string fingerprint(const InitialState& state) {
  SimulatedDisk disk(1);
  DataDirectory directory(disk, kDirectory);
  EXPECT_TRUE(disk.make_directory(directory.checkpoint_directory()).has_value());
  EXPECT_TRUE(
      write_state(directory, *state.database, state.catalog, Timestamp(7), [] { return true; }).has_value());
  return disk.content(directory.checkpoint_path(Timestamp(7)));
}
std::string fingerprint(const oracle::Publication& state) {
  SimulatedDisk disk(1);
  DataDirectory directory(disk, kDirectory);
  EXPECT_TRUE(disk.make_directory(directory.checkpoint_directory()).has_value());
  EXPECT_TRUE(write_state(directory, *static_cast<const storage::Database*>(state.database),
                          *static_cast<const Catalog*>(state.catalog), Timestamp(7), [] { return true; })
                  .has_value());
  return disk.content(directory.checkpoint_path(Timestamp(7)));
}

TEST(Recovery, ANewDirectoryIsBegun) {
  SimulatedDisk disk(1);
  const auto recovered = recover_from(disk);
  ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
  EXPECT_EQ(recovered->state.timestamp, Timestamp(1));
  EXPECT_EQ(bytes_of(recovered->state.catalog), bytes_of(Catalog::initial()));
  EXPECT_TRUE(recover_from(disk).has_value());
}

TEST(Recovery, ASecondServerIsRefused) {
  SimulatedDisk disk(1);
  DataDirectory first(disk, kDirectory);
  ASSERT_TRUE(first.lock().has_value());
  const auto second = recover_from(disk);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().status, ExitStatus::in_use);
}

// One that was killed holds its lock until the kernel has cleared it away.
TEST(Recovery, AServerThatIsAboutToEndIsWaitedFor) {
  char path[] = "/tmp/gyre-recovery-test-XXXXXX";
  ASSERT_NE(::mkdtemp(path), nullptr);
  reactor::PosixDisk disk;
  auto first = std::make_optional<DataDirectory>(disk, path);
  ASSERT_TRUE(first->lock().has_value());
  {
    const std::jthread ends([&first] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      first.reset();
    });
    DataDirectory second(disk, path);
    EXPECT_TRUE(second.lock(std::chrono::seconds(60)).has_value());
  }
  std::filesystem::remove_all(path);
}

TEST(Recovery, FilesAreHeldByOneAtATime) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(recover_from(disk).has_value());
  const DataDirectory directory(disk, kDirectory);
  auto held = directory.hold_files(std::chrono::milliseconds(0));
  ASSERT_TRUE(held.has_value() && *held != nullptr);
  const auto refused = directory.hold_files(std::chrono::milliseconds(0));
  EXPECT_TRUE(refused.has_value() && *refused == nullptr);
  held->reset();
  const auto again = directory.hold_files(std::chrono::milliseconds(0));
  EXPECT_TRUE(again.has_value() && *again != nullptr);
}

TEST(Recovery, ACatalogOfAnotherVersionIsNamed) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(recover_from(disk).has_value());
  const DataDirectory directory(disk, kDirectory);
  OutBuffer bytes;
  encode_catalog_change(Catalog(), Catalog::initial(), bytes);
  std::string other(bytes.view());
  other[0] = static_cast<char>(adapter::kCatalogFormat + 1);
  const storage::CommitRecord::Section section{number_of(adapter::AdapterSection::catalog), other};
  ASSERT_TRUE(storage::write_checkpoint(disk, directory.checkpoint_directory(),
                                        adapter::checkpoint_name(Timestamp(9)), storage::Database(),
                                        Timestamp(9), {&section, 1}, [] { return true; }));
  const auto refused = recover_from(disk);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().status, ExitStatus::not_ours);
  const std::string numbers = "of format " + std::to_string(adapter::kCatalogFormat + 1);
  EXPECT_NE(refused.error().message.find(numbers), std::string::npos) << refused.error().message;
}

// A relation that the directory could not take is refused when it is made, not when it is written.
TEST(Recovery, RelationsBeyondTheLastAreRefused) {
  Catalog nearly_full = Catalog::initial();
  nearly_full.next_oid = adapter::kFirstUserOid + storage::kMaxRelationId + 1;
  World world(1, 1, InitialState(std::move(nearly_full)));
  Client& client = world.connect();
  EXPECT_NE(client.ask("CREATE TABLE t (a int8)").find("54000"), std::string::npos);
  EXPECT_NE(client.ask("CREATE SEQUENCE s").find("54000"), std::string::npos);
  EXPECT_TRUE(world.log().records().empty());
}

TEST(Recovery, DirectoriesOfOthersAreLeftAlone) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.make_directory(kDirectory).has_value());
  disk.set_content("data/thesis.tex", "much work");
  const auto refused = recover_from(disk);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().status, ExitStatus::not_ours);
  EXPECT_EQ(disk.content("data/thesis.tex"), "much work");
}

TEST(Recovery, OtherVersionsAreNamed) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(recover_from(disk).has_value());
  disk.set_content("data/gyre-data", "gyre data directory, format 9\n");
  const auto refused = recover_from(disk);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().status, ExitStatus::not_ours);
  EXPECT_NE(refused.error().message.find("format 9"), std::string::npos) << refused.error().message;
}

// The log alone, a checkpoint alone, both, and the spare: all lead to the state that the sessions led to.
TEST(Recovery, LeadsToTheStateThatWas) {
  const std::uint64_t seed = test_seed();
  for (std::uint64_t round = 0; round < 8; ++round) {
    SCOPED_TRACE(testing::Message() << "GYRE_TEST_SEED=" << seed + round);
    SimulatedDisk disk(seed + round);
    RandomStatements statements(seed + round);
    std::string expected;
    for (int life = 0; life < 3; ++life) {
      auto recovered = recover_from(disk);
      ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
      EXPECT_TRUE(expected.empty() || fingerprint(recovered->state) == expected);
      EXPECT_TRUE(adapter::find_faults(*recovered->state.database).empty());
      DurableWorld durable(disk, seed + round, std::move(*recovered));
      ASSERT_TRUE(durable.is_open());
      Timestamp acknowledged;
      for (int i = 0; i < 60; ++i) {
        durable.client().ask(statements.next());
        if (i == 30 && durable.world().random()() % 2 == 0) {
          durable.write_log(acknowledged);
          ASSERT_TRUE(durable.checkpoint().has_value());
        }
      }
      durable.client().ask("ROLLBACK");
      durable.write_log(acknowledged);
      if (durable.world().random()() % 3 == 0) {
        ASSERT_TRUE(durable.checkpoint().has_value());
      }
      expected = fingerprint(durable.world().published());
    }
    const auto last = recover_from(disk);
    ASSERT_TRUE(last.has_value()) << last.error().message;
    EXPECT_EQ(fingerprint(last->state), expected);
    if (HasFailure()) return;
  }
}

// The newest checkpoint is damaged: the one before it and the log lead to the same state.
TEST(Recovery, TheSpareTakesOver) {
  SimulatedDisk disk(3);
  RandomStatements statements(3);
  auto recovered = recover_from(disk);
  ASSERT_TRUE(recovered.has_value());
  DurableWorld durable(disk, 3, std::move(*recovered));
  Timestamp acknowledged;
  for (int i = 0; i < 50; ++i) durable.client().ask(statements.next());
  durable.client().ask("ROLLBACK");
  durable.write_log(acknowledged);
  ASSERT_TRUE(durable.checkpoint().has_value());
  const std::string path = durable.directory().checkpoint_path(durable.world().published().read_ts);
  std::string bytes = disk.content(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  disk.set_content(path, bytes);
  std::string warned;
  DataDirectory directory(disk, kDirectory);
  const auto again =
      read_state(directory, {[](const std::string&) {}, [&](const std::string& text) { warned += text; }});
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_NE(warned.find(path), std::string::npos) << warned;
  EXPECT_EQ(fingerprint(again->state), fingerprint(durable.world().published()));
  // Without the log nothing is made up: what it had is missed.
  const auto segments = disk.list(directory.wal_directory());
  ASSERT_TRUE(segments.has_value());
  for (const std::string& name : *segments)
    ASSERT_TRUE(disk.remove(directory.wal_directory() + "/" + name).has_value());
  const auto gone = read_state(directory, kSilent);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().status, ExitStatus::damaged);
  EXPECT_NE(gone.error().message.find(directory.wal_directory()), std::string::npos) << gone.error().message;
}

// What nobody waits for is published before it is durable. A checkpoint waits for it, and there is none where it
// will never be: the log would go on behind a gap.
TEST(Recovery, ACheckpointIsNeverAheadOfTheLog) {
  SimulatedDisk disk(4);
  auto recovered = recover_from(disk);
  ASSERT_TRUE(recovered.has_value());
  const Timestamp first = recovered->state.timestamp;
  DurableWorld durable(disk, 4, std::move(*recovered));
  oracle::PublishedState published;
  oracle::ReadHolds holds(1);
  adapter::Checkpointer checkpointer(durable.directory(), durable.log(), published, holds, 0, first, {});
  const auto commit = [&](const char* statement) {
    durable.client().ask(statement);
    const auto& newest = durable.world().log().records().back();
    durable.log().append(newest.bytes, newest.timestamp, oracle::Urgency::lazy, {[](void*, oracle::Durability) {}, nullptr});
    published.publish(durable.world().published());
  };
  commit("CREATE TABLE t (a int4)");
  std::thread writer([&] {
    while (holds.oldest() == kTimestampMax) std::this_thread::yield();  // it has begun
    EXPECT_EQ(checkpointer.stats().written, 0u);
    durable.log().flush();
  });
  checkpointer.write_at_end();
  writer.join();
  EXPECT_EQ(checkpointer.stats().written, 1u);
  ASSERT_TRUE(reactor::set_fail_points("wal.before_write:1+:error"));
  commit("INSERT INTO t VALUES (1)");
  durable.log().flush();
  ASSERT_TRUE(reactor::set_fail_points(""));
  checkpointer.write_at_end();
  EXPECT_EQ(checkpointer.stats().written, 1u);
  EXPECT_EQ(checkpointer.stats().failed, 1u);
}

// A script with a checkpoint in it, on a disk that stops working at some operation; then recovery, which
// stops as well, once; then recovery on a disk in order.
struct Outcome {
  bool finished = false;
  Timestamp acknowledged{1};
  std::map<Timestamp, std::string> states;  // by timestamp, of every commit
};

Outcome run_script(reactor::Disk& disk, std::uint64_t seed) {
  Outcome outcome;
  auto recovered = recover_from(disk);
  if (!recovered) return outcome;
  DurableWorld durable(disk, seed, std::move(*recovered));
  if (!durable.is_open()) return outcome;
  const auto say = [&](const std::string& statement) {
    durable.client().ask(statement);
    outcome.states[durable.world().published().read_ts] = fingerprint(durable.world().published());
    durable.write_log(outcome.acknowledged);
  };
  outcome.states[Timestamp(1)] = fingerprint(durable.world().published());
  say("CREATE TABLE t (a int8 PRIMARY KEY, b text UNIQUE)");
  for (int i = 0; i < 4; ++i)
    say("INSERT INTO t VALUES (" + std::to_string(i) + ", 'b" + std::to_string(i) + "')");
  const Timestamp spare{1};
  const Timestamp newest = durable.world().published().read_ts;
  if (durable.checkpoint() && remove_checkpoints_but(durable.directory(), newest, spare))
    durable.log().remove_through(spare);
  say("UPDATE t SET b = b || 'x'");
  say("CREATE INDEX ON t (b, a)");
  say("DELETE FROM t WHERE a = 2");
  outcome.finished = durable.log().failure().empty();
  return outcome;
}

void expect_recovers(reactor::Disk& disk, const Outcome& outcome) {
  auto recovered = recover_from(disk);
  ASSERT_TRUE(recovered.has_value()) << recovered.error().message;
  const Timestamp newest = recovered->state.timestamp;
  EXPECT_GE(newest, outcome.acknowledged) << "an acknowledged commit is lost";
  if (outcome.states.empty()) return;
  const auto state = outcome.states.find(newest);
  ASSERT_NE(state, outcome.states.end()) << "a state that never was";
  EXPECT_EQ(fingerprint(recovered->state), state->second);
  EXPECT_TRUE(adapter::find_faults(*recovered->state.database).empty());
}

TEST(RecoveryFailures, PowerIsLostAtEveryOperationOfAScript) {
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE(testing::Message() << "operation " << n);
    SimulatedDisk disk(n);
    disk.power_off_at(n);
    const Outcome outcome = run_script(disk, 1);
    const bool lost = !disk.is_on();
    if (!lost) disk.power_off();
    disk.power_on();
    expect_recovers(disk, outcome);
    if (HasFailure() || !lost) break;
  }
}

TEST(RecoveryFailures, PowerIsLostAtEveryOperationOfRecovery) {
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE(testing::Message() << "operation " << n);
    SimulatedDisk disk(n);
    disk.power_off_at(40 + n % 60);
    const Outcome outcome = run_script(disk, 1);
    disk.power_off();
    disk.power_on();
    disk.power_off_at(n);
    {
      auto interrupted = recover_from(disk);
      if (interrupted) DurableWorld goes_on(disk, 1, std::move(*interrupted));
    }
    const bool lost = !disk.is_on();
    disk.power_off();
    disk.power_on();
    expect_recovers(disk, outcome);
    if (HasFailure() || !lost) break;
  }
}

TEST(RecoveryFailures, EveryOperationFailsOnce) {
  using Operation = SimulatedDisk::Operation;
  for (const Operation kind :
       {Operation::open, Operation::read, Operation::write, Operation::allocate, Operation::truncate,
        Operation::sync, Operation::rename, Operation::remove, Operation::list, Operation::sync_directory}) {
    for (std::uint64_t n = 1;; ++n) {
      SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(kind) << ", operation " << n);
      SimulatedDisk disk(n);
      disk.fail(kind, n, EIO);
      const Outcome outcome = run_script(disk, 1);
      const bool reached = disk.asked(kind) >= n;
      disk.heal();
      disk.kill();
      expect_recovers(disk, outcome);
      if (HasFailure()) return;
      if (!reached) break;
    }
  }
}

}  // namespace
}  // namespace gyre::test
