// Cuts a client's byte stream into messages, in place.
//
//     startup packet = length:ub32 code:ub32 rest            (length counts itself and everything after it)
//     message        = type:byte length:ub32 body            (length counts itself and the body, not the
//     type)
//
// A connection begins in the startup phase and is switched to the message phase by its owner. Length and type
// are judged as soon as they can be seen, so a hostile length word costs no memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "pgwire/diagnostic.h"
#include "reactor/base/out_buffer.h"

namespace gyre::pgwire {

enum class FramePhase : std::uint8_t { startup, before_login, after_login };

enum class FrameStatus : std::uint8_t { complete, need_more, error };

enum class FrameError : std::uint8_t {
  none,
  invalid_startup_length,  // PostgreSQL closes such a connection without a word
  invalid_message_length,  // likewise
  invalid_message_type,    // not a letter of the protocol: FATAL "invalid frontend message type %d"
};

ProtocolError describe_frame_error(FrameError error, char type);

struct Frame {
  char type = 0;  // 0: a startup packet
  std::string_view body;
  std::size_t total = 0;  // bytes on the wire, header included
};

struct FrameResult {
  FrameStatus status = FrameStatus::need_more;
  FrameError error = FrameError::none;
  Frame frame;  // complete; of an error only `type` is set
  std::size_t bytes_needed =
      0;  // need_more: at least so many bytes are missing (exact once the header is there)
};

// Largest value of the length word, by phase.
struct FrameLimits {
  std::uint32_t startup = 10'000 + 4;      // PostgreSQL's limit does not count the length word
  std::uint32_t before_login = 1'024 + 4;  // SASL messages; PostgreSQL's limit does not count the length word
  std::uint32_t after_login = 64 * 1024 * 1024;  // Query, Parse, Bind, CopyData, FunctionCall
  std::uint32_t small_message = 10'000;          // every other message, as in PostgreSQL
};

namespace detail {
enum class MessageSize : std::uint8_t { unknown, small, large, authentication };

consteval std::array<MessageSize, 256> message_sizes() {
  std::array<MessageSize, 256> sizes{};
  for (char type : {'C', 'D', 'E', 'H', 'S', 'X', 'c', 'f'})
    sizes[static_cast<unsigned char>(type)] = MessageSize::small;
  for (char type : {'Q', 'P', 'B', 'F', 'd'}) sizes[static_cast<unsigned char>(type)] = MessageSize::large;
  sizes['p'] = MessageSize::authentication;
  return sizes;
}
inline constexpr std::array<MessageSize, 256> kMessageSizes = message_sizes();

inline std::uint32_t load_u32(const char* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap32(word);
}
inline std::uint16_t load_u16(const char* at) {
  std::uint16_t word;
  std::memcpy(&word, at, sizeof word);
  return __builtin_bswap16(word);
}
}  // namespace detail

class Framer {
 public:
  static constexpr std::size_t kHeaderBytes = 5;
  static constexpr std::size_t kStartupHeaderBytes = 4;

  Framer() = default;
  explicit Framer(FrameLimits limits) : limits_(limits) {}

  FramePhase phase() const { return phase_; }
  void set_phase(FramePhase phase) { phase_ = phase; }
  const FrameLimits& limits() const { return limits_; }

  // Takes the first message off `input` and leaves the rest; `input` is untouched unless the result is
  // complete. The frame points into the input's bytes.
  FrameResult next(std::span<const char>& input) const {
    if (phase_ == FramePhase::startup) [[unlikely]]
      return next_startup(input);
    if (input.empty()) return more(kHeaderBytes);
    const char type = input[0];
    const detail::MessageSize size = detail::kMessageSizes[static_cast<unsigned char>(type)];
    if (size == detail::MessageSize::unknown) [[unlikely]]
      return failed(FrameError::invalid_message_type, type);
    if (input.size() < kHeaderBytes) return more(kHeaderBytes - input.size());
    const std::uint32_t length = detail::load_u32(input.data() + 1);
    if (length < 4 || length > limit(size)) [[unlikely]]
      return failed(FrameError::invalid_message_length, type);
    const std::size_t total = std::size_t{length} + 1;
    if (input.size() < total) return more(total - input.size());
    return take(input, type, kHeaderBytes, total);
  }

