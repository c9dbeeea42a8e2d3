#include "adapter/connection.h"

namespace gyre::adapter {

Connection::Connection(SessionCore& core, ConnectionOwner& owner, SessionId id, std::uint32_t secret,
                       Entrance entrance, Peer peer)
    : core_(core), owner_(owner), peer_(std::move(peer)), session_(core, *this, id, secret, entrance) {}

void Connection::start(int fd) {
  started_ = true;
  core_.loop.backend().start(*this, fd);
  core_.loop.arm_timer_after_us(*this, core_.login_timeout_us);
}

void Connection::abort() {
  session_.on_peer_gone();
  core_.loop.backend().close(*this);
}

void Connection::on_data(std::span<const char> bytes) {
  if (input_ != Input::clear) [[unlikely]]
    return on_unusual_data(bytes);
  session_.receive(bytes);
}

void Connection::on_unusual_data(std::span<const char> bytes) {
  if (input_ == Input::fresh) {
    input_ = Input::clear;
    if (bytes.empty() || bytes.front() != pgwire::kTlsHandshakeByte) return session_.receive(bytes);
    if (core_.access->tls == nullptr) return abort();
    begin_encryption(pgwire::TlsEngine::Start::direct);
    session_.on_direct_encryption();
  }
  if (tls_->state() != pgwire::TlsEngine::State::handshake) return decrypt(bytes);
  if (handshake_input_.size() + bytes.size() > kMostHandshakeInput) return abort();
  handshake_input_.append(bytes.data(), bytes.size());
  core_.loop.post(handshake_);
}

// ---- encryption ----

void Connection::begin_encryption() {
  begin_encryption(pgwire::TlsEngine::Start::requested);
}

void Connection::begin_encryption(pgwire::TlsEngine::Start start) {
  tls_ = std::make_unique<pgwire::TlsEngine>(*core_.access->tls, start);
  peer_.end_point = core_.access->tls->end_point();
  input_ = Input::encrypted;
  // The last bytes in clear: the answer to the SSLRequest.
  tls_->output().append(session_.output().view());
  session_.output().clear();
  on_output();
}

void Connection::shake_hands() {
  if (closing() || released_) return;
  OutBuffer input;
  input.swap(handshake_input_);
  decrypt({input.data(), input.size()});
}

void Connection::decrypt(std::span<const char> bytes) {
  using State = pgwire::TlsEngine::State;
  tls_->feed(bytes, *this);
  if (tls_->state() == State::open && !peer_.encrypted) learn_of_peer();
  if (tls_->state() == State::failed || tls_->state() == State::closed) {
    if (!peer_.encrypted) ++core_.metrics.tls_failures;
    session_.on_peer_gone();  // the alert is sent, then it ends
  } else if (tls_->output().size() > kMostUnaskedOutput) {
    return abort();
  }
  if (!tls_->output().empty() || session_.finished()) on_output();
}

bool Connection::on_clear(std::span<const char> bytes) {
  if (!peer_.encrypted) learn_of_peer();
  session_.receive(bytes);
  return !session_.finished();
}

void Connection::learn_of_peer() {
  ++core_.metrics.tls_handshakes;
  peer_.encrypted = true;
  if (auto name = tls_->client_name()) {
    peer_.certificate = true;
    peer_.certificate_name = std::move(*name);
  }
}

reactor::Flushable::Outcome Connection::flush_encrypted() {
  OutBuffer& clear = session_.output();
  tls_->write(clear.view());
  clear.clear();
  clear.release_above(kKeptBuffer);
  if (session_.finished()) tls_->close();
  if (tls_->output().empty()) {
    if (session_.finished()) core_.loop.backend().close(*this);
    return Outcome::flushed;
  }
  sending_.swap(tls_->output());
  if (core_.loop.backend().send(*this, sending_.data(), sending_.size()) == reactor::SendStatus::done) sent();
  if (session_.finished()) core_.loop.backend().close_when_sent(*this);
  return Outcome::flushed;
}

// ---- output ----

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
  if (tls_ != nullptr) [[unlikely]]
    return flush_encrypted();
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
  if (!session_.output().empty() || session_.finished() || (tls_ != nullptr && !tls_->output().empty()))
    on_output();
}

void Connection::on_released() {
  released_ = true;
  core_.loop.cancel_timer(*this);
  end_if_over();
}

void Connection::on_logged_in() {
  core_.loop.cancel_timer(*this);
  owner_.on_logged_in(*this);
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
