#include "perf/bench/handshake.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"

namespace gyre::perf {

namespace {

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

Result<Target, std::string> parse_target(const std::string& url, const std::string& unix_directory) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), &complaint), &PQconninfoFree);
  if (options == nullptr) {
    std::string problem = complaint == nullptr ? "out of memory" : complaint;
    PQfreemem(complaint);
    while (problem.ends_with('\n')) problem.pop_back();
    return Unexpected{std::move(problem)};
  }
  Target target;
  target.parameters = {{"user", "materialize"}, {"dbname", "materialize"}, {"application_name", "gyre-bench"}};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr) target.parameters[option->keyword] = option->val;
  if (!unix_directory.empty()) target.parameters["host"] = unix_directory;
  target.parameters["sslmode"] = "disable";
  target.parameters["gssencmode"] = "disable";
  return target;
}

namespace {

// The connection's descriptor as one of ours. What libpq keeps is turned to nowhere first, so that the good-bye
// which it sends on closing does not end the conversation.
int take_descriptor(PGconn* connection) {
  const int theirs = PQsocket(connection);
  const int fd = ::fcntl(theirs, F_DUPFD_CLOEXEC, 0);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nowhere >= 0) {
    ::dup2(nowhere, theirs);
    ::close(nowhere);
  }
  if (fd >= 0) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
}

}  // namespace

Result<Handshake, std::string> Handshake::open(const Target& target) {
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : target.parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
      PQconnectdbParams(keywords.data(), values.data(), 0), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    std::string problem = PQerrorMessage(connection.get());
    while (problem.ends_with('\n')) problem.pop_back();
    return Unexpected{std::move(problem)};
  }
  const int fd = take_descriptor(connection.get());
  if (fd < 0) return Unexpected<std::string>{std::strerror(errno)};
  return Handshake(fd);
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
