#include "tests/simulation/simulated_client.h"

#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"

namespace gyre::simulation {

namespace {

constexpr std::uint64_t kSlowness = 5;  // one look in so many takes a few bytes only

std::uint32_t number_at(std::string_view body, std::size_t at, std::size_t size) {
  std::uint32_t number = 0;
  for (; size > 0; --size) number = number << 8 | static_cast<unsigned char>(body[at++]);
  return number;
}

std::vector<std::optional<std::string>> parse_row(std::string_view body) {
  std::vector<std::optional<std::string>> row;
  std::size_t at = 2;
  for (std::uint32_t count = number_at(body, 0, 2); count > 0; --count) {
    const std::uint32_t size = number_at(body, at, 4);
    at += 4;
    if (size == UINT32_MAX) {
      row.emplace_back();
      continue;
    }
    row.emplace_back(body.substr(at, size));
    at += size;
  }
  return row;
}

}  // namespace

void SimulatedClient::connect(reactor::SimulatedPeer& peer) {
  peer_ = &peer;
  received_.clear();
  answer_ = {};
  waiting_ = true;
  OutBuffer out;
  pgwire::client::startup(out, "materialize", "materialize");
  peer_->write({out.data(), out.size()});
}

void SimulatedClient::ask(const std::string& sql) {
  OutBuffer out;
  if (dice(2) == 0) {
    pgwire::client::query(out, sql);
  } else {
    pgwire::client::parse(out, "", sql);
    pgwire::client::bind(out, "", "");
    pgwire::client::execute(out, "");
    pgwire::client::sync(out);
  }
  peer_->write({out.data(), out.size()});
  answer_ = {};
  waiting_ = true;
}

void SimulatedClient::die() {
  peer_->reset();
  peer_ = nullptr;
  waiting_ = false;
}

void SimulatedClient::cancel(reactor::SimulatedPeer& messenger) const {
  OutBuffer out;
  pgwire::client::cancel_request(out, session_, secret_);
  messenger.write({out.data(), out.size()});
}

std::optional<Answer> SimulatedClient::look() {
  if (peer_ == nullptr || !waiting_) return std::nullopt;
  received_ += peer_->read(dice(kSlowness) == 0 ? 1 + dice(16) : SIZE_MAX);
  const bool whole = read_messages();
  if (!whole && !peer_->closed_by_server() && !peer_->was_reset) return std::nullopt;
  if (!whole) {
    if (!peer_->to_peer.empty()) return std::nullopt;
    answer_.lost = true;
    peer_ = nullptr;
  }
  waiting_ = false;
  return std::move(answer_);
}

bool SimulatedClient::read_messages() {
  std::span<const char> bytes(received_.data(), received_.size());
  bool ready = false;
  while (!ready) {
    const pgwire::FrameResult result = pgwire::client::next_backend_message(bytes);
    if (result.status != pgwire::FrameStatus::complete) break;
    note(result.frame.type, result.frame.body);
    ready = result.frame.type == 'Z';
  }
  received_.erase(0, received_.size() - bytes.size());
  return ready;
}

void SimulatedClient::note(char type, std::string_view body) {
  if (type != 'K')
    for (const char c : body) transcript_ = (transcript_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  if (type == 'K') {
    session_ = number_at(body, 0, 4);
    secret_ = number_at(body, 4, 4);
  }
  if (type == 'D') answer_.rows.push_back(parse_row(body));
  if (type == 'C') answer_.tag = body.substr(0, body.size() - 1);
  if (type == 'Z') answer_.status = body[0];
  if (type == 'E' && answer_.sqlstate.empty()) {
    pgwire::client::ErrorFields fields;
    pgwire::client::parse_error_fields(body, fields);
    answer_.sqlstate = fields.code;
  }
}

}  // namespace gyre::simulation
