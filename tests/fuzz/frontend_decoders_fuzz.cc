// Input: a message type (or 'w' for a password, 'i' for the first SASL answer) and a body. What a decoder
// accepts must lie within the body, and every string in it must be valid text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "pgwire/frontend_messages.h"
#include "pgwire/utf8.h"
#include "reactor/base/check.h"

namespace {

using namespace gyre::pgwire;  // NOLINT: a test of exactly these names

class Judge {
 public:
  explicit Judge(std::string_view body) : body_(body) {}

  void within(std::string_view view) const {
    if (view.empty()) return;
    GYRE_CHECK(view.data() >= body_.data() && view.data() + view.size() <= body_.data() + body_.size());
  }
  void text(std::string_view view) const {
    within(view);
    GYRE_CHECK(is_valid_utf8(view));
  }
  void values(const ParameterValues& values, const FormatList& formats) const {
    std::vector<ParameterValue> collected;
    values.collect(collected);
    GYRE_CHECK(collected.size() == values.size());
    GYRE_CHECK(formats.size() <= 1 || formats.size() == values.size());
    for (std::size_t i = 0; i < collected.size(); ++i) {
      within(collected[i].bytes());
      if (formats.of(i) == Format::text) text(collected[i].bytes());
    }
  }

  void check(const Query& m) const { text(m.text); }
  void check(const Parse& m) const {
    text(m.statement_name);
    text(m.text);
    within(m.parameter_types.bytes());
  }
  void check(const Bind& m) const {
    text(m.portal_name);
    text(m.statement_name);
    values(m.values, m.parameter_formats);
    for (std::size_t i = 0; i < m.result_formats.size(); ++i)
      GYRE_CHECK(m.result_formats[i] == Format::text || m.result_formats[i] == Format::binary);
  }
  void check(const Describe& m) const { text(m.name); }
  void check(const Close& m) const { text(m.name); }
  void check(const Execute& m) const { text(m.portal_name); }
  void check(const FunctionCall& m) const { values(m.arguments, m.argument_formats); }
  void check(const CopyFail& m) const { text(m.reason); }
  void check(const Password& m) const { within(m.password); }
  void check(const SaslInitialResponse& m) const {
    text(m.mechanism);
    within(m.data);
  }
  void check(const Sync&) const {}
  void check(const Flush&) const {}

  template <class Message>
  void operator()(const Decoded<Message>& decoded) const {
    if (decoded)
      check(*decoded);
    else
      GYRE_CHECK(!decoded.error().message.empty());
  }

 private:
  std::string_view body_;
};

void decode(char type, std::string_view body) {
  const Judge judge(body);
  switch (type) {
    case 'Q':
      return judge(decode_query(body));
    case 'P':
      return judge(decode_parse(body));
    case 'B':
      return judge(decode_bind(body));
    case 'D':
      return judge(decode_describe(body));
    case 'C':
      return judge(decode_close(body));
    case 'E':
      return judge(decode_execute(body));
    case 'F':
      return judge(decode_function_call(body));
    case 'f':
      return judge(decode_copy_fail(body));
    case 'S':
      return judge(decode_sync(body));
    case 'H':
      return judge(decode_flush(body));
    case 'w':
      return judge(decode_password(body));
    case 'i':
      return judge(decode_sasl_initial_response(body));
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  decode(static_cast<char>(data[0]), {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
