// The load generator must cost far less than the server it measures. It wants to know one thing, how many
// answers are finished, so the scanner hops from length word to length word. A message cut by the end of a
// receive is remembered as a number of bytes to skip; only a cut header, or a cut message whose body matters,
// is copied.
#include "pgwire/client_reader.h"

#include <algorithm>

namespace gyre::pgwire::client {

namespace {

constexpr std::size_t kHeader = Framer::kHeaderBytes;
constexpr std::uint32_t kMostLookedAt = 1 << 20;  // a longer error is counted, not read

// Messages whose bodies the scanner reads, so that a cut one must be put together.
bool needs_look(char type) {
  return type == 'Z' || type == 'E' || type == 'R' || type == 'K';
}

std::size_t total_of(const char* message) {
  return std::size_t{detail::load_u32(message + 1)} + 1;
}

bool keep_when_cut(const char* message) {
  return needs_look(message[0]) && total_of(message) <= kMostLookedAt;
}

}  // namespace

bool parse_error_fields(std::string_view body, ErrorFields& fields) {
  fields = {};
  while (!body.empty() && body[0] != '\0') {
    const char code = body[0];
    const std::size_t end = body.find('\0', 1);
    if (end == std::string_view::npos) return false;
    const std::string_view text = body.substr(1, end - 1);
    switch (code) {
      case 'V':
        fields.severity = text;
        break;
      case 'C':
        fields.code = text;
        break;
      case 'M':
        fields.message = text;
        break;
      case 'D':
        fields.detail = text;
        break;
      case 'H':
        fields.hint = text;
        break;
      case 'P':
        fields.position = text;
        break;
      default:
        break;
    }
    body.remove_prefix(end + 1);
  }
  return body.size() == 1;
}

void BackendScanner::look_at(char type, std::string_view body) {
  ++counts_.messages;
  switch (type) {
    case 'D':
      ++counts_.rows;
      break;
    case 'C':
    case 'I':
    case 's':
      ++counts_.commands;
      break;
    case 'Z':
      ++counts_.ready;
      if (!body.empty()) transaction_status_ = body[0];
      break;
    case 'E':
      ++counts_.errors;
      parse_error_fields(body, last_error_);
      break;
    case 'R':
      if (body.size() < 4) break;
      authentication_ = detail::load_u32(body.data());
      authenticated_ = authentication_ == 0;
      break;
    case 'K':
      if (body.size() < 8) break;
      process_id_ = detail::load_u32(body.data());
      secret_key_ = detail::load_u32(body.data() + 4);
      break;
    default:
      break;
  }
}

// Goes on with the message that the last scan left unfinished; returns where the next one starts, or `end`.
const char* BackendScanner::finish_partial(const char* at, const char* end) {
  const auto take_up_to = [&](std::size_t size) {
    const std::size_t wanted = size - std::min(size, partial_.size());
    const std::size_t taken = std::min(wanted, static_cast<std::size_t>(end - at));
    partial_.append(at, taken);
    at += taken;
    return partial_.size() >= size;
  };
  if (!partial_.empty()) {
    if (!take_up_to(kHeader)) return at;
    if (detail::load_u32(partial_.data() + 1) < 4) {
      broken_ = true;
      return end;
    }
    const std::size_t total = total_of(partial_.data());
    if (keep_when_cut(partial_.data())) {
      if (!take_up_to(total)) return at;
      look_at(partial_.data()[0], partial_.view().substr(kHeader));
      partial_.clear();
      return at;
    }
    skip_type_ = partial_.data()[0];
    skip_ = total - partial_.size();
    partial_.clear();
  }
  const std::size_t skipped = std::min(skip_, static_cast<std::size_t>(end - at));
  skip_ -= skipped;
  if (skip_ == 0 && skip_type_ != 0) {
    look_at(skip_type_, {});
    skip_type_ = 0;
  }
  return at + skipped;
}

std::size_t BackendScanner::scan(std::span<const char> bytes) {
  const std::uint64_t ready_before = counts_.ready;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  if (broken_ || bytes.empty()) return 0;
  if (!partial_.empty() || skip_ != 0) at = finish_partial(at, end);
  while (static_cast<std::size_t>(end - at) >= kHeader) {
    if (detail::load_u32(at + 1) < 4) [[unlikely]] {
      broken_ = true;
      return counts_.ready - ready_before;
    }
    const std::size_t total = total_of(at);
    const auto left = static_cast<std::size_t>(end - at);
    if (left < total) {
      if (keep_when_cut(at)) break;
      skip_type_ = at[0];
      skip_ = total - left;
      return counts_.ready - ready_before;
    }
    look_at(at[0], {at + kHeader, total - kHeader});
    at += total;
  }
  partial_.append(at, static_cast<std::size_t>(end - at));
  return counts_.ready - ready_before;
}

FrameResult next_backend_message(std::span<const char>& input) {
  const auto need = [](std::size_t bytes) {
    return FrameResult{FrameStatus::need_more, FrameError::none, {}, bytes};
  };
  if (input.size() < kHeader) return need(kHeader - input.size());
  const char type = input[0];
  if (detail::load_u32(input.data() + 1) < 4)
    return {FrameStatus::error, FrameError::invalid_message_length, {type, {}, 0}, 0};
  const std::size_t total = total_of(input.data());
  if (input.size() < total) return need(total - input.size());
  const Frame frame{type, {input.data() + kHeader, total - kHeader}, total};
  input = input.subspan(total);
  return {FrameStatus::complete, FrameError::none, frame, 0};
}

}  // namespace gyre::pgwire::client
