#include "adapter/connection.h"

namespace gyre::adapter {

Connection::Connection(SessionCore& core, ConnectionOwner& owner, SessionId id, std::uint32_t secret,
                       Entrance entrance)
    : core_(core), owner_(owner), session_(core, *this, id, secret, entrance) {}

void Connection::start(int fd) {
  started_ = true;
  core_.loop.backend().start(*this, fd);
  core_.loop.arm_timer_after_us(*this, kLoginTimeoutUs);
}

void Connection::abort() {
  session_.on_peer_gone();
  core_.loop.backend().close(*this);
}

void Connection::on_data(std::span<const char> bytes) {
  session_.receive(bytes);
}

void Connection::on_closed(int) {
  session_.on_peer_gone();
  core_.loop.backend().close(*this);
}

void Connection::on_appetite() {
  if (closing() || released_) return;
  const bool wanted = session_.wants_input();
  if (wanted == reading_) return;
  reading_ = wanted;
  if (wanted)
    core_.loop.backend().resume_reading(*this);
  else
    core_.loop.backend().pause_reading(*this);
}

// One send per turn, of all that the turn's statements have said; the session writes on into the other buffer
// meanwhile.
reactor::Flushable::Outcome Connection::flush() {
  if (closing() || released_ || sending()) return Outcome::flushed;
  OutBuffer& output = session_.output();
  if (output.empty()) {
    if (session_.finished()) core_.loop.backend().close(*this);
    return Outcome::flushed;
  }
  sending_.swap(output);
  if (core_.loop.backend().send(*this, sending_.data(), sending_.size()) == reactor::SendStatus::done) sent();
  if (session_.finished()) core_.loop.backend().close_when_sent(*this);
  return Outcome::flushed;
}

void Connection::sent() {
  sending_.clear();
  sending_.release_above(kKeptBuffer);
  session_.on_output_taken();
}

void Connection::on_sent() {
  sent();
  if (!session_.output().empty() || session_.finished()) on_output();
}

void Connection::on_released() {
  released_ = true;
  core_.loop.cancel_timer(*this);
  end_if_over();
}

void Connection::on_idle() {
  end_if_over();
}

void Connection::end_if_over() {
  if (over_ || !released_ || session_.busy()) return;
  over_ = true;
  owner_.on_connection_over(*this);
}

void Connection::on_timer() {
  session_.on_login_timeout();
}

}  // namespace gyre::adapter
