// What gyre-limit understands of a client's bytes, and the constants that it answers with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pgwire/client_messages.h"

namespace gyre::perf {

enum class AnswerKind : std::uint8_t { simple, prepared_lookup };

// Follows one client's stream and counts what wants an answer. Cut messages are remembered as a number of
// bytes to skip; a cut header is kept, it is five bytes at most.
class RequestCounter {
 public:
  // True: answers are due.
  bool take(std::span<const char> bytes);
  bool over() const { return over_; }  // Terminate, or not the protocol at all

 private:
  friend class Answers;

  void take_startup(std::span<const char>& bytes);

  std::uint32_t answers_ = 0;  // Query or Sync messages
  std::uint32_t parses_ = 0;
  std::uint32_t executes_ = 0;
  bool started_ = false;  // the startup packet has come
  bool greet_ = false;    // ... and wants its answer
  bool refuse_encryption_ = false;
  bool over_ = false;
  std::uint32_t skip_ = 0;
  std::uint32_t cut_size_ = 0;
  char cut_[8];
  std::string startup_;
};

class Answers {
 public:
  explicit Answers(AnswerKind kind);
  // The bytes that are due; valid until the next call. Empty: nothing, or too much at once.
  std::string_view take(RequestCounter& requests);

 private:
  std::string greeting_;
  std::string prepared_;   // of a Parse
  std::string ready_;      // of a Sync behind nothing but Parses
  std::string described_;  // of Parse, Bind, Describe, Execute, Sync
  std::string many_;       // the answer, kMost times
  std::size_t size_ = 0;   // of one
  std::string odd_;        // put together for the rare
};

}  // namespace gyre::perf
