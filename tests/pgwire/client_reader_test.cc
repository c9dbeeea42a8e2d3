#include "pgwire/client_reader.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "pgwire/backend_messages.h"
#include "tests/pgwire/seed.h"

namespace gyre::pgwire::client {
namespace {

using namespace std::string_view_literals;
using test::below;

void append_answer(OutBuffer& out, std::size_t rows, std::size_t row_bytes) {
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = begin_data_row(out, 1);
    append_value(out, std::string(row_bytes, 'Z'));
    end_data_row(out, row);
  }
  command_complete_select(out, rows);
  ready_for_query(out, TransactionStatus::idle);
}

// The twin: the whole stream, message by message.
ScanCounts twin_counts(std::string_view bytes) {
  ScanCounts counts;
  std::span<const char> rest(bytes);
  while (true) {
    const FrameResult result = next_backend_message(rest);
    if (result.status != FrameStatus::complete) return counts;
    ++counts.messages;
    counts.rows += result.frame.type == 'D';
    counts.commands += "CIs"sv.find(result.frame.type) != std::string_view::npos;
    counts.ready += result.frame.type == 'Z';
    counts.errors += result.frame.type == 'E';
  }
}

void expect_same(const ScanCounts& a, const ScanCounts& b) {
  EXPECT_EQ(a.messages, b.messages);
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.commands, b.commands);
  EXPECT_EQ(a.ready, b.ready);
  EXPECT_EQ(a.errors, b.errors);
}

std::string session_bytes(std::mt19937_64& random) {
  OutBuffer out;
  authentication_ok(out);
  parameter_status(out, "server_version", "15.0");
  backend_key_data(out, 1234, 5678);
  ready_for_query(out, TransactionStatus::idle);
  for (int i = 0; i < 20; ++i) {
    append_answer(out, below(random, 5), below(random, 3) == 0 ? below(random, 3000) : below(random, 9));
    if (below(random, 4) != 0) continue;
    Diagnostic diagnostic;
    diagnostic.code = sql_state::kDivisionByZero;
    diagnostic.message = "error " + std::to_string(i);
    error_response(out, diagnostic);
    empty_query_response(out);
  }
  Diagnostic last;
  last.code = sql_state::kUniqueViolation;
  last.message = "the last one";
  error_response(out, last);
  ready_for_query(out, TransactionStatus::failed);
  return std::string(out.view());
}

void expect_session(const BackendScanner& scanner, const std::string& bytes) {
  expect_same(scanner.counts(), twin_counts(bytes));
  EXPECT_TRUE(scanner.authenticated());
  EXPECT_EQ(scanner.process_id(), 1234u);
  EXPECT_EQ(scanner.secret_key(), 5678u);
  EXPECT_EQ(scanner.transaction_status(), 'E');
  EXPECT_EQ(scanner.last_error().code, "23505");
  EXPECT_EQ(scanner.last_error().message, "the last one");
  EXPECT_FALSE(scanner.broken());
}

TEST(BackendScanner, CountsPerScan) {
  OutBuffer out;
  append_answer(out, 2, 10);
  append_answer(out, 0, 0);
  BackendScanner scanner;
  EXPECT_EQ(scanner.scan({out.data(), out.size()}), 2u);
  EXPECT_EQ(scanner.scan({}), 0u);
  EXPECT_EQ(scanner.counts().rows, 2u);
}

TEST(BackendScanner, EverySplit) {
  std::mt19937_64 random(1);
  const std::string bytes = session_bytes(random);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    BackendScanner scanner;
    const std::size_t first = scanner.scan({bytes.data(), split});
    const std::size_t second = scanner.scan({bytes.data() + split, bytes.size() - split});
    EXPECT_EQ(first + second, scanner.counts().ready);
    expect_session(scanner, bytes);
    ASSERT_FALSE(HasFailure()) << "split at " << split;
  }
}

TEST(BackendScanner, RandomSplits) {
  const std::uint64_t seed = test::test_seed();
  SCOPED_TRACE(test::seed_note(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = session_bytes(random);
    const std::size_t largest = round % 4 == 0 ? 1 : 1 + below(random, 500);
    BackendScanner scanner;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t count = std::min(bytes.size() - at, 1 + below(random, largest));
      const std::vector<char> piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
      scanner.scan(piece);
      at += count;
      // What was counted so far is what has come whole.
      expect_same(scanner.counts(), twin_counts(std::string_view(bytes).substr(0, at)));
      ASSERT_FALSE(HasFailure());
    }
    expect_session(scanner, bytes);
  }
}

TEST(BackendScanner, ALengthThatCannotBeBreaksTheStream) {
  for (std::size_t split = 0; split <= 5; ++split) {
    const auto bytes = "Z\0\0\0\3I"sv;
    BackendScanner scanner;
    scanner.scan(bytes.substr(0, split));
    scanner.scan(bytes.substr(split));
    EXPECT_TRUE(scanner.broken()) << split;
    EXPECT_EQ(scanner.counts().ready, 0u);
  }
}

TEST(ErrorFields, BadLayouts) {
  ErrorFields fields;
  EXPECT_FALSE(parse_error_fields("", fields));
  EXPECT_FALSE(parse_error_fields("C42601", fields));
  EXPECT_FALSE(parse_error_fields("C42601\0"sv, fields));
  EXPECT_FALSE(parse_error_fields("C42601\0\0x"sv, fields));
  EXPECT_TRUE(parse_error_fields("C42601\0\0"sv, fields));
}

}  // namespace
}  // namespace gyre::pgwire::client