 private:
  static FrameResult more(std::size_t bytes) { return {FrameStatus::need_more, FrameError::none, {}, bytes}; }
  static FrameResult failed(FrameError error, char type) {
    return {FrameStatus::error, error, {type, {}, 0}, 0};
  }
  static FrameResult take(std::span<const char>& input, char type, std::size_t header, std::size_t total) {
    const Frame frame{type, {input.data() + header, total - header}, total};
    input = input.subspan(total);
    return {FrameStatus::complete, FrameError::none, frame, 0};
  }
  std::uint32_t limit(detail::MessageSize size) const {
    if (phase_ == FramePhase::before_login || size == detail::MessageSize::authentication)
      return limits_.before_login;
    return size == detail::MessageSize::large ? limits_.after_login : limits_.small_message;
  }
  FrameResult next_startup(std::span<const char>& input) const;

  FrameLimits limits_;
  FramePhase phase_ = FramePhase::startup;
};

// Makes whole messages of what arrives in pieces. A message that lies whole within what was fed is handed out
// in place; only a message that straddles two feeds is copied. Use:
//
//     assembler.feed(bytes);                       // `bytes` must stay alive until next() says need_more or
//     park() while ((result = assembler.next()).status == FrameStatus::complete) ...
//
// A frame is valid until the following call of next(), feed() or park(). After an error the stream is lost:
// every further next() says the same. Owned by one core.
class InputAssembler {
 public:
  // An emptied tail buffer above this is freed at once; release_idle_memory() frees the rest.
  static constexpr std::size_t kKeptBytes = 4096;

  InputAssembler() = default;
  explicit InputAssembler(FrameLimits limits) : framer_(limits) {}

  void set_phase(FramePhase phase) { framer_.set_phase(phase); }
  FramePhase phase() const { return framer_.phase(); }

  void feed(std::span<const char> bytes) {
    if (!input_.empty()) [[unlikely]]
      park();
    input_ = bytes;
    received_ += bytes.size();
  }

  FrameResult next() { return tail_.empty() ? next_in_place() : next_from_tail(); }

  // Stops in the middle: copies what was fed and not yet handed out, so that the fed bytes may go. Messages
  // already complete among it are handed out by later calls of next(), without a feed().
  void park();

  // A copy of `frame` with an address that does not move until the next keep() or release_kept(): for a
  // statement that has to wait while more input arrives.
  Frame keep(const Frame& frame);
  void release_kept();

  // Bytes that were fed and not yet handed out (for back-pressure, and for "nothing may follow an
  // SSLRequest").
  std::size_t buffered() const { return tail_.size() - tail_begin_ + input_.size(); }

  // Bytes that were fed so far; and those of them up to the end of the message that next() handed out last.
  std::uint64_t received() const { return received_; }
  std::uint64_t taken() const { return received_ - buffered(); }

  // The type byte of the message that next() will hand out, as far as it has arrived; 0 where nothing has.
  char next_type() const {
    if (tail_begin_ < tail_.size()) return tail_.data()[tail_begin_];
    return input_.empty() ? '\0' : input_.front();
  }

  // What has arrived behind the message that next() handed out last, where it can be had in one piece, else
  // nothing; and to take the first bytes of it, which are whole messages, as handed out. The last frame stays
  // valid.
  std::string_view following() const {
    return tail_.empty() ? std::string_view(input_.data(), input_.size()) : std::string_view();
  }
  void take_following(std::size_t bytes) { input_ = input_.subspan(bytes); }

  // The first message of bytes that have not been fed yet.
  FrameResult first_of(std::span<const char> bytes) const { return framer_.next(bytes); }

  // Frees what memory is not in use; for connections that fall idle.
  void release_idle_memory();
  std::size_t memory_bytes() const { return tail_.capacity() + kept_.capacity(); }

 private:
  FrameResult next_in_place() {
    std::span<const char> input = input_;  // a local one stays in registers
    const FrameResult result = framer_.next(input);
    input_ = input;
    if (result.status == FrameStatus::need_more && !input.empty()) park();
    return result;
  }
  FrameResult next_from_tail();
  void drop_consumed_tail();

  Framer framer_;
  std::span<const char> input_;  // fed, not yet handed out; follows the tail in the stream
  OutBuffer tail_;               // bytes of earlier feeds
  std::size_t tail_begin_ = 0;   // tail_ before this was handed out
  OutBuffer kept_;               // the frame of keep()
  std::uint64_t received_ = 0;
};

}  // namespace gyre::pgwire
