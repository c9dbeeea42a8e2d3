// The first words of a connection: SSLRequest, GSSENCRequest, CancelRequest or StartupMessage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "pgwire/diagnostic.h"
#include "reactor/base/result.h"

namespace gyre::pgwire {

inline constexpr std::uint32_t kProtocol30 = 3u << 16;
inline constexpr std::uint32_t kCancelRequestCode = 80877102;
inline constexpr std::uint32_t kSslRequestCode = 80877103;
inline constexpr std::uint32_t kGssEncRequestCode = 80877104;

using NameValue = std::pair<std::string, std::string>;

struct StartupMessage {
  std::uint16_t major = 3;
  std::uint16_t minor = 0;
  std::string user;
  std::string database;             // the user's name when the client named none
  std::string replication;          // as given; empty: an ordinary connection
  std::vector<NameValue> settings;  // from `options` first, then the other parameters, in the order given
  std::vector<std::string> unsupported_options;  // names that begin with "_pq_."

  // True: a NegotiateProtocolVersion must precede the first Authentication message.
  bool needs_negotiation() const { return minor > 0 || !unsupported_options.empty(); }
};

struct CancelRequest {
  std::uint32_t process_id = 0;
  std::uint32_t secret_key = 0;
};

// Takes the body of a startup packet whose code is a protocol version (the code included).
Result<StartupMessage, ProtocolError> parse_startup_message(std::string_view body);

// The `options` parameter: words apart by white space, a backslash takes the next character as it is;
// `-c name=value`, `-cname=value` and `--name=value` are understood (dashes within a name mean underscores).
Result<std::vector<NameValue>, ProtocolError> parse_options(std::string_view options);

// Bytes that came in clear behind a request for encryption, and were thus not written by the encrypted peer,
// must never be taken for its words (CVE-2021-23214). Null when all is well.
enum class Encryption : std::uint8_t { ssl, gss };
Result<std::monostate, ProtocolError> check_nothing_follows(Encryption requested, std::size_t buffered_bytes);

// What the connection does about a startup packet.
struct ReplyByte {
  char byte = 'N';  // unless the connection can grant what is asked
  Encryption asked = Encryption::ssl;
};
struct Start {
  StartupMessage message;
};
struct Cancel {
  CancelRequest request;
};
struct Reject {
  ProtocolError error;  // to be sent as FATAL; then close
};
struct CloseSilently {
  std::string reason;  // for the log only
};
using StartupDecision = std::variant<ReplyByte, Start, Cancel, Reject, CloseSilently>;

// Feeds on startup packets until one of them settles what the connection is.
class StartupMachine {
 public:
  StartupDecision on_packet(std::string_view body);
  // From here on nobody may ask for encryption any more.
  void on_encrypted() { ssl_asked_ = gss_asked_ = true; }

 private:
  bool ssl_asked_ = false;
  bool gss_asked_ = false;
};

}  // namespace gyre::pgwire
