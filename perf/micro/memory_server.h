// A whole server without a socket: one core, a coordinator beside it, its log on a disk in memory, one
// session that is fed from memory.
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
  // The same for what is measured: turns only where the answer needs it (cached reads do not). Returns the
  // answer's size.
  std::size_t exchange_at_once(std::string_view messages);
  // The same, and checks that none of it was refused; the process ends where it was.
  void exchange_well(std::string_view messages);
  void query(std::string_view text);
  // From now on no statement counts as slow, however slow the machine is.
  void notice_nothing_slow();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

// Bytes of a Query message.
std::string query_message(std::string_view text);
// Of a COPY ... FROM STDIN with these rows, in COPY's text format.
std::string copy_messages(std::string_view text, std::string_view rows);

}  // namespace gyre::perf
