#include "pgwire/frontend_messages.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "pgwire/client_messages.h"
#include "pgwire/utf8.h"
#include "tests/pgwire/seed.h"

namespace gyre::pgwire {
namespace {

using client::OptionalValue;
using namespace std::string_view_literals;

// The body of the one message that `append` writes.
std::string body(const std::function<void(OutBuffer&)>& append) {
  OutBuffer out;
  append(out);
  return std::string(out.view().substr(5));
}

template <class Message>
ProtocolError error_of(const Decoded<Message>& decoded) {
  EXPECT_FALSE(decoded.has_value());
  return decoded ? ProtocolError{} : decoded.error();
}

TEST(Decode, Query) {
  const std::string bytes = body([](OutBuffer& out) { client::query(out, "select 1"); });
  EXPECT_EQ(decode_query(bytes)->text, "select 1");
  EXPECT_EQ(decode_query("\0"sv)->text, "");
  EXPECT_EQ(error_of(decode_query("select 1"sv)).message, "invalid string in message");
  EXPECT_EQ(error_of(decode_query(""sv)).message, "invalid string in message");
  EXPECT_EQ(error_of(decode_query("select\0 1\0"sv)).message, "invalid message format");
  EXPECT_EQ(error_of(decode_query("select\0 1\0"sv)).code, sql_state::kProtocolViolation);
  const ProtocolError error = error_of(decode_query("select '\xe9t\xe9'\0"sv));
  EXPECT_EQ(error.code, sql_state::kCharacterNotInRepertoire);
  EXPECT_EQ(error.message, "invalid byte sequence for encoding \"UTF8\": 0xe9 0x74 0xe9");
  EXPECT_EQ(error.severity, Severity::error);
}

TEST(Decode, Parse) {
  const std::uint32_t oids[] = {23, 0, 0xfffffffe};
  const std::string bytes = body([&](OutBuffer& out) { client::parse(out, "s1", "select $1", oids); });
  auto message = decode_parse(bytes);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->statement_name, "s1");
  EXPECT_EQ(message->text, "select $1");
  ASSERT_EQ(message->parameter_types.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(message->parameter_types[i], oids[i]);
  EXPECT_EQ(message->parameter_types.bytes().size(), 12u);
}

TEST(Decode, BindWithEverything) {
  const OptionalValue values[] = {"one", std::nullopt, "", "\x01\x02"};
  const Format formats[] = {Format::text, Format::text, Format::text, Format::binary};
  const Format results[] = {Format::binary};
  const std::string bytes =
      body([&](OutBuffer& out) { client::bind(out, "p", "s", values, formats, results); });
  auto message = decode_bind(bytes);
  ASSERT_TRUE(message.has_value()) << message.error().message;
  EXPECT_EQ(message->portal_name, "p");
  EXPECT_EQ(message->statement_name, "s");
  ASSERT_EQ(message->values.size(), 4u);
  std::vector<ParameterValue> collected;
  message->values.collect(collected);
  ASSERT_EQ(collected.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(collected[i].is_null(), !values[i].has_value());
    EXPECT_EQ(collected[i].bytes(), values[i].value_or(""));
    EXPECT_EQ(message->parameter_formats.of(i), formats[i]);
  }
  EXPECT_FALSE(message->parameter_formats.all_text());
  EXPECT_EQ(message->result_formats.of(0), Format::binary);
  EXPECT_EQ(message->result_formats.of(17), Format::binary);
}

TEST(Decode, BindShorthands) {
  const std::string none = body([](OutBuffer& out) { client::bind(out, "", ""); });
  auto message = decode_bind(none);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->values.empty());
  EXPECT_EQ(message->values.begin(), message->values.end());
  EXPECT_EQ(message->parameter_formats.of(3), Format::text);
  EXPECT_TRUE(message->parameter_formats.all_text());
}

ProtocolError bind_error(std::vector<OptionalValue> values, std::vector<Format> formats,
                         std::vector<Format> results = {}) {
  const std::string bytes =
      body([&](OutBuffer& out) { client::bind(out, "", "", values, formats, results); });
  return error_of(decode_bind(bytes));
}

TEST(Decode, BindRefusals) {
  EXPECT_EQ(bind_error({"a"}, {Format::text, Format::text}).message,
            "bind message has 2 parameter formats but 1 parameters");
  const ProtocolError format = bind_error({"a"}, {static_cast<Format>(2)});
  EXPECT_EQ(format.message, "unsupported format code: 2");
  EXPECT_EQ(format.code, sql_state::kInvalidParameterValue);
  EXPECT_EQ(bind_error({}, {}, {static_cast<Format>(0xffff)}).message, "unsupported format code: -1");
  const ProtocolError text = bind_error({"fine", "\xff"}, {});
  EXPECT_EQ(text.code, sql_state::kCharacterNotInRepertoire);
  EXPECT_EQ(bind_error({"a\0b"sv}, {}).message, "invalid byte sequence for encoding \"UTF8\": 0x00");
  // A binary value may hold any bytes.
  const OptionalValue binary[] = {"\xff\0"sv};
  const Format formats[] = {Format::binary};
  EXPECT_TRUE(
      decode_bind(body([&](OutBuffer& out) { client::bind(out, "", "", binary, formats); })).has_value());
}

TEST(Decode, BindValueLengths) {
  // portal "", statement "", no formats, one value of the given length, two bytes, no result formats.
  const auto with_length = [](std::uint32_t length) {
    OutBuffer out;
    out.append("\0\0\0\0\0\1"sv);
    out.append_u32(length);
    out.append("ab\0\0"sv);
    return std::string(out.view());
  };
  EXPECT_TRUE(decode_bind(with_length(2)).has_value());
  for (std::uint32_t length : {5u, 0x7fffffffu, 0x80000000u, 0xfffffffeu})
    EXPECT_EQ(error_of(decode_bind(with_length(length))).message, "insufficient data left in message")
        << length;
  EXPECT_EQ(error_of(decode_bind(with_length(0))).message, "insufficient data left in message");
  EXPECT_EQ(error_of(decode_bind(with_length(0xffffffffu))).message, "insufficient data left in message");
}

TEST(Decode, BinderErrors) {
  EXPECT_EQ(bind_parameter_count_error(1, "s1", 2).message,
            "bind message supplies 1 parameters, but prepared statement \"s1\" requires 2");
  EXPECT_EQ(bind_result_format_count_error(3, 2).message,
            "bind message has 3 result formats but query has 2 columns");
}

TEST(Decode, Targets) {
  EXPECT_EQ(decode_describe("Sname\0"sv)->kind, TargetKind::statement);
  EXPECT_EQ(decode_describe("Sname\0"sv)->name, "name");
  EXPECT_EQ(decode_close("P\0"sv)->kind, TargetKind::portal);
  EXPECT_EQ(error_of(decode_describe("Q\0"sv)).message, "invalid DESCRIBE message subtype 81");
  EXPECT_EQ(error_of(decode_close("Q\0"sv)).message, "invalid CLOSE message subtype 81");
  EXPECT_EQ(error_of(decode_close(""sv)).message, "no data left in message");
  EXPECT_EQ(error_of(decode_close("S"sv)).message, "invalid string in message");
}

TEST(Decode, Execute) {
  const std::string bytes = body([](OutBuffer& out) { client::execute(out, "p", 100); });
  EXPECT_EQ(decode_execute(bytes)->portal_name, "p");
  EXPECT_EQ(decode_execute(bytes)->row_limit, 100);
  EXPECT_EQ(decode_execute("\0\xff\xff\xff\xff"sv)->row_limit, -1);
  EXPECT_EQ(error_of(decode_execute("\0\0\0"sv)).message, "insufficient data left in message");
}

TEST(Decode, MessagesWithoutContent) {
  EXPECT_TRUE(decode_sync(""sv).has_value());
  EXPECT_TRUE(decode_flush(""sv).has_value());
  EXPECT_TRUE(decode_terminate("x"sv).has_value());
  EXPECT_TRUE(decode_copy_done(""sv).has_value());
  EXPECT_EQ(error_of(decode_sync("x"sv)).message, "invalid message format");
  EXPECT_EQ(error_of(decode_flush("x"sv)).message, "invalid message format");
}

TEST(Decode, FunctionCall) {
  // oid 16, one format (binary), two arguments ("a", NULL), result format binary
  const auto call = "\0\0\0\x10\0\1\0\1\0\2\0\0\0\1a\xff\xff\xff\xff\0\1"sv;
  auto message = decode_function_call(call);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->function_oid, 16u);
  EXPECT_EQ(message->arguments.size(), 2u);
  EXPECT_EQ((*message->arguments.begin()).bytes(), "a");
  EXPECT_EQ(message->result_format, Format::binary);
  EXPECT_EQ(error_of(decode_function_call("\0\0\0\x10\0\2\0\1\0\1\0\1\0\0\0\1a\0\1"sv)).message,
            "function call message contains 2 argument formats but 1 arguments");
}

