// Which message may come now, and what becomes of those behind an error. Pure: it sees message types and
// events, never bytes.
//
//     AwaitingStartup ─► Authenticating ─► Ready ◄────────── Sync, Query, FunctionCall
//                                            │ Parse Bind Describe Execute Close Flush
//                                            ▼
//                                       ExtendedBatch ──error──► SkippingUntilSync ──Sync──► Ready
//     CopyIn is entered from a Query or an Execute and returns to where it came from.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "pgwire/diagnostic.h"

namespace gyre::pgwire {

struct AwaitingStartup {};
struct Authenticating {};
struct Ready {};          // between simple statements, or running one
struct ExtendedBatch {};  // after the first extended message, before its Sync
struct SkippingUntilSync {};
enum class CopyOrigin : std::uint8_t { simple_query, extended_execute };
struct CopyIn {
  CopyOrigin origin = CopyOrigin::simple_query;
};
struct Closed {};

enum class Verdict : std::uint8_t {
  process,  // hand the message to its handler
  skip,     // drop it in silence
  fatal,    // answer `error` and close
};

// What must follow an ErrorResponse (severity ERROR) that was just sent.
enum class AfterError : std::uint8_t { ready_for_query, skip_until_sync, close };

class ProtocolState {
 public:
  using State =
      std::variant<AwaitingStartup, Authenticating, Ready, ExtendedBatch, SkippingUntilSync, CopyIn, Closed>;

  // Judges a message by its type and moves on to the state in which it is handled. For Verdict::fatal, see
  // fatal_error(). A processed Query, Sync or FunctionCall is owed a ReadyForQuery by its handler.
  Verdict on_message(char type) {
    if (type == 'Q' && ready()) return Verdict::process;  // the most frequent case changes nothing
    return judge(type);
  }

  // The reason of the last Verdict::fatal for a message of this type.
  ProtocolError fatal_error(char type) const;

  void on_startup();        // a StartupMessage was accepted: passwords may come
  void on_authenticated();  // AuthenticationOk and the first ReadyForQuery were sent
  void on_copy_in();        // CopyInResponse was sent
  void on_copy_finished();  // the COPY ended well (after CopyDone was processed)
  AfterError on_error();    // an ErrorResponse was sent
  void on_close();

  bool ready() const { return std::holds_alternative<Ready>(state_); }
  bool in_extended_batch() const { return std::holds_alternative<ExtendedBatch>(state_); }
  bool skipping() const { return std::holds_alternative<SkippingUntilSync>(state_); }
  bool in_copy() const { return std::holds_alternative<CopyIn>(state_); }
  bool closed() const { return std::holds_alternative<Closed>(state_); }
  const State& state() const { return state_; }

 private:
  Verdict judge(char type);

  State state_;
};

}  // namespace gyre::pgwire
