// An error on its way to the client: what ErrorResponse carries. Thrown by the binder, the planner and the
// session.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace gyre::adapter {

class SqlError : public std::exception {
 public:
  // sql_state: five characters, static storage (pgwire/sql_state.h names them).
  // location: byte offset into the statement's text, -1 for none.
  SqlError(const char* state, std::string text, int at = -1)
      : sql_state(state), message(std::move(text)), location(at) {}

  SqlError&& with_detail(std::string text) && {
    detail = std::move(text);
    return std::move(*this);
  }
  SqlError&& with_hint(std::string text) && {
    hint = std::move(text);
    return std::move(*this);
  }
  const char* what() const noexcept override { return message.c_str(); }

  const char* sql_state;
  std::string message;
  int location;
  std::string detail;
  std::string hint;
};

}  // namespace gyre::adapter
