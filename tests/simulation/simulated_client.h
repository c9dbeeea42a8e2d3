// One client of a simulated server: a state machine that says a statement, waits for its answer through
// however many pieces that comes in, and says the next. It is slow, or dies in the middle, as the dice fall.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "reactor/simulated_backend.h"

namespace gyre::simulation {

struct Answer {
  bool lost = false;     // the connection ended before the answer
  std::string sqlstate;  // of the first error; empty: none
  std::string tag;       // of the last command
  std::vector<std::vector<std::optional<std::string>>> rows;
  char status = 'I';  // of the transaction, from ReadyForQuery
};

class SimulatedClient {
 public:
  explicit SimulatedClient(std::uint64_t seed) : random_(seed) {}

  // Starts a session on a fresh connection; its answer is the first.
  void connect(reactor::SimulatedPeer& peer);
  bool connected() const { return peer_ != nullptr; }
  // By the simple or the extended protocol. Nothing may be under way.
  void ask(const std::string& sql);
  bool waiting() const { return waiting_; }
  // Reads what has come, not always all; the answer, once it is whole.
  std::optional<Answer> look();
  // The connection is reset from this end; what was asked is lost.
  void die();
  // Asks on a connection of its own that what is under way be cancelled.
  void cancel(reactor::SimulatedPeer& messenger) const;
  // FNV of all bytes received, but for the secrets: two runs of one seed must agree on it.
  std::uint64_t transcript() const { return transcript_; }
  std::uint64_t dice(std::uint64_t sides) { return random_() % sides; }

 private:
  bool read_messages();  // whether ReadyForQuery came
  void note(char type, std::string_view body);

  std::mt19937_64 random_;
  reactor::SimulatedPeer* peer_ = nullptr;
  std::string received_;
  Answer answer_;
  bool waiting_ = false;
  std::uint32_t session_ = 0, secret_ = 0;
  std::uint64_t transcript_ = 14695981039346656037u;
};

}  // namespace gyre::simulation
