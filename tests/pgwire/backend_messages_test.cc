#include "pgwire/backend_messages.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "pgwire/client_reader.h"

namespace gyre::pgwire {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

template <class Append>
std::string bytes_of(Append append) {
  OutBuffer out;
  append(out);
  return std::string(out.view());
}

TEST(Backend, MessagesWithoutContent) {
  const std::pair<void (*)(OutBuffer&), char> messages[] = {
      {empty_query_response, 'I'}, {parse_complete, '1'}, {bind_complete, '2'},
      {close_complete, '3'},       {no_data, 'n'},        {copy_done, 'c'},
      {portal_suspended, 's'},
  };
  for (const auto& [append, type] : messages) EXPECT_EQ(bytes_of(append), std::string{type} + "\0\0\0\4"s);
}

TEST(Backend, ReadyForQuery) {
  const auto ready = [](TransactionStatus status) {
    return bytes_of([&](OutBuffer& out) { ready_for_query(out, status); });
  };
  EXPECT_EQ(ready(TransactionStatus::idle), "Z\0\0\0\5I"sv);
  EXPECT_EQ(ready(TransactionStatus::in_transaction), "Z\0\0\0\5T"sv);
  EXPECT_EQ(ready(TransactionStatus::failed), "Z\0\0\0\5E"sv);
}

TEST(Backend, CommandTags) {
  const auto select = [](std::uint64_t rows) {
    return bytes_of([&](OutBuffer& out) { command_complete_select(out, rows); });
  };
  EXPECT_EQ(select(0), "C\0\0\0\x0dSELECT 0\0"sv);
  EXPECT_EQ(select(1234567), "C\0\0\0\x13SELECT 1234567\0"sv);
  EXPECT_EQ(select(std::numeric_limits<std::uint64_t>::max()), "C\0\0\0\x20SELECT 18446744073709551615\0"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { command_complete_count(out, "INSERT 0", 2); }),
            "C\0\0\0\x0fINSERT 0 2\0"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { command_complete(out, "CREATE TABLE"); }),
            "C\0\0\0\x11"
            "CREATE TABLE\0"sv);
}

TEST(Backend, RowDescription) {
  Field field;
  field.name = "id";
  field.table_oid = 16384;
  field.attnum = 1;
  field.type_oid = 23;
  field.type_size = 4;
  Field other;
  other.name = "?column?";
  other.type_oid = 25;
  other.format = Format::binary;
  const Field fields[] = {field, other};
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { row_description(out, fields); }),
            "T\0\0\0\x36\0\2"
            "id\0\0\0\x40\0\0\1\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
            "?column?\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\1"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { row_description(out, {}); }), "T\0\0\0\6\0\0"sv);
}

TEST(Backend, DataRow) {
  EXPECT_EQ(bytes_of([](OutBuffer& out) {
              const std::size_t row = begin_data_row(out, 4);
              append_value(out, "hello");
              append_null(out);
              append_value(out, "");
              const std::size_t value = begin_value(out);
              out.append("42");
              end_value(out, value);
              end_data_row(out, row);
            }),
            "D\0\0\0\x1d\0\4\0\0\0\5hello\xff\xff\xff\xff\0\0\0\0\0\0\0\2"
            "42"sv);
}

TEST(Backend, LengthsAreRightAfterTheBufferMoved) {
  OutBuffer out;
  out.append("before");
  const std::size_t row = begin_data_row(out, 1);
  const std::size_t value = begin_value(out);
  for (int i = 0; i < 10000; ++i) out.append_byte('x');
  end_value(out, value);
  end_data_row(out, row);
  std::span<const char> rest(out.data() + 6, out.size() - 6);
  const FrameResult result = client::next_backend_message(rest);
  ASSERT_EQ(result.status, FrameStatus::complete);
  EXPECT_EQ(result.frame.body.size(), 2u + 4 + 10000);
  EXPECT_TRUE(rest.empty());
}

TEST(Backend, StartOfASession) {
  EXPECT_EQ(bytes_of(authentication_ok), "R\0\0\0\x08\0\0\0\0"sv);
  EXPECT_EQ(bytes_of(authentication_cleartext_password), "R\0\0\0\x08\0\0\0\3"sv);
  const std::string_view mechanisms[] = {"SCRAM-SHA-256"};
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { authentication_sasl(out, mechanisms); }),
            "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { authentication_sasl_continue(out, "r=x"); }),
            "R\0\0\0\x0b\0\0\0\x0br=x"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { authentication_sasl_final(out, "v=x"); }),
            "R\0\0\0\x0b\0\0\0\x0cv=x"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { parameter_status(out, "TimeZone", "UTC"); }),
            "S\0\0\0\x11TimeZone\0UTC\0"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { backend_key_data(out, 1, 0x01020304); }),
            "K\0\0\0\x0c\0\0\0\1\1\2\3\4"sv);
}

