#include "pgwire/framer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "pgwire/client_messages.h"
#include "pgwire/startup.h"
#include "tests/pgwire/conversation.h"
#include "tests/pgwire/seed.h"

namespace gyre::pgwire {
namespace {

using test::below;
using test::seed_note;
using test::test_seed;

struct Message {
  char type;
  std::string body;
  bool operator==(const Message&) const = default;
};

std::uint32_t word_at(const std::string& bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | static_cast<unsigned char>(bytes[at + i]);
  return word;
}

// The twin: the whole stream in one string, cut by the book. After a StartupMessage come typed messages.
std::vector<Message> twin_messages(const std::string& bytes) {
  std::vector<Message> messages;
  bool startup = true;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t type_bytes = startup ? 0 : 1;
    const std::size_t length = word_at(bytes, at + type_bytes);
    messages.push_back({startup ? '\0' : bytes[at], bytes.substr(at + type_bytes + 4, length - 4)});
    if (startup && word_at(bytes, at + 4) >> 16 == 3) startup = false;
    at += type_bytes + length;
  }
  return messages;
}

// Takes what is complete, and switches phase where a server would.
void drain(InputAssembler& assembler, std::vector<Message>& into, std::size_t most = SIZE_MAX) {
  for (; most > 0; --most) {
    const FrameResult result = assembler.next();
    ASSERT_NE(result.status, FrameStatus::error);
    if (result.status == FrameStatus::need_more) return;
    const Frame& frame = result.frame;
    EXPECT_EQ(frame.total, frame.body.size() + (frame.type == 0 ? 4 : 5));
    into.push_back({frame.type, std::string(frame.body)});
    if (frame.type == 0 && detail::load_u32(frame.body.data()) >> 16 == 3)
      assembler.set_phase(FramePhase::after_login);
  }
}

// Messages of many sizes, so that headers and bodies are cut everywhere.
std::string random_stream(std::mt19937_64& random) {
  OutBuffer out;
  if (below(random, 2) == 0) client::ssl_request(out);
  client::startup(out, "alice", std::string(below(random, 30), 'd'));
  for (std::size_t i = 0; i < 20; ++i) {
    const std::string text(below(random, 10) == 0 ? below(random, 9000) : below(random, 12), 'x');
    switch (below(random, 4)) {
      case 0:
        client::sync(out);
        break;
      case 1:
        client::query(out, text);
        break;
      case 2:
        client::copy_data(out, text);
        break;
      default:
        client::parse(out, "s", text);
    }
  }
  return std::string(out.view());
}

TEST(Framer, CutsInPlace) {
  OutBuffer out;
  client::query(out, "select 1");
  client::sync(out);
  Framer framer;
  framer.set_phase(FramePhase::after_login);
  std::span<const char> input(out.data(), out.size());
  FrameResult result = framer.next(input);
  ASSERT_EQ(result.status, FrameStatus::complete);
  EXPECT_EQ(result.frame.type, 'Q');
  EXPECT_EQ(result.frame.body.data(), out.data() + 5);
  EXPECT_EQ(result.frame.body, std::string_view("select 1\0", 9));
  result = framer.next(input);
  ASSERT_EQ(result.status, FrameStatus::complete);
  EXPECT_EQ(result.frame.type, 'S');
  EXPECT_TRUE(result.frame.body.empty());
  EXPECT_TRUE(input.empty());
  EXPECT_EQ(framer.next(input).status, FrameStatus::need_more);
}

TEST(Framer, SaysHowMuchIsMissing) {
  OutBuffer out;
  client::query(out, "select 1");
  Framer framer;
  framer.set_phase(FramePhase::after_login);
  for (std::size_t have = 0; have < out.size(); ++have) {
    std::span<const char> input(out.data(), have);
    const FrameResult result = framer.next(input);
    ASSERT_EQ(result.status, FrameStatus::need_more);
    EXPECT_EQ(input.size(), have);
    EXPECT_EQ(result.bytes_needed, have < 5 ? 5 - have : out.size() - have);
  }
}

FrameResult judge(std::string_view bytes, FramePhase phase, FrameLimits limits = {}) {
  Framer framer(limits);
  framer.set_phase(phase);
  std::span<const char> input(bytes);
  return framer.next(input);
}

std::string header(char type, std::uint32_t length) {
  OutBuffer out;
  out.append_byte(type);
  out.append_u32(length);
  return std::string(out.view());
}

TEST(Framer, RefusesLengthsAtOnce) {
  const FrameLimits limits;
  const auto error_of = [](char type, std::uint32_t length, FramePhase phase) {
    return judge(header(type, length), phase).error;
  };
  const auto after = FramePhase::after_login;
  const auto before = FramePhase::before_login;
  for (std::uint32_t length : {0u, 3u, 1u << 30, 0x7fffffffu, 0x80000000u, 0xffffffffu})
    EXPECT_EQ(error_of('Q', length, after), FrameError::invalid_message_length) << length;
  EXPECT_EQ(error_of('Q', limits.after_login, after), FrameError::none);
  EXPECT_EQ(error_of('Q', limits.after_login + 1, after), FrameError::invalid_message_length);
  EXPECT_EQ(error_of('E', limits.small_message, after), FrameError::none);
  EXPECT_EQ(error_of('E', limits.small_message + 1, after), FrameError::invalid_message_length);
  EXPECT_EQ(error_of('p', limits.before_login, before), FrameError::none);
  EXPECT_EQ(error_of('p', limits.before_login + 1, before), FrameError::invalid_message_length);
  EXPECT_EQ(error_of('Q', limits.before_login + 1, before), FrameError::invalid_message_length);
  EXPECT_EQ(describe_frame_error(FrameError::invalid_message_length, 'Q').message, "invalid message length");
}

TEST(Framer, LimitsAreTheCallers) {
  FrameLimits limits;
  limits.after_login = 100;
  EXPECT_EQ(judge(header('Q', 100), FramePhase::after_login, limits).error, FrameError::none);
  EXPECT_EQ(judge(header('Q', 101), FramePhase::after_login, limits).error,
            FrameError::invalid_message_length);
}

TEST(Framer, RefusesUnknownTypesByTheirFirstByte) {
  const std::string known = "BCDEFHPQSXcdfp";
  for (int byte = 0; byte < 256; ++byte) {
    const char type = static_cast<char>(byte);
    const FrameResult result = judge({&type, 1}, FramePhase::after_login);
    if (known.find(type) != std::string::npos)
      EXPECT_EQ(result.status, FrameStatus::need_more) << byte;
    else
      EXPECT_EQ(result.error, FrameError::invalid_message_type) << byte;
  }
  EXPECT_EQ(describe_frame_error(FrameError::invalid_message_type, '\xff').message,
            "invalid frontend message type 255");
}

TEST(Framer, StartupLengths) {
  const auto error_of = [](std::uint32_t length) {
    return judge(header('x', length).substr(1), FramePhase::startup).error;
  };
  for (std::uint32_t length : {0u, 4u, 7u, 10005u, 0x47455420u, 0xffffffffu})
    EXPECT_EQ(error_of(length), FrameError::invalid_startup_length) << length;
  EXPECT_EQ(error_of(8), FrameError::none);
  EXPECT_EQ(error_of(10004), FrameError::none);
  EXPECT_EQ(judge("\0\0", FramePhase::startup).status, FrameStatus::need_more);
}

TEST(InputAssembler, WholeMessagesAreNotCopied) {
  OutBuffer out;
  for (int i = 0; i < 10; ++i) client::query(out, "select 1");
  InputAssembler assembler;
  assembler.set_phase(FramePhase::after_login);
  assembler.feed({out.data(), out.size()});
  const char* expected = out.data() + 5;
  for (int i = 0; i < 10; ++i) {
    const FrameResult result = assembler.next();
    ASSERT_EQ(result.status, FrameStatus::complete);
    EXPECT_EQ(result.frame.body.data(), expected);
    expected += result.frame.total;
  }
  EXPECT_EQ(assembler.next().status, FrameStatus::need_more);
  EXPECT_EQ(assembler.memory_bytes(), 0u);
  EXPECT_EQ(assembler.buffered(), 0u);
}

TEST(InputAssembler, AnnouncedBytesCostNothing) {
  InputAssembler assembler;
  assembler.set_phase(FramePhase::after_login);
  const std::string start = header('Q', 60'000'000) + "select";
  assembler.feed(start);
  EXPECT_EQ(assembler.next().status, FrameStatus::need_more);
  EXPECT_EQ(assembler.buffered(), start.size());
  EXPECT_LE(assembler.memory_bytes(), 4096u);
}

TEST(InputAssembler, GivesMemoryBack) {
  OutBuffer out;
  client::query(out, std::string(1 << 20, 'x'));
  InputAssembler assembler;
  assembler.set_phase(FramePhase::after_login);
  assembler.feed({out.data(), out.size() - 1});
  EXPECT_EQ(assembler.next().status, FrameStatus::need_more);
  assembler.feed({out.data() + out.size() - 1, 1});
  ASSERT_EQ(assembler.next().status, FrameStatus::complete);
  EXPECT_EQ(assembler.next().status, FrameStatus::need_more);
  EXPECT_LE(assembler.memory_bytes(), InputAssembler::kKeptBytes);
  assembler.release_idle_memory();
  EXPECT_EQ(assembler.memory_bytes(), 0u);
}

TEST(InputAssembler, AnErrorStays) {
  InputAssembler assembler;
  assembler.set_phase(FramePhase::after_login);
  assembler.feed(std::string_view("y"));
  EXPECT_EQ(assembler.next().error, FrameError::invalid_message_type);
  assembler.feed(std::string_view("S\0\0\0\4", 5));
  EXPECT_EQ(assembler.next().error, FrameError::invalid_message_type);
}

TEST(InputAssembler, AKeptFrameSurvivesFurtherInput) {
  OutBuffer out;
  client::query(out, "waits");
  client::query(out, "follows");
  InputAssembler assembler;
  assembler.set_phase(FramePhase::after_login);
  std::string first(out.view().substr(0, out.size() - 3));
  assembler.feed(first);
  const Frame kept = assembler.keep(assembler.next().frame);
  assembler.park();
  first.assign(first.size(), '?');
  assembler.feed({out.data() + out.size() - 3, 3});
  EXPECT_EQ(kept.body, std::string_view("waits\0", 6));
  const FrameResult next = assembler.next();
  ASSERT_EQ(next.status, FrameStatus::complete);
  EXPECT_EQ(next.frame.body, std::string_view("follows\0", 8));
  EXPECT_EQ(kept.body, std::string_view("waits\0", 6));
  assembler.release_kept();
}

TEST(InputAssembler, EverySplitOfRecordedConversations) {
  for (const auto& path : test::golden_files()) {
    const std::string name = path.filename().string();
    if (name.starts_with("connect_http") || name.starts_with("unknown") || name.starts_with("huge") ||
        name.starts_with("short") || name.starts_with("connect_old"))
      continue;  // they end in a framing error
    const std::string bytes = test::client_bytes(test::read_file(path));
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      std::vector<Message> got;
      InputAssembler assembler;
      const std::vector<char> head(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(split));
      const std::vector<char> tail(bytes.begin() + static_cast<std::ptrdiff_t>(split), bytes.end());
      for (const auto& piece : {head, tail}) {
        assembler.feed(piece);
        drain(assembler, got);
      }
      ASSERT_EQ(got, twin_messages(bytes)) << path << " split at " << split;
    }
  }
}

TEST(InputAssembler, RandomStreamsAgainstTheTwin) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE(seed_note(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = random_stream(random);
    const std::size_t largest = round % 3 == 0 ? 1 : 1 + below(random, 600);
    InputAssembler assembler;
    std::vector<Message> got;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t count = std::min(bytes.size() - at, 1 + below(random, largest));
      const std::vector<char> piece(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(at + count));
      assembler.feed(piece);
      // Now and then stop before everything was taken, as a session does whose statement has to wait.
      const bool stop_early = below(random, 3) == 0;
      drain(assembler, got, stop_early ? below(random, 3) : SIZE_MAX);
      if (stop_early) assembler.park();
      if (below(random, 10) == 0) assembler.release_idle_memory();
      at += count;
    }
    drain(assembler, got);
    ASSERT_EQ(got, twin_messages(bytes)) << "round " << round;
    ASSERT_EQ(assembler.buffered(), 0u);
  }
}

}  // namespace
}  // namespace gyre::pgwire
