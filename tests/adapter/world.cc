#include "tests/adapter/world.h"

#include <cstdlib>

#include "pgwire/client_reader.h"

namespace gyre::test {

using adapter::CoordinatorCall;
using adapter::SessionId;

std::uint64_t test_seed() {
  const char* given = std::getenv("GYRE_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// ---- Client ----

Client::Client(World& place, adapter::SessionCore& core, SessionId id)
    : world(place), session(core, *this, id, 7, adapter::Entrance::external) {}

void Client::query(std::string_view text) {
  OutBuffer out;
  pgwire::client::query(out, text);
  say(out);
}

namespace {

std::string data_row(std::string_view body) {
  std::string shown = "D(";
  const std::size_t count = static_cast<unsigned char>(body[0]) * 256u + static_cast<unsigned char>(body[1]);
  std::size_t at = 2;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) shown += ',';
    const std::uint32_t length = pgwire::detail::load_u32(body.data() + at);
    at += 4;
    if (length == UINT32_MAX) {
      shown += "null";
      continue;
    }
    shown += body.substr(at, length);
    at += length;
  }
  return shown + ')';
}

std::string shown(const pgwire::Frame& frame) {
  pgwire::client::ErrorFields fields;
  switch (frame.type) {
    case 'D':
      return data_row(frame.body);
    case 'C':
      return "C(" + std::string(frame.body.substr(0, frame.body.size() - 1)) + ')';
    case 'Z':
      return std::string("Z(") + frame.body[0] + ')';
    case 'E':
    case 'N':
      pgwire::client::parse_error_fields(frame.body, fields);
      return std::string(1, frame.type) + '(' + fields.code + ')';
    default:
      return std::string(1, frame.type);
  }
}

}  // namespace

std::string Client::heard() {
  std::string all;
  std::span<const char> bytes(received_.data(), received_.size());
  for (;;) {
    const pgwire::FrameResult result = pgwire::client::next_backend_message(bytes);
    if (result.status != pgwire::FrameStatus::complete) break;
    if (!all.empty()) all += ' ';
    all += shown(result.frame);
  }
  received_.clear();
  return all;
}

std::string Client::ask(std::string_view text) {
  query(text);
  world.settle();
  return heard();
}

// ---- World ----

class World::Services final : public adapter::SessionServices {
 public:
  explicit Services(World& world) : world_(world) {}
  void submit(CoordinatorCall& call) override { world_.calls_.push_back(&call); }
  void cancel_wait(std::uint32_t backend, std::uint32_t sequence) override {
    world_.coordinator_->cancel_wait(backend, sequence);
  }
  void cancel(SessionId session, std::uint32_t secret) override {
    for (const auto& client : world_.clients)
      if (client->session.id() == session && client->session.secret() == secret)
        client->session.request_cancel();
  }
  adapter::Admission admit(const adapter::Role&) override { return adapter::Admission::admitted; }
  void dismiss(adapter::RoleId) override {}
  void survey(adapter::SessionSurvey& survey) override {
    survey.parts.resize(1);
    for (const auto& client : world_.clients)
      if (survey.wants(client->session.id().value) && client->session.authenticated())
        client->session.describe({}, survey.parts.front().emplace_back());
    survey.gather();
    world_.coordinator_->complete(survey.rows);
    survey.answered.set();
  }
  void signal(SessionId session, adapter::SessionSignal signal) override {
    for (const auto& client : world_.clients)
      if (client->session.id() == session) client->session.signal(signal);
  }

 private:
  World& world_;
};

World::World(std::uint64_t seed, std::size_t shards, adapter::InitialState initial)
    : random_(seed),
      loop_(std::make_unique<reactor::SimulatedBackend>(seed)),
      holds_(shards + 1),
      oracle_(clock_, initial.timestamp) {
  coordinator_ =
      std::make_unique<adapter::Coordinator>(oracle_, log_, published_, holds_, shards,
                                             static_cast<adapter::CallReturn&>(*this), std::move(initial));
  for (std::size_t shard = 0; shard < shards; ++shard) {
    services_.push_back(std::make_unique<Services>(*this));
    cores_.push_back(std::make_unique<adapter::SessionCore>(loop_, published_, holds_, shard,
                                                            ShardId(static_cast<std::uint16_t>(shard)),
                                                            *services_.back(), std::size_t{1} << 20));
    cores_.back()->set_wall_offset();
    holds_.wake(shard, published_);
  }
  loop_.set_observer(this);
}

World::~World() {
  clients.clear();
}

void World::on_turn_start() {
  for (std::size_t shard = 0; shard < cores_.size(); ++shard) holds_.announce(shard, published_);
}

Client& World::connect(std::size_t shard) {
  on_turn_start();
  clients.push_back(std::make_unique<Client>(*this, *cores_[shard], SessionId(next_id_++)));
  OutBuffer out;
  pgwire::client::startup(out, "materialize", "materialize");
  clients.back()->say(out);
  settle();
  clients.back()->heard();
  return *clients.back();
}

void World::close(Client& client) {
  client.session.on_peer_gone();
  settle();
  std::erase_if(clients, [&](const auto& each) { return each.get() == &client; });
}

void World::take_output() {
  for (const auto& client : clients) {
    OutBuffer& output = client->session.output();
    if (!client->reads || output.empty()) continue;
    client->received_.append(output.data(), output.size());
    output.clear();
    client->session.on_output_taken();
  }
}

void World::step() {
  on_turn_start();
  const std::uint64_t dice = random_();
  if (log_works && dice % 64 < 16) log_.complete_one();
  if (!calls_.empty() && dice % 4 == 0) {
    coordinator_->submit(*calls_.front());
    calls_.pop_front();
  } else if (!answers_.empty() && dice % 4 == 1) {
    answers_.front()->answered.set();
    answers_.pop_front();
  } else if (dice % 4 == 2) {
    coordinator_->turn();
  } else {
    loop_.turn(0);
  }
  take_output();
}

bool World::quiet() const {
  if (!calls_.empty() || !answers_.empty() || !coordinator_->idle()) return false;
  for (const auto& client : clients)
    if (client->session.busy()) return false;
  return true;
}

// More turns than any statement needs that does not wait for a lock.
constexpr int kPatience = 20'000;

void World::settle() {
  const auto run = [this](int turns) {
    for (int turn = 0; turn < turns && !quiet(); ++turn) step();
  };
  run(kPatience);
  for (int turn = 0; turn < 4; ++turn) {
    loop_.turn(0);
    take_output();
    run(kPatience / 10);
  }
}

void World::run_slices(int turns) {
  for (int turn = 0; turn < turns; ++turn) {
    loop_.turn(0);
    take_output();
  }
}

void World::set_memory_short(bool is_short) {
  for (const auto& core : cores_) core->memory_short = is_short;
}

bool World::nothing_pinned() {
  for (std::size_t shard = 0; shard < cores_.size(); ++shard) holds_.idle(shard);
  const bool nothing = holds_.oldest() == kTimestampMax;
  for (std::size_t shard = 0; shard < cores_.size(); ++shard) holds_.wake(shard, published_);
  return nothing;
}

}  // namespace gyre::test
