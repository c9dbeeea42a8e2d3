// The HTTP parser on any bytes: what it returns must lie in its input, must not depend on what follows the
// request, and a request that is complete must not have been complete, or refused, earlier.
#include <cstddef>
#include <cstdint>

#include "adapter/http/http_request.h"
#include "reactor/base/check.h"

namespace {

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check_complete(std::string_view bytes, const gyre::adapter::HttpParse& parse) {
  GYRE_CHECK(parse.consumed > 0 && parse.consumed <= bytes.size());
  GYRE_CHECK(parse.consumed <= gyre::adapter::kLargestHttpRequest);
  GYRE_CHECK(lies_in(parse.request.method, bytes) && !parse.request.method.empty());
  if (parse.request.method == "GET") GYRE_CHECK(parse.request.path.starts_with('/'));
  const gyre::adapter::HttpParse alone = gyre::adapter::parse_http_request(bytes.substr(0, parse.consumed));
  GYRE_CHECK(alone.status == 200 && alone.consumed == parse.consumed);
  GYRE_CHECK(gyre::adapter::parse_http_request(bytes.substr(0, parse.consumed - 1)).status == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  while (!bytes.empty()) {
    const gyre::adapter::HttpParse parse = gyre::adapter::parse_http_request(bytes);
    if (parse.status == 0) GYRE_CHECK(bytes.size() < gyre::adapter::kLargestHttpRequest);
    if (parse.status != 200) break;
    check_complete(bytes, parse);
    bytes.remove_prefix(parse.consumed);
  }
  return 0;
}
