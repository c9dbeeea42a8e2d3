// A whole server without a socket: one core, a coordinator beside it, one session that is fed from memory.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "reactor/base/out_buffer.h"

namespace gyre::perf {

class MemoryServer {
 public:
  enum class Entrance : bool { external, internal };

  explicit MemoryServer(Entrance entrance = Entrance::internal);
  ~MemoryServer();

  // Feeds whole messages and turns the loop until everything is answered. The answer is valid until the next
  // call.
  std::string_view exchange(std::string_view messages);
  // The same for bytes whose answer needs no turn (cached reads): what is measured. Returns the answer's
  // size.
  std::size_t exchange_at_once(std::string_view messages);
  // Runs one query and checks that it was not refused.
  void query(std::string_view text);

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

// Bytes of a Query message.
std::string query_message(std::string_view text);

}  // namespace gyre::perf
