// Input: the body of a startup packet, which is also tried as an `options` string.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pgwire/backend_messages.h"
#include "pgwire/startup.h"
#include "reactor/base/check.h"

namespace {

using namespace gyre::pgwire;  // NOLINT: a test of exactly these names

// Dashes in a name became underscores, and a name ends at the first '='.
void check_settings(const std::vector<NameValue>& settings) {
  for (const auto& [name, value] : settings) GYRE_CHECK(name.find_first_of("=-") == std::string::npos);
}

void check_start(const StartupMessage& message) {
  GYRE_CHECK(message.major == 3);
  GYRE_CHECK(!message.user.empty() && message.user.size() <= 63);
  GYRE_CHECK(!message.database.empty() && message.database.size() <= 63);
  GYRE_CHECK(message.needs_negotiation() == (message.minor != 0 || !message.unsupported_options.empty()));
  gyre::OutBuffer out;
  negotiate_protocol_version(out, kProtocol30, message.unsupported_options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  StartupMachine machine;
  for (int round = 0; round < 3; ++round) {
    const StartupDecision decision = machine.on_packet(body);
    if (const auto* start = std::get_if<Start>(&decision)) check_start(start->message);
    if (const auto* reject = std::get_if<Reject>(&decision)) {
      GYRE_CHECK(reject->error.severity == Severity::fatal && !reject->error.message.empty());
    }
    // Encryption is asked for once; the second time the packet is judged as a protocol version.
    GYRE_CHECK(round == 0 || !std::holds_alternative<ReplyByte>(decision));
  }
  if (auto options = parse_options(body)) check_settings(*options);
  return 0;
}
