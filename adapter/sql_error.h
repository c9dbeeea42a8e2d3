// An error on its way to the client: what ErrorResponse carries. Thrown by the binder, the planner and the
// session.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include "pgwire/sql_state.h"

namespace gyre::adapter {

class SqlError : public std::exception {
 public:
  // state: a literal such as "42P01", or a name of pgwire::sql_state.
  // at: byte offset into the statement's text, -1 for none.
  SqlError(pgwire::SqlState state, std::string text, int at = -1)
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

  pgwire::SqlState sql_state;
  std::string message;
  int location;
  int character = 0;  // 1-based position in characters, where that is what is known instead
  std::string detail;
  std::string hint;
  const char* routine = "";  // where PostgreSQL raises it, for the few errors that drivers know by that
};

// An exception of a statement with the line that says where the statement was: what PostgreSQL calls the
// context.
class ErrorInContext : public std::exception {
 public:
  ErrorInContext(std::exception_ptr error, std::string line)
      : cause(std::move(error)), context(std::move(line)) {}
  const char* what() const noexcept override { return context.c_str(); }

  std::exception_ptr cause;
  std::string context;
};

// max_query_result_size
SqlError result_too_large(std::uint64_t limit);

}  // namespace gyre::adapter
