// What a session keeps between its start-up packet and its login, and no longer.
#pragma once

#include <optional>
#include <string>

#include "adapter/access/access_rules.h"
#include "adapter/metrics.h"
#include "pgwire/diagnostic.h"
#include "pgwire/scram.h"
#include "pgwire/startup.h"
#include "reactor/timer.h"

namespace gyre::adapter {

class Session;

class Login final : public reactor::Timer {
 public:
  Login(Session& session, pgwire::StartupMessage start_up)
      : message(std::move(start_up)), session_(session) {}

  const pgwire::StartupMessage message;
  const AccessRule* rule = nullptr;  // lives as long as the server
  // The exchange, while there is one.
  std::optional<pgwire::ScramServer> scram;
  std::string mechanism;  // chosen, and the first message is yet to come; otherwise empty
  bool begun = false;     // the first message has come
  const std::uint64_t started = SpanClock::ticks();
  bool expired = false;   // the log shall say that the password was too old
  // It has failed; the client is told so when the timer fires.
  std::optional<pgwire::Diagnostic> refusal;

 private:
  void on_timer() override;

  Session& session_;
};

}  // namespace gyre::adapter
