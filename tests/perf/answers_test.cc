// gyre-limit's understanding of a stream, in every split.
#include "perf/limit/answers.h"

#include <gtest/gtest.h>

#include "pgwire/client_messages.h"
#include "pgwire/client_reader.h"
#include "reactor/base/out_buffer.h"

namespace gyre::perf {
namespace {

// Feeds the bytes in two pieces and returns all that is answered.
std::string answered(AnswerKind kind, std::string_view bytes, std::size_t cut) {
  Answers answers(kind);
  RequestCounter requests;
  std::string out;
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    if (requests.take({piece.data(), piece.size()})) out += answers.take(requests);
  }
  EXPECT_FALSE(requests.over());
  return out;
}

TEST(Limit, SimpleQueriesInEverySplit) {
  OutBuffer bytes;
  pgwire::client::ssl_request(bytes);
  pgwire::client::startup(bytes, "u", "d");
  for (int i = 0; i < 3; ++i) pgwire::client::query(bytes, "select * from t");
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string out = answered(AnswerKind::simple, bytes.view(), cut);
    if (cut == 0 || cut == bytes.size()) continue;  // a client waits for its greeting
    ASSERT_EQ(out[0], 'N') << cut;
    pgwire::client::BackendScanner scanner;
    scanner.scan({out.data() + 1, out.size() - 1});
    EXPECT_FALSE(scanner.broken()) << cut;
    if (cut < 8 + 20) continue;
    EXPECT_TRUE(scanner.authenticated()) << cut;
  }
}

TEST(Limit, EveryQueryIsAnsweredOnceWhateverTheSplit) {
  OutBuffer startup;
  pgwire::client::startup(startup, "u", "d");
  OutBuffer queries;
  for (int i = 0; i < 3; ++i) pgwire::client::query(queries, "select * from t");
  for (std::size_t cut = 0; cut <= queries.size(); ++cut) {
    Answers answers(AnswerKind::simple);
    RequestCounter requests;
    ASSERT_TRUE(requests.take({startup.data(), startup.size()}));
    answers.take(requests);
    pgwire::client::BackendScanner scanner;
    const std::string_view all = queries.view();
    for (const std::string_view piece : {all.substr(0, cut), all.substr(cut)}) {
      if (!requests.take({piece.data(), piece.size()})) continue;
      const std::string_view out = answers.take(requests);
      scanner.scan({out.data(), out.size()});
    }
    EXPECT_EQ(scanner.counts().ready, 3u) << cut;
    EXPECT_EQ(scanner.counts().rows, 3u) << cut;
    EXPECT_EQ(scanner.counts().messages, 12u) << cut;
  }
}

TEST(Limit, PreparedStatements) {
  Answers answers(AnswerKind::prepared_lookup);
  RequestCounter requests;
  pgwire::client::BackendScanner scanner;
  const auto say = [&](const OutBuffer& bytes) {
    scanner.reset_counts();
    if (!requests.take({bytes.data(), bytes.size()})) return;
    const std::string_view out = answers.take(requests);
    scanner.scan({out.data(), out.size()});
  };
  OutBuffer bytes;
  pgwire::client::startup(bytes, "u", "d");
  say(bytes);
  EXPECT_EQ(scanner.counts().ready, 1u);

  bytes.clear();
  pgwire::client::parse(bytes, "s0", "select * from k where id = $1");
  pgwire::client::sync(bytes);
  say(bytes);
  EXPECT_EQ(scanner.counts().messages, 2u);  // ParseComplete, ReadyForQuery

  bytes.clear();
  const pgwire::client::OptionalValue value[] = {"5"};
  for (int i = 0; i < 2; ++i) {
    pgwire::client::bind(bytes, "", "s0", value);
    pgwire::client::execute(bytes, "");
    pgwire::client::sync(bytes);
  }
  say(bytes);
  EXPECT_EQ(scanner.counts().ready, 2u);
  EXPECT_EQ(scanner.counts().messages, 8u);  // BindComplete, DataRow, CommandComplete, ReadyForQuery
}

TEST(Limit, TerminateAndNonsenseEndAConnection) {
  OutBuffer bytes;
  pgwire::client::startup(bytes, "u", "d");
  pgwire::client::terminate(bytes);
  RequestCounter requests;
  EXPECT_TRUE(requests.take({bytes.data(), bytes.size()}));
  EXPECT_TRUE(requests.over());
  RequestCounter other;
  constexpr std::string_view kHttp = "GET / HTTP/1.1\r\n\r\n";
  EXPECT_TRUE(other.take({kHttp.data(), kHttp.size()}));
  EXPECT_TRUE(other.over());
}

}  // namespace
}  // namespace gyre::perf
