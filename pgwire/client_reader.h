// The client's side of the stream: a scanner that counts answers and a reader that hands out every message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pgwire/framer.h"
#include "reactor/base/out_buffer.h"

namespace gyre::pgwire::client {

// The fields of an ErrorResponse or NoticeResponse that a client looks at.
struct ErrorFields {
  std::string severity;  // the untranslated one (V)
  std::string code;
  std::string message;
  std::string detail;
  std::string hint;
  std::string position;
};
// False: the body is not laid out as the protocol says.
bool parse_error_fields(std::string_view body, ErrorFields& fields);

struct ScanCounts {
  std::uint64_t ready = 0;     // ReadyForQuery
  std::uint64_t rows = 0;      // DataRow
  std::uint64_t commands = 0;  // CommandComplete, EmptyQueryResponse and PortalSuspended
  std::uint64_t errors = 0;    // ErrorResponse
  std::uint64_t messages = 0;
};

// Counts what a server answered, a few nanoseconds per message, wherever the stream happens to be cut. Bodies
// are skipped by their length; only those of the rare messages are looked at. Messages are counted when their
// last byte has come.
class BackendScanner {
 public:
  // Returns how many ReadyForQuery ended within `bytes`.
  std::size_t scan(std::span<const char> bytes);

  const ScanCounts& counts() const { return counts_; }
  bool broken() const { return broken_; }  // a length word below 4: nothing after it is understood
  char transaction_status() const {
    return transaction_status_;
  }  // of the last ReadyForQuery; 0 before the first
  std::uint32_t authentication() const { return authentication_; }  // last Authentication code; 0 is "ok"
  bool authenticated() const { return authenticated_; }
  std::uint32_t process_id() const { return process_id_; }
  std::uint32_t secret_key() const { return secret_key_; }
  const ErrorFields& last_error() const { return last_error_; }
  void reset_counts() { counts_ = {}; }

 private:
  void look_at(char type, std::string_view body);
  const char* finish_partial(const char* at, const char* end);

  ScanCounts counts_;
  std::size_t skip_ = 0;  // bytes of the current message still to come, when it needs no look
  char skip_type_ = 0;
  OutBuffer partial_;  // the head of a message that was cut within its header, or that needs a look
  char transaction_status_ = 0;
  bool authenticated_ = false;
  bool broken_ = false;
  std::uint32_t authentication_ = 0xffffffffu;
  std::uint32_t process_id_ = 0;
  std::uint32_t secret_key_ = 0;
  ErrorFields last_error_;
};

// Takes the first whole message off `input`; need_more leaves it alone. The frame points into the input.
FrameResult next_backend_message(std::span<const char>& input);

}  // namespace gyre::pgwire::client