TEST(Backend, ErrorWithoutOptionalFields) {
  Diagnostic diagnostic;
  diagnostic.code = sql_state::kUndefinedTable;
  diagnostic.message = "relation \"x\" does not exist";
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { error_response(out, diagnostic); }),
            "E\0\0\0\x37SERROR\0VERROR\0C42P01\0Mrelation \"x\" does not exist\0\0"sv);
}

TEST(Backend, ErrorWithEveryFieldInPostgresOrder) {
  Diagnostic all;
  all.severity = Severity::fatal;
  all.code = sql_state::kSyntaxError;
  all.message = "m";
  all.detail = "d";
  all.hint = "h";
  all.position = 12;
  all.internal_position = 3;
  all.internal_query = "q";
  all.where = "w";
  all.schema_name = "s";
  all.table_name = "t";
  all.column_name = "c";
  all.data_type_name = "y";
  all.constraint_name = "n";
  all.file = "f.cc";
  all.line = 9;
  all.routine = "r";
  const std::string bytes = bytes_of([&](OutBuffer& out) { error_response(out, all); });
  EXPECT_EQ(bytes.substr(5),
            "SFATAL\0VFATAL\0C42601\0Mm\0Dd\0Hh\0P12\0p3\0qq\0Ww\0ss\0tt\0cc\0dy\0nn\0Ff.cc\0L9\0Rr\0\0"sv);
  client::ErrorFields fields;
  ASSERT_TRUE(client::parse_error_fields(std::string_view(bytes).substr(5), fields));
  EXPECT_EQ(fields.severity, "FATAL");
  EXPECT_EQ(fields.code, "42601");
  EXPECT_EQ(fields.message, "m");
  EXPECT_EQ(fields.detail, "d");
  EXPECT_EQ(fields.hint, "h");
  EXPECT_EQ(fields.position, "12");
}

TEST(Backend, AMessageIsAlwaysThereAndEndsAtAZeroByte) {
  Diagnostic diagnostic;
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { notice_response(out, diagnostic); }),
            "N\0\0\0\x1cSERROR\0VERROR\0CXX000\0M\0\0"sv);
  diagnostic.severity = Severity::notice;
  diagnostic.message = std::string("a\0b", 3);
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { notice_response(out, diagnostic); }).substr(5),
            "SNOTICE\0VNOTICE\0CXX000\0Ma\0\0"sv);
}

TEST(Backend, CopyAndTheRest) {
  const Format formats[] = {Format::binary, Format::binary};
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { copy_in_response(out, Format::binary, formats); }),
            "G\0\0\0\x0b\1\0\2\0\1\0\1"sv);
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { copy_out_response(out, Format::text, {}); })[0], 'H');
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { copy_both_response(out, Format::text, {}); })[0], 'W');
  EXPECT_EQ(bytes_of([](OutBuffer& out) { copy_data(out, "1\n"); }),
            "d\0\0\0\6"
            "1\n"sv);
  const std::uint32_t oids[] = {23, 25};
  EXPECT_EQ(bytes_of([&](OutBuffer& out) { parameter_description(out, oids); }),
            "t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { notification_response(out, 7, "ch", "pay"); }),
            "A\0\0\0\x0f\0\0\0\7ch\0pay\0"sv);
  EXPECT_EQ(bytes_of([](OutBuffer& out) { function_call_response(out, "x"); }), "V\0\0\0\x09\0\0\0\1x"sv);
  EXPECT_EQ(bytes_of(function_call_response_null), "V\0\0\0\x08\xff\xff\xff\xff"sv);
}

TEST(SqlState, ComparesAndPrints) {
  EXPECT_EQ(sql_state::kUniqueViolation.text(), "23505");
  EXPECT_EQ(sql_state::kUniqueViolation.class_text(), "23");
  EXPECT_EQ(SqlState("23505"), sql_state::kUniqueViolation);
  EXPECT_FALSE(sql_state::kUniqueViolation == sql_state::kCheckViolation);
  EXPECT_EQ(SqlState(), sql_state::kSuccessfulCompletion);
}

}  // namespace
}  // namespace gyre::pgwire
