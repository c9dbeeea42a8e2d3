#include "perf/limit/answers.h"

#include <algorithm>
#include <cstring>

#include "pgwire/backend_messages.h"
#include "pgwire/framer.h"

namespace gyre::perf {

namespace {

constexpr std::size_t kMost = 4096;  // answers in one send
constexpr std::uint32_t kHeader = 5;
constexpr std::uint32_t kLongestStartup = 10000;
constexpr std::uint32_t kSslRequest = 80877103;
constexpr std::uint32_t kGssRequest = 80877104;

std::uint32_t load(const char* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}

}  // namespace

void RequestCounter::take_startup(std::span<const char>& bytes) {
  while (!started_ && !over_) {
    const std::size_t known = startup_.size();
    std::size_t wanted = 8;
    if (known >= 8) wanted = load(startup_.data());
    if (wanted < 8 || wanted > kLongestStartup) {
      over_ = true;
      return;
    }
    const std::size_t taken = std::min(wanted - known, bytes.size());
    startup_.append(bytes.data(), taken);
    bytes = bytes.subspan(taken);
    if (startup_.size() < wanted) return;
    if (wanted == 8 && load(startup_.data()) != 8) continue;
    const std::uint32_t code = load(startup_.data() + 4);
    startup_.clear();
    if (code == kSslRequest || code == kGssRequest) {
      refuse_encryption_ = true;
    } else {
      started_ = true;
      greet_ = true;
    }
  }
}

bool RequestCounter::take(std::span<const char> bytes) {
  if (!started_) [[unlikely]]
    take_startup(bytes);
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  const auto begin_message = [&](const char* header) {
    const char type = header[0];
    if (type == 'Q' || type == 'S') {
      ++answers_;
    } else if (type == 'E') {
      ++executes_;
    } else if (type == 'P') [[unlikely]] {
      ++parses_;
    } else if (type == 'X') [[unlikely]] {
      over_ = true;
    }
    skip_ = load(header + 1) + 1;
  };
  while (at < end && !over_) {
    if (skip_ != 0) {
      const auto step = std::min<std::size_t>(skip_, static_cast<std::size_t>(end - at));
      at += step;
      skip_ -= static_cast<std::uint32_t>(step);
      continue;
    }
    if (cut_size_ == 0 && static_cast<std::size_t>(end - at) >= kHeader) [[likely]] {
      begin_message(at);
      continue;
    }
    cut_[cut_size_++] = *at++;
    if (cut_size_ < kHeader) continue;
    begin_message(cut_);
    skip_ -= std::min(skip_, kHeader);
    cut_size_ = 0;
  }
  return answers_ != 0 || greet_ || refuse_encryption_ || over_;
}

namespace {

void append_row_description(OutBuffer& out, AnswerKind kind) {
  pgwire::Field first;
  first.type_oid = 25;
  first.table_oid = 16384;
  first.attnum = 1;
  pgwire::Field second = first;
  second.attnum = 2;
  if (kind == AnswerKind::simple) {
    first.name = "id";
    second.name = "value";
    second.type_oid = 23;
    second.type_size = 4;
  } else {
    first.name = "id";
    first.type_oid = 23;
    first.type_size = 4;
    second.name = "v";
  }
  const pgwire::Field fields[] = {first, second};
  pgwire::row_description(out, fields);
}

// The row and all that follows it.
void append_row(OutBuffer& out, AnswerKind kind) {
  const std::size_t row = pgwire::begin_data_row(out, 2);
  pgwire::append_value(out, kind == AnswerKind::simple ? "hello" : "500000");
  pgwire::append_value(out, kind == AnswerKind::simple ? "42" : "value 500000");
  pgwire::end_data_row(out, row);
  pgwire::command_complete_select(out, 1);
  pgwire::ready_for_query(out, pgwire::TransactionStatus::idle);
}

std::string greeting() {
  OutBuffer out;
  pgwire::authentication_ok(out);
  pgwire::parameter_status(out, "server_version", "15.0");
  pgwire::parameter_status(out, "client_encoding", "UTF8");
  pgwire::parameter_status(out, "standard_conforming_strings", "on");
  pgwire::backend_key_data(out, 1, 1);
  pgwire::ready_for_query(out, pgwire::TransactionStatus::idle);
  return std::string(out.view());
}

}  // namespace

Answers::Answers(AnswerKind kind) : greeting_(greeting()) {
  OutBuffer out;
  if (kind == AnswerKind::simple) {
    append_row_description(out, kind);
  } else {
    pgwire::bind_complete(out);
  }
  append_row(out, kind);
  size_ = out.size();
  many_.reserve(size_ * kMost);
  for (std::size_t i = 0; i < kMost; ++i) many_ += out.view();

  out.clear();
  pgwire::parse_complete(out);
  prepared_ = out.view();
  pgwire::bind_complete(out);
  append_row_description(out, kind);
  append_row(out, kind);
  described_ = out.view();
  out.clear();
  pgwire::ready_for_query(out, pgwire::TransactionStatus::idle);
  ready_ = out.view();
}

std::string_view Answers::take(RequestCounter& requests) {
  const std::uint32_t answers = requests.answers_;
  requests.answers_ = 0;
  const bool ordinary = requests.parses_ == 0 && !requests.greet_ && !requests.refuse_encryption_;
  if (ordinary && answers <= kMost) [[likely]] {
    requests.executes_ = 0;
    return {many_.data(), answers * size_};
  }

  odd_.clear();
  if (requests.refuse_encryption_) odd_ += 'N';
  if (requests.greet_) odd_ += greeting_;
  if (requests.executes_ == 0) {
    for (std::uint32_t i = 0; i < requests.parses_; ++i) odd_ += prepared_;
    for (std::uint32_t i = 0; i < answers; ++i) odd_ += ready_;
  } else {
    for (std::uint32_t i = 0; i < answers; ++i) odd_ += described_;
  }
  requests.refuse_encryption_ = requests.greet_ = false;
  requests.parses_ = requests.executes_ = 0;
  return odd_;
}

}  // namespace gyre::perf
