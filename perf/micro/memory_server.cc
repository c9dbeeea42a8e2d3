#include "perf/micro/memory_server.h"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>

#include "adapter/coordinator/coordinator.h"
#include "adapter/durability/durable_store.h"
#include "adapter/session/session.h"
#include "oracle/local_oracle.h"
#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"
#include "reactor/epoll_backend.h"
#include "reactor/simulated_disk.h"

namespace gyre::perf {

namespace {
constexpr std::size_t kPlanBytes = 32 * 1024 * 1024;
constexpr std::uint64_t kTurnNs = 1'000'000;
constexpr std::uint64_t kSegmentSize = 4 * 1024 * 1024;
// Longer than any statement takes, so that where it is cut does not depend on the machine.
constexpr std::uint32_t kSliceUs = 1'000'000'000;

std::unique_ptr<adapter::DurableStore> open_store(reactor::Disk& disk) {
  spdlog::set_level(spdlog::level::warn);
  adapter::StoreOptions options;
  options.directory = "/data";
  options.log_segment_size = kSegmentSize;
  options.log_through = reactor::WriteThrough::none;
  auto opened = adapter::DurableStore::open(disk, options);
  if (opened) return std::move(*opened);
  std::fprintf(stderr, "%s\n", opened.error().message.c_str());
  std::exit(1);
}
}  // namespace

class MemoryServer::Parts final : public adapter::SessionServices,
                                  public adapter::SessionHost,
                                  public adapter::CallReturn,
                                  public reactor::LoopObserver {
 public:
  explicit Parts(Entrance entrance)
      : loop(reactor::make_epoll_backend()),
        store(open_store(disk)),
        initial(store->take_state()),
        oracle(clock, initial.timestamp),
        coordinator(oracle, store->log(), published, holds, 1, *this, std::move(initial)),
        core(loop, published, holds, 0, ShardId(0), *this, kPlanBytes),
        session(core, *this, adapter::SessionId(256), 1,
                entrance == Entrance::internal ? adapter::Entrance::internal : adapter::Entrance::external) {
    core.span_clock = adapter::SpanClock::calibrate();
    core.slice_us = kSliceUs;
    core.set_wall_offset();
    loop.set_observer(this);
    holds.wake(0, published);
    OutBuffer startup;
    pgwire::client::startup(startup, entrance == Entrance::internal ? "mz_system" : "materialize",
                            "materialize");
    session.receive({startup.data(), startup.size()});
    settle();
    take();
  }
  ~Parts() override { session.on_peer_gone(); }

  // Turns until nothing is under way.
  void settle() {
    do {
      do {
        while (coordinator.turn()) {
        }
        store->log().step(loop.now_us());
      } while (store->log().deliver() != 0);
      loop.turn(loop.clock_ns() + kTurnNs);
    } while (session.busy());
  }
  std::size_t take() {
    taken.clear();
    taken.swap(session.output());
    session.on_output_taken();
    return taken.size();
  }

  // SessionServices
  void submit(adapter::CoordinatorCall& call) override { coordinator.submit(call); }
  void cancel_wait(std::uint32_t, std::uint32_t) override {}
  void cancel(adapter::SessionId, std::uint32_t) override {}
  adapter::Admission admit(const adapter::Role&) override { return adapter::Admission::admitted; }
  void dismiss(adapter::RoleId) override {}
  // SessionHost
  void on_output() override {}
  void on_appetite() override {}
  void on_idle() override {}
  // CallReturn
  void give_back(adapter::CoordinatorCall& call) override { call.answered.set(); }
  // LoopObserver
  void on_turn_start() override { holds.announce(0, published); }

  reactor::Loop loop;
  oracle::SystemClock clock;
  reactor::SimulatedDisk disk{1};
  std::unique_ptr<adapter::DurableStore> store;
  adapter::InitialState initial;  // until the coordinator has it
  oracle::LocalOracle oracle;
  oracle::PublishedState published;
  oracle::ReadHolds holds{2};
  adapter::Coordinator coordinator;
  adapter::SessionCore core;
  adapter::Session session;
  OutBuffer taken;
};

MemoryServer::MemoryServer(Entrance entrance) : parts_(std::make_unique<Parts>(entrance)) {}

MemoryServer::~MemoryServer() = default;

std::string_view MemoryServer::exchange(std::string_view messages) {
  parts_->session.receive({messages.data(), messages.size()});
  parts_->settle();
  parts_->take();
  return parts_->taken.view();
}

std::size_t MemoryServer::exchange_at_once(std::string_view messages) {
  parts_->session.receive({messages.data(), messages.size()});
  if (parts_->session.busy()) parts_->settle();
  return parts_->take();
}

void MemoryServer::exchange_well(std::string_view messages) {
  pgwire::client::BackendScanner scanner;
  const std::string_view answer = exchange(messages);
  scanner.scan({answer.data(), answer.size()});
  if (scanner.counts().ready == 1 && scanner.counts().errors == 0) return;
  std::fprintf(stderr, "%s\n", scanner.last_error().message.c_str());
  std::exit(1);
}

void MemoryServer::query(std::string_view text) {
  exchange_well(query_message(text));
}

// As many are known as there is room for, and all were slower than anything will be.
void MemoryServer::notice_nothing_slow() {
  adapter::SlowStatements& slow = parts_->core.slow;
  for (std::size_t i = 0; i < adapter::SlowStatements::kMost; ++i)
    slow.note(i, std::to_string(i), UINT64_MAX, parts_->loop.now_us());
}

std::string query_message(std::string_view text) {
  OutBuffer out;
  pgwire::client::query(out, text);
  return std::string(out.view());
}

std::string copy_messages(std::string_view text, std::string_view rows) {
  OutBuffer out;
  pgwire::client::query(out, text);
  pgwire::client::copy_data(out, rows);
  pgwire::client::copy_done(out);
  return std::string(out.view());
}

}  // namespace gyre::perf
