// The conformance test over the oracles there are: the one-lock twin, and the whole way of a commit (group
// commit, published state, holds). Oracles with planted faults must not pass.

#include "tests/oracle/conformance.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "oracle/group_commit.h"
#include "oracle/local_oracle.h"

namespace gyre::oracle {
namespace {

using test::OracleChecker;
using test::OracleClient;

// Jumps about, backwards too.
class ErraticClock final : public Clock {
 public:
  std::uint64_t now_us() override {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return 1'000'000 + (state_ >> 33) % 1000;
  }

 private:
  std::uint64_t state_ = 1;
};

// An oracle with as many clients as asked for, each used by one thread.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual OracleClient client(std::size_t number) = 0;
};

// The slow twin: the four verbs under a lock, a write applied before it is answered.
class OneLock final : public Subject {
 public:
  OracleClient client(std::size_t) override {
    return {[this] {
              const std::lock_guard guard(lock_);
              return oracle_.read_ts();
            },
            [this] {
              const std::lock_guard guard(lock_);
              const Timestamp timestamp = oracle_.write_ts();
              oracle_.apply_write(timestamp);
              return timestamp;
            }};
  }

 private:
  std::mutex lock_;
  ErraticClock clock_;
  LocalOracle oracle_{clock_};
};

enum class Planted : std::uint8_t { none, caches_reads };

// A commit's whole way, on a thread of its own: what the server does, with a number in place of the database.
// Readers load the published state and follow its pointer under their hold.
class Pipeline final : public Subject, public CommitSteps {
 public:
  explicit Pipeline(std::size_t clients, Planted planted = Planted::none)
      : planted_(planted), holds_(clients), published_({Timestamp(0), new std::uint64_t(0), nullptr, 0}) {
    commits_ = std::make_unique<GroupCommit>(oracle_, log_, published_, holds_, *this);
    core_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Pipeline() override {
    {
      const std::lock_guard guard(lock_);  // or the core might check just before and sleep just after
      core_.request_stop();
    }
    arrived_signal_.notify_all();
    core_.join();
    delete static_cast<const std::uint64_t*>(published_.load().database);
  }

  OracleClient client(std::size_t number) override {
    return {[this, number, cached = Timestamp(0), uses = 0]() mutable {
              if (planted_ == Planted::caches_reads && uses++ % 4 != 0) return cached;
              const Publication seen = holds_.wake(number, published_);
              const std::uint64_t content = *static_cast<const std::uint64_t*>(seen.database);
              EXPECT_EQ(content, seen.read_ts.value)
                  << "state and timestamp are of different commits, or freed";
              holds_.idle(number);
              return cached = seen.read_ts;
            },
            [this] {
              Write write;
              std::unique_lock guard(lock_);
              arrived_.push_back(&write);
              arrived_signal_.notify_all();
              answered_signal_.wait(guard, [&] { return write.answer.value != 0; });
              return write.answer;
            }};
  }

 private:
  struct Write : Intent {
    Timestamp answer{0};
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      {
        std::unique_lock guard(lock_);
        arrived_signal_.wait(guard, [&] { return !arrived_.empty() || stop.stop_requested(); });
        for (Write* write : arrived_) commits_->submit(write);
        arrived_.clear();
      }
      commits_->turn();
    }
  }

  Outcome order(std::span<Intent* const>, Writes) override { return Outcome::write; }
  void encode(Timestamp, OutBuffer& record) override { record.append("record"); }
  void seal(Timestamp) override {}
  Publication apply(Timestamp timestamp, RetireList& retired) override {
    const Publication current = published_.load();
    retired.retire(timestamp, static_cast<const std::uint64_t*>(current.database));
    return {timestamp, new std::uint64_t(timestamp.value), nullptr, 0};
  }
  void answer(std::span<Intent* const> batch, Timestamp timestamp) override {
    const std::lock_guard guard(lock_);
    for (Intent* intent : batch) static_cast<Write*>(intent)->answer = timestamp;
    answered_signal_.notify_all();
  }
  void drop_sealed(std::size_t) override {}
  void disclaim(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void give_up(std::size_t, std::span<Intent* const>) override { ADD_FAILURE(); }
  void refuse(std::size_t, std::span<Intent* const>, Refusal) override { ADD_FAILURE(); }

  Planted planted_;
  ErraticClock clock_;
  LocalOracle oracle_{clock_};
  MemoryCommitLog log_;
  ReadHolds holds_;
  PublishedState published_;
  std::unique_ptr<GroupCommit> commits_;
  std::mutex lock_;
  std::condition_variable arrived_signal_;
  std::condition_variable answered_signal_;
  std::vector<Write*> arrived_;
  std::jthread core_;
};

void exercise(Subject& subject, OracleChecker& checker, std::size_t threads, int calls) {
  std::vector<std::jthread> clients;
  for (std::size_t number = 0; number < threads; ++number)
    clients.emplace_back([&, number] {
      const OracleClient client = subject.client(number);
      for (int i = 0; i < calls; ++i) {
        if ((static_cast<std::size_t>(i) + number) % 3 == 0) checker.write(client);
        checker.read(client);
      }
    });
}

TEST(OracleConformance, OneLockTwin) {
  OneLock subject;
  OracleChecker checker;
  exercise(subject, checker, 4, 2000);
  EXPECT_EQ(checker.faults(), 0U) << checker.first_fault();
}

TEST(OracleConformance, GroupCommitAndPublishedState) {
  Pipeline subject(4);
  OracleChecker checker;
  exercise(subject, checker, 4, 1500);
  EXPECT_EQ(checker.faults(), 0U) << checker.first_fault();
}

TEST(OracleConformance, CachedReadsAreCaught) {
  Pipeline subject(1, Planted::caches_reads);
  OracleChecker checker;
  exercise(subject, checker, 1, 30);
  EXPECT_GT(checker.faults(), 0U);
}

TEST(OracleConformance, AnsweringBeforePublishingIsCaught) {
  class AnswersEarly final : public Subject {
   public:
    OracleClient client(std::size_t) override {
      return {[this] { return published_.load().read_ts; },
              [this] {
                if (pending_.value != 0) published_.publish({pending_, nullptr, nullptr, 0});
                return pending_ = oracle_.write_ts();  // published only with the next write
              }};
    }

   private:
    ErraticClock clock_;
    LocalOracle oracle_{clock_};
    PublishedState published_;
    Timestamp pending_{0};
  };
  AnswersEarly subject;
  OracleChecker checker;
  exercise(subject, checker, 1, 30);
  EXPECT_GT(checker.faults(), 0U);
}

}  // namespace
}  // namespace gyre::oracle
