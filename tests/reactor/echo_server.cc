#include "tests/reactor/echo_server.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/socket.h"

namespace gyre::test {

using reactor::SendStatus;

void EchoConnection::on_data(std::span<const char> bytes) {
  GYRE_CHECK(!closing() && !peer_done_ && !told_error_);
  server_.note(id_ * 1000003 + bytes.size());
  server_.received_bytes += bytes.size();
  pending_.append(bytes.data(), bytes.size());
  server_.largest_held = std::max(server_.largest_held, held());
  server_.loop.mark_dirty(*this);
  if (!paused_ && held() > EchoServer::kHighWater) {
    paused_ = true;
    server_.loop.backend().pause_reading(*this);
  }
}

reactor::Flushable::Outcome EchoConnection::flush() {
  if (closing() || told_error_ || sending() || pending_.empty()) return Outcome::flushed;
  sending_bytes_ = std::exchange(pending_, {});
  const SendStatus status = server_.loop.backend().send(*this, sending_bytes_.data(), sending_bytes_.size());
  if (status == SendStatus::done) sent();
  return Outcome::flushed;
}

void EchoConnection::on_sent() {
  GYRE_CHECK(!closing() && !told_error_);
  server_.note(id_ * 31 + 7);
  sent();
}

void EchoConnection::sent() {
  // Overwritten before it is freed: a backend that still reads from it would send garbage.
  std::fill(sending_bytes_.begin(), sending_bytes_.end(), '!');
  sending_bytes_.clear();
  if (!pending_.empty()) server_.loop.mark_dirty(*this);
  if (peer_done_ && pending_.empty()) server_.loop.backend().close(*this);
  if (paused_ && !closing() && held() < EchoServer::kLowWater) {
    paused_ = false;
    server_.loop.backend().resume_reading(*this);
  }
}

void EchoConnection::on_closed(int error) {
  GYRE_CHECK(!closing() && !told_error_ && !(error == 0 && peer_done_));
  server_.note(id_ * 17 + static_cast<std::uint64_t>(error));
  if (error != 0) {
    told_error_ = true;
    ++server_.failed;
    server_.loop.backend().close(*this);
    return;
  }
  ++server_.ended;
  peer_done_ = true;
  if (held() == 0) server_.loop.backend().close(*this);
}

void EchoConnection::on_released() {
  server_.note(id_ * 13 + 5);
  ++server_.released;
  server_.connections.erase(id_);  // frees this
}

void EchoConnection::hang_up(bool when_sent) {
  if (when_sent) {
    server_.loop.backend().close_when_sent(*this);
  } else {
    server_.loop.backend().close(*this);
  }
}

void EchoServer::on_accept(int fd) {
  const std::uint64_t id = accepted++;
  note(id);
  reactor::set_nodelay(fd);
  auto connection = std::make_unique<EchoConnection>(*this, id);
  loop.backend().start(*connection, fd);
  connections[id] = std::move(connection);
}

void EchoServer::on_accept_refused(int fd) {
  ++refused;
  [[maybe_unused]] const ssize_t written = ::write(fd, "no room", 7);
}

}  // namespace gyre::test
