// Input: a byte of choices, then a client's first and final message, apart by a line end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pgwire/scram.h"
#include "reactor/base/check.h"

namespace {

using namespace gyre::pgwire;  // NOLINT: a test of exactly these names

const ScramVerifier& verifier() {
  static const ScramVerifier made = [] {
    ScramHash hash("pencil", "0123456789abcdef", 2);
    hash.advance(2);
    return hash.verifier();
  }();
  return made;
}

void check_verifier(std::string_view text) {
  const auto parsed = parse_scram_verifier(text);
  if (parsed) GYRE_CHECK(parsed->iterations >= 1 && parsed->iterations <= kMostScramIterations);
  if (const auto bytes = parse_base64(text)) GYRE_CHECK(base64(*bytes) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool doomed = (data[0] & 1) != 0, bound = (data[0] & 2) != 0, plus = (data[0] & 4) != 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t line = std::min(rest.find('\n'), rest.size());
  const std::string_view first = rest.substr(0, line);
  const std::string_view last = rest.substr(std::min(line + 1, rest.size()));
  check_verifier(rest);

  ScramServer server(verifier(), doomed ? ScramServer::Fate::doomed : ScramServer::Fate::honest,
                     bound ? "certificate" : "", "servernonce");
  const auto challenge = server.on_first(plus ? kScramSha256Plus : kScramSha256, first);
  if (!challenge) {
    GYRE_CHECK(challenge.error().severity == Severity::fatal && !challenge.error().message.empty());
    return 0;
  }
  GYRE_CHECK(challenge->size() < first.size() + 200);
  const auto outcome = server.on_final(last);
  if (!outcome) {
    GYRE_CHECK(outcome.error().severity == Severity::fatal && !outcome.error().message.empty());
    return 0;
  }
  GYRE_CHECK(!outcome->proven || !doomed);
  GYRE_CHECK(outcome->proven == !outcome->message.empty());
  return 0;
}