TEST(Decode, CopyMessages) {
  EXPECT_EQ(decode_copy_data("\xff\0x"sv)->bytes, "\xff\0x"sv);
  EXPECT_EQ(decode_copy_fail("why\0"sv)->reason, "why");
  EXPECT_EQ(error_of(decode_copy_fail("why"sv)).message, "invalid string in message");
}

TEST(Decode, Passwords) {
  EXPECT_EQ(decode_password("secret\0"sv)->password, "secret");
  EXPECT_EQ(error_of(decode_password("secret"sv)).message, "invalid password packet size");
  EXPECT_EQ(error_of(decode_password("a\0b\0"sv)).message, "invalid password packet size");
  EXPECT_EQ(error_of(decode_password("\0"sv)).code, sql_state::kInvalidPassword);
  const std::string bytes =
      body([](OutBuffer& out) { client::sasl_initial_response(out, "SCRAM-SHA-256", "n,,"); });
  auto sasl = decode_sasl_initial_response(bytes);
  ASSERT_TRUE(sasl.has_value());
  EXPECT_EQ(sasl->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(sasl->data, "n,,");
  EXPECT_FALSE(decode_sasl_initial_response("m\0\xff\xff\xff\xff"sv)->has_data);
  EXPECT_EQ(error_of(decode_sasl_initial_response("m\0\xff\xff\xff\xfe"sv)).message,
            "insufficient data left in message");
}

// ---- every decoder on bytes that are not what they should be ----

// True when it was accepted. A view that leaves the body would be seen by the address sanitizer.
template <class Message>
bool accepted(const Decoded<Message>& decoded) {
  if (!decoded) {
    EXPECT_FALSE(decoded.error().message.empty());
  }
  return decoded.has_value();
}

bool decode_any(char type, std::string_view bytes) {
  switch (type) {
    case 'Q':
      return accepted(decode_query(bytes));
    case 'P':
      return accepted(decode_parse(bytes));
    case 'B': {
      auto message = decode_bind(bytes);
      if (!message) return accepted(message);
      std::size_t total = 0;
      for (const ParameterValue value : message->values)
        if (is_valid_utf8(value.bytes())) total += value.bytes().size();
      EXPECT_LE(total, bytes.size());
      return true;
    }
    case 'D':
      return accepted(decode_describe(bytes));
    case 'C':
      return accepted(decode_close(bytes));
    case 'E':
      return accepted(decode_execute(bytes));
    case 'F':
      return accepted(decode_function_call(bytes));
    case 'f':
      return accepted(decode_copy_fail(bytes));
    case 'p':
      return accepted(decode_sasl_initial_response(bytes));
    default:
      return accepted(decode_password(bytes));
  }
}

struct Sample {
  char type;
  std::string body;
};

std::vector<Sample> samples() {
  const std::uint32_t oids[] = {23, 25};
  const OptionalValue values[] = {"one", std::nullopt};
  const Format formats[] = {Format::binary, Format::text};
  return {
      {'Q', body([](OutBuffer& out) { client::query(out, "select 1"); })},
      {'P', body([&](OutBuffer& out) { client::parse(out, "s", "select $1, $2", oids); })},
      {'B', body([&](OutBuffer& out) { client::bind(out, "p", "s", values, formats, formats); })},
      {'D', body([](OutBuffer& out) { client::describe(out, TargetKind::portal, "p"); })},
      {'C', body([](OutBuffer& out) { client::close(out, TargetKind::statement, "s"); })},
      {'E', body([](OutBuffer& out) { client::execute(out, "p", 5); })},
      {'F', std::string("\0\0\0\x10\0\1\0\1\0\2\0\0\0\1a\xff\xff\xff\xff\0\1"sv)},
      {'f', body([](OutBuffer& out) { client::copy_fail(out, "reason"); })},
      {'p', body([](OutBuffer& out) { client::sasl_initial_response(out, "SCRAM-SHA-256", "n,,n=,r="); })},
      {'w', body([](OutBuffer& out) { client::password(out, "secret"); })},
  };
}

TEST(Decode, EveryTruncationIsRefused) {
  for (const Sample& sample : samples()) {
    EXPECT_TRUE(decode_any(sample.type, sample.body)) << sample.type;
    for (std::size_t size = 0; size < sample.body.size(); ++size) {
      const std::vector<char> cut(sample.body.begin(),
                                  sample.body.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(decode_any(sample.type, {cut.data(), cut.size()})) << sample.type << " cut to " << size;
    }
    EXPECT_FALSE(decode_any(sample.type, sample.body + 'x')) << sample.type << " with a byte too many";
  }
}

TEST(Decode, GarbageIsSurvived) {
  const std::uint64_t seed = test::test_seed();
  SCOPED_TRACE(test::seed_note(seed));
  std::mt19937_64 random(seed);
  for (const Sample& sample : samples()) {
    for (int round = 0; round < 3000; ++round) {
      std::vector<char> bytes(sample.body.begin(), sample.body.end());
      if (round % 4 == 0) bytes.resize(test::below(random, 40));
      for (std::size_t i = 1 + test::below(random, 4); i > 0 && !bytes.empty(); --i) {
        const char extremes[] = {'\0', '\x01', '\x7f', '\x80', '\xff', static_cast<char>(random())};
        bytes[test::below(random, bytes.size())] = extremes[test::below(random, sizeof extremes)];
      }
      bytes.shrink_to_fit();
      decode_any(sample.type, {bytes.data(), bytes.size()});
    }
  }
}

}  // namespace
}  // namespace gyre::pgwire
