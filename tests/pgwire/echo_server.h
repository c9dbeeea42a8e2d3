// A database server reduced to its protocol: it answers every statement with the statement's own words. It
// joins the parts of pgwire as a real session does, so that conversations can be tested from bytes to bytes.
//
//     ""          EmptyQueryResponse            "error ..."  ERROR 42601 with every field set
//     "begin"     a transaction block begins    "commit"     it ends
//     "copy"      CopyInResponse; the answer is the number of bytes
//     otherwise   rows of the statement's text (with the values bound to it) and a NULL: one row for a Query,
//                 three for an Execute
//
// User "carol" has to say the password "secret".
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pgwire/backend_messages.h"
#include "pgwire/framer.h"
#include "pgwire/frontend_messages.h"
#include "pgwire/protocol_state.h"
#include "pgwire/startup.h"

namespace gyre::test {

class EchoServer {
 public:
  // Takes what arrived; answers gather in out().
  void receive(std::span<const char> bytes);

  OutBuffer& out() { return out_; }
  bool closed() const { return state_.closed(); }
  // What happened beside the bytes: "closed", "cancel 7 9".
  const std::vector<std::string>& events() const { return events_; }
  void clear_events() { events_.clear(); }

 private:
  struct Portal {
    std::string text;
    std::vector<std::string> values;  // "NULL" for NULL
    std::size_t rows_sent = 0;
  };

  void on_frame(const pgwire::Frame& frame);
  void on_startup_packet(std::string_view body);
  void on_password(std::string_view body);
  void handle(const pgwire::Frame& frame);
  void on_query(const pgwire::Query& query);
  void on_parse(const pgwire::Parse& parse);
  void on_bind(const pgwire::Bind& bind);
  void on_describe(const pgwire::Describe& describe);
  void on_execute(const pgwire::Execute& execute);
  void on_close(const pgwire::Close& close);
  void on_copy_frame(const pgwire::Frame& frame);

  void log_in();
  bool run(std::string_view text);  // statements without rows; false: the text is to be echoed
  void error(pgwire::SqlState code, std::string message);
  void error(const pgwire::Diagnostic& diagnostic);
  void fatal(const pgwire::ProtocolError& error);
  void close();
  void ready() { ready_for_query(out_, status_); }

  pgwire::InputAssembler input_;
  pgwire::StartupMachine startup_;
  pgwire::ProtocolState state_;
  OutBuffer out_;
  std::vector<std::string> events_;
  pgwire::TransactionStatus status_ = pgwire::TransactionStatus::idle;
  std::map<std::string, std::string, std::less<>> statements_;
  std::map<std::string, Portal, std::less<>> portals_;
  bool copy_by_execute_ = false;
  std::size_t copied_bytes_ = 0;
};

}  // namespace gyre::test
