#include "pgwire/protocol_state.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre::pgwire {
namespace {

ProtocolState in_session() {
  ProtocolState state;
  state.on_startup();
  state.on_authenticated();
  return state;
}

// One character per message: '+' processed, '-' skipped, '!' fatal.
std::string verdicts(ProtocolState& state, std::string_view types) {
  std::string out;
  for (const char type : types) {
    const Verdict verdict = state.on_message(type);
    out += verdict == Verdict::process ? '+' : verdict == Verdict::skip ? '-' : '!';
  }
  return out;
}

TEST(ProtocolState, StartupThenPasswords) {
  ProtocolState state;
  EXPECT_EQ(verdicts(state, std::string_view("\0\0", 2)), "++");
  EXPECT_EQ(verdicts(state, "Q"), "!");
  state.on_startup();
  EXPECT_EQ(verdicts(state, "pp"), "++");
  EXPECT_EQ(verdicts(state, "Q"), "!");
  EXPECT_EQ(state.fatal_error('Q').message, "expected password response, got message type 81");
  EXPECT_EQ(state.on_error(), AfterError::close);
  state.on_authenticated();
  EXPECT_TRUE(state.ready());
}

TEST(ProtocolState, OrdinarySession) {
  ProtocolState state = in_session();
  EXPECT_EQ(verdicts(state, "QQF"), "+++");
  EXPECT_TRUE(state.ready());
  EXPECT_EQ(verdicts(state, "PBDEHC"), "++++++");
  EXPECT_TRUE(state.in_extended_batch());
  EXPECT_EQ(verdicts(state, "S"), "+");
  EXPECT_TRUE(state.ready());
  EXPECT_EQ(verdicts(state, "PQ"), "++");
  EXPECT_TRUE(state.ready());
  EXPECT_EQ(verdicts(state, "dcf"), "---");
  EXPECT_EQ(verdicts(state, "X"), "+");
  EXPECT_TRUE(state.closed());
  EXPECT_EQ(verdicts(state, "QS"), "--");
}

TEST(ProtocolState, ErrorInABatchSkipsToSync) {
  ProtocolState state = in_session();
  EXPECT_EQ(verdicts(state, "PB"), "++");
  EXPECT_EQ(state.on_error(), AfterError::skip_until_sync);
  EXPECT_EQ(verdicts(state, "EPBDCHQFdcf"), "-----------");
  EXPECT_EQ(state.on_error(), AfterError::skip_until_sync);
  EXPECT_EQ(verdicts(state, "SP"), "++");
  EXPECT_TRUE(state.in_extended_batch());
}

TEST(ProtocolState, ErrorInASimpleQueryOrInSyncIsFollowedByReady) {
  for (const char* types : {"Q", "PBES", "F", "PF"}) {
    ProtocolState state = in_session();
    verdicts(state, types);
    EXPECT_EQ(state.on_error(), AfterError::ready_for_query) << types;
    EXPECT_TRUE(state.ready());
  }
}

TEST(ProtocolState, TerminateIsHeardWhileSkipping) {
  ProtocolState state = in_session();
  verdicts(state, "P");
  state.on_error();
  EXPECT_EQ(verdicts(state, "X"), "+");
  EXPECT_TRUE(state.closed());
}

TEST(ProtocolState, UnknownTypesAreFatalEverywhere) {
  ProtocolState state = in_session();
  EXPECT_EQ(verdicts(state, "yp"), "!!");
  EXPECT_EQ(state.fatal_error('y').message, "invalid frontend message type 121");
  EXPECT_EQ(state.fatal_error('y').severity, Severity::fatal);
  EXPECT_EQ(state.fatal_error('y').code, sql_state::kProtocolViolation);
  verdicts(state, "P");
  state.on_error();
  EXPECT_EQ(verdicts(state, "y"), "!");
}

TEST(ProtocolState, CopyInReturnsToItsOrigin) {
  ProtocolState state = in_session();
  verdicts(state, "Q");
  state.on_copy_in();
  EXPECT_EQ(verdicts(state, "ddHSdc"), "++--++");
  state.on_copy_finished();
  EXPECT_TRUE(state.ready());

  verdicts(state, "PBE");
  state.on_copy_in();
  EXPECT_EQ(verdicts(state, "dSc"), "+-+");
  state.on_copy_finished();
  EXPECT_TRUE(state.in_extended_batch());
}

TEST(ProtocolState, ErrorInCopyIn) {
  ProtocolState state = in_session();
  verdicts(state, "Q");
  state.on_copy_in();
  EXPECT_EQ(verdicts(state, "df"), "++");
  EXPECT_EQ(state.on_error(), AfterError::ready_for_query);
  EXPECT_EQ(verdicts(state, "ddc"), "---");

  verdicts(state, "PBE");
  state.on_copy_in();
  EXPECT_EQ(state.on_error(), AfterError::skip_until_sync);
  EXPECT_EQ(verdicts(state, "ddcS"), "---+");
}

TEST(ProtocolState, OtherMessagesInCopyInAreFatal) {
  ProtocolState state = in_session();
  verdicts(state, "Q");
  state.on_copy_in();
  EXPECT_EQ(verdicts(state, "Q"), "!");
  EXPECT_EQ(state.fatal_error('Q').message, "unexpected message type 0x51 during COPY from stdin");
  EXPECT_EQ(state.fatal_error('y').message, "invalid frontend message type 121");
}

}  // namespace
}  // namespace gyre::pgwire
