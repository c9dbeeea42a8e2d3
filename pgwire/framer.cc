// The assembler keeps two sources in stream order: the tail (bytes of earlier feeds) and the input (borrowed
// from the caller). While the tail is empty, messages are cut out of the input in place, which is how nearly
// all of them go: a receive buffer holds whole messages. Only when a message straddles two feeds does the
// tail come to life, and then it is given exactly the missing bytes of that message, so that the next one is
// cut in place again. The cost is one copy of each straddling message, and none of any other.
//
// The tail grows by doubling as bytes arrive, never by what a length word promises: a client that announces
// 60 MB and falls silent has cost what it sent.
#include "pgwire/framer.h"

#include <algorithm>
#include <string>

namespace gyre::pgwire {

namespace {

// The length word and the protocol code behind it.
constexpr std::uint32_t kLeastStartupLength = 8;

}  // namespace

ProtocolError describe_frame_error(FrameError error, char type) {
  ProtocolError out;
  out.severity = Severity::fatal;
  switch (error) {
    case FrameError::invalid_startup_length:
      out.message = "invalid length of startup packet";
      break;
    case FrameError::invalid_message_length:
      out.message = "invalid message length";
      break;
    case FrameError::none:
    case FrameError::invalid_message_type:
      out.message = "invalid frontend message type " + std::to_string(static_cast<unsigned char>(type));
      break;
  }
  return out;
}

FrameResult Framer::next_startup(std::span<const char>& input) const {
  if (input.size() < kStartupHeaderBytes) return more(kStartupHeaderBytes - input.size());
  const std::uint32_t length = detail::load_u32(input.data());
  if (length < kLeastStartupLength || length > limits_.startup)
    return failed(FrameError::invalid_startup_length, '\0');
  if (input.size() < length) return more(length - input.size());
  return take(input, '\0', kStartupHeaderBytes, length);
}

FrameResult InputAssembler::next_from_tail() {
  if (tail_begin_ == tail_.size()) {
    drop_consumed_tail();
    return next();
  }
  while (true) {
    std::span<const char> rest(tail_.data() + tail_begin_, tail_.size() - tail_begin_);
    const FrameResult result = framer_.next(rest);
    if (result.status == FrameStatus::complete) tail_begin_ += result.frame.total;
    if (result.status != FrameStatus::need_more || input_.empty()) return result;
    const std::size_t taken = std::min(result.bytes_needed, input_.size());
    tail_.append(input_.data(), taken);
    input_ = input_.subspan(taken);
  }
}

void InputAssembler::drop_consumed_tail() {
  tail_.clear();
  tail_.release_above(kKeptBytes);
  tail_begin_ = 0;
}

void InputAssembler::park() {
  if (tail_begin_ == tail_.size()) {
    drop_consumed_tail();
  } else if (tail_begin_ > tail_.size() / 2) {  // moving less than was handed out: constant cost per byte
    const std::size_t left = tail_.size() - tail_begin_;
    std::memmove(tail_.data(), tail_.data() + tail_begin_, left);
    tail_.truncate(left);
    tail_begin_ = 0;
  }
  tail_.append(input_.data(), input_.size());
  input_ = {};
}

Frame InputAssembler::keep(const Frame& frame) {
  kept_.clear();
  kept_.append(frame.body);
  return {frame.type, kept_.view(), frame.total};
}

void InputAssembler::release_kept() {
  kept_.clear();
  kept_.release_above(kKeptBytes);
}

void InputAssembler::release_idle_memory() {
  if (tail_begin_ == tail_.size()) {
    drop_consumed_tail();
    tail_.release_above(0);
  }
  kept_.clear();
  kept_.release_above(0);
}

}  // namespace gyre::pgwire
