#include "perf/bench/handshake.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"

namespace gyre::perf {

namespace {

constexpr std::uint32_t kCleartextPassword = 3;

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string lost_connection() {
  return errno == 0 ? "the server closed the connection"
                    : std::string("connection lost: ") + std::strerror(errno);
}

}  // namespace

Result<Target, std::string> parse_target(std::string_view url, std::string_view unix_directory) {
  const auto complain = [&](const char* what) {
    return Unexpected<std::string>{std::string(url) + ": " + what};
  };
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return complain("wants postgres://user@host:port/database");
  const std::string_view name = url.substr(0, scheme);
  if (name != "postgres" && name != "postgresql") return complain("the scheme is postgres");
  std::string_view rest = url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('?'));
  Target target;
  target.user = "materialize";
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    rest.remove_prefix(at + 1);
    const std::size_t colon = login.find(':');
    target.user = login.substr(0, colon);
    if (colon != std::string_view::npos) target.password = login.substr(colon + 1);
  }
  const std::size_t slash = rest.find('/');
  const std::string_view host = rest.substr(0, slash);
  target.database = slash == std::string_view::npos ? target.user : rest.substr(slash + 1);
  const std::size_t bracket = host.rfind(']');
  const bool has_port =
      host.find(':', bracket == std::string_view::npos ? 0 : bracket) != std::string_view::npos;
  const std::string with_port = has_port ? std::string(host) : std::string(host) + ":5432";
  if (!unix_directory.empty()) {
    const std::string port = with_port.substr(with_port.rfind(':') + 1);
    target.address = reactor::unix_address(std::string(unix_directory) + "/.s.PGSQL." + port);
    return target;
  }
  auto addresses = reactor::parse_address(with_port);
  if (!addresses) return Unexpected{addresses.error()};
  target.address = addresses->front();
  return target;
}

Result<Handshake, std::string> Handshake::open(const Target& target) {
  auto fd = reactor::connect_to(target.address);
  if (!fd) return Unexpected{fd.error()};
  Handshake handshake(*fd);
  reactor::set_nodelay(*fd);
  OutBuffer out;
  pgwire::client::startup(out, target.user, target.database);
  if (!send_all(*fd, out.view())) return Unexpected{lost_connection()};

  pgwire::client::BackendScanner scanner;
  bool answered = false;
  char buffer[4096];
  while (scanner.counts().ready == 0) {
    errno = 0;
    const ssize_t received = ::recv(*fd, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return Unexpected{lost_connection()};
    scanner.scan({buffer, static_cast<std::size_t>(received)});
    if (scanner.counts().errors != 0) return Unexpected{scanner.last_error().message};
    if (scanner.broken()) return Unexpected<std::string>{"the server does not speak PostgreSQL's protocol"};
    if (scanner.authenticated() || scanner.counts().messages == 0 || answered) continue;
    if (scanner.authentication() != kCleartextPassword)
      return Unexpected<std::string>{"the server asks for authentication other than trust or password"};
    out.clear();
    pgwire::client::password(out, target.password);
    if (!send_all(*fd, out.view())) return Unexpected{lost_connection()};
    answered = true;
  }
  return handshake;
}

Handshake::~Handshake() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::uint64_t, std::string> Handshake::exchange(std::string_view messages) {
  if (!send_all(fd_, messages)) return Unexpected{lost_connection()};
  pgwire::client::BackendScanner scanner;
  std::string first_error;
  char buffer[16384];
  while (scanner.counts().ready == 0) {
    errno = 0;
    const ssize_t received = ::recv(fd_, buffer, sizeof buffer, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return Unexpected{first_error.empty() ? lost_connection() : first_error};
    scanner.scan({buffer, static_cast<std::size_t>(received)});
    if (scanner.broken()) return Unexpected<std::string>{"the server sent a malformed message"};
    if (scanner.counts().errors != 0 && first_error.empty())
      first_error = scanner.last_error().code + ": " + scanner.last_error().message;
  }
  if (!first_error.empty()) return Unexpected{first_error};
  return scanner.counts().rows;
}

Result<std::uint64_t, std::string> Handshake::query(std::string_view text) {
  OutBuffer out;
  pgwire::client::query(out, text);
  return exchange(out.view());
}

}  // namespace gyre::perf
