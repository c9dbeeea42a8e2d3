// One overload of `step` per state says what each message does there; on_message() is only the dispatch. The
// rules are those of the manual's chapter "Message Flow", and where it is silent, what PostgreSQL 15 does:
//   - copy messages outside a COPY are dropped in silence, for a client may still be sending when its COPY
//   has failed;
//   - Flush and Sync within COPY are dropped too, for libraries send them before they know that a COPY began;
//   - a Query within an extended batch is served and ends the batch;
//   - an unknown type is fatal even while skipping, for then the stream itself cannot be trusted.
#include "pgwire/protocol_state.h"

#include <string>

namespace gyre::pgwire {

namespace {

using State = ProtocolState::State;

struct Step {
  Verdict verdict;
  State next;
};

enum class MessageClass : std::uint8_t { simple, extended, sync, copy, terminate, other };

MessageClass class_of(char type) {
  switch (type) {
    case 'Q':
    case 'F':
      return MessageClass::simple;
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
    case 'H':
      return MessageClass::extended;
    case 'S':
      return MessageClass::sync;
    case 'd':
    case 'c':
    case 'f':
      return MessageClass::copy;
    case 'X':
      return MessageClass::terminate;
    default:
      return MessageClass::other;
  }
}

Step step(AwaitingStartup state, char type) {
  if (type == 0) return {Verdict::process, state};
  return {Verdict::fatal, state};
}

Step step(Authenticating state, char type) {
  if (type == 'p') return {Verdict::process, state};
  if (type == 'X') return {Verdict::process, Closed{}};
  return {Verdict::fatal, state};
}

// Ready and ExtendedBatch take the same messages.
Step step_in_session(State state, char type) {
  switch (class_of(type)) {
    case MessageClass::simple:
    case MessageClass::sync:
      return {Verdict::process, Ready{}};
    case MessageClass::extended:
      return {Verdict::process, ExtendedBatch{}};
    case MessageClass::copy:
      return {Verdict::skip, state};
    case MessageClass::terminate:
      return {Verdict::process, Closed{}};
    case MessageClass::other:
      break;
  }
  return {Verdict::fatal, state};
}

Step step(Ready state, char type) {
  return step_in_session(state, type);
}

Step step(ExtendedBatch state, char type) {
  return step_in_session(state, type);
}

Step step(SkippingUntilSync state, char type) {
  switch (class_of(type)) {
    case MessageClass::sync:
      return {Verdict::process, Ready{}};
    case MessageClass::terminate:
      return {Verdict::process, Closed{}};
    case MessageClass::other:
      return {Verdict::fatal, state};
    default:
      return {Verdict::skip, state};
  }
}

Step step(CopyIn state, char type) {
  switch (class_of(type)) {
    case MessageClass::copy:
      return {Verdict::process, state};
    case MessageClass::terminate:
      return {Verdict::process, Closed{}};
    default:
      return {type == 'H' || type == 'S' ? Verdict::skip : Verdict::fatal, state};
  }
}

Step step(Closed state, char) {
  return {Verdict::skip, state};
}

std::string two_hex_digits(char type) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(type);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

Verdict ProtocolState::judge(char type) {
  const Step taken = std::visit([type](auto state) { return step(state, type); }, state_);
  state_ = taken.next;
  return taken.verdict;
}

ProtocolError ProtocolState::fatal_error(char type) const {
  ProtocolError error;
  error.severity = Severity::fatal;
  const std::string number = std::to_string(static_cast<unsigned char>(type));
  if (std::holds_alternative<Authenticating>(state_))
    error.message = "expected password response, got message type " + number;
  else if (in_copy() && class_of(type) != MessageClass::other)
    error.message = "unexpected message type 0x" + two_hex_digits(type) + " during COPY from stdin";
  else
    error.message = "invalid frontend message type " + number;
  return error;
}

void ProtocolState::on_startup() {
  state_ = Authenticating{};
}

void ProtocolState::on_authenticated() {
  state_ = Ready{};
}

void ProtocolState::on_copy_in() {
  state_ = CopyIn{in_extended_batch() ? CopyOrigin::extended_execute : CopyOrigin::simple_query};
}

void ProtocolState::on_copy_finished() {
  const CopyIn* copy = std::get_if<CopyIn>(&state_);
  if (copy == nullptr) return;
  if (copy->origin == CopyOrigin::extended_execute)
    state_ = ExtendedBatch{};
  else
    state_ = Ready{};
}

AfterError ProtocolState::on_error() {
  on_copy_finished();  // an error ends a COPY as well, and what is left to do depends on where it came from
  if (in_extended_batch() || skipping()) {
    state_ = SkippingUntilSync{};
    return AfterError::skip_until_sync;
  }
  return ready() ? AfterError::ready_for_query : AfterError::close;
}

void ProtocolState::on_close() {
  state_ = Closed{};
}

}  // namespace gyre::pgwire
