#include "adapter/sql/normalize.h"

#include <pg_query.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "adapter/sql/literals.h"

namespace gyre::adapter {

namespace {

// A shape's markers, as parameters.
std::string without_literals(std::string_view text) {
  std::string shape, shown;
  std::vector<LiteralToken> literals;
  Arena arena;
  if (!scan_literals(text, shape, literals, arena)) return "<unknown statement>";
  int parameters = 0;
  for (const char c : shape)
    if (c >= 1 && c < 5)
      shown += '$' + std::to_string(++parameters);
    else
      shown += c;
  return shown;
}

}  // namespace

NormalizedStatement normalize(std::string_view text) {
  const std::string terminated(text);
  NormalizedStatement out;
  PgQueryNormalizeResult normal = pg_query_normalize(terminated.c_str());
  out.text = normal.error == nullptr && normal.normalized_query != nullptr ? normal.normalized_query
                                                                           : without_literals(text);
  pg_query_free_normalize_result(normal);
  PgQueryFingerprintResult print = pg_query_fingerprint(terminated.c_str());
  out.query_id = print.error == nullptr ? print.fingerprint : XXH3_64bits(out.text.data(), out.text.size());
  pg_query_free_fingerprint_result(print);
  if (out.query_id == 0) out.query_id = 1;  // none
  return out;
}

}  // namespace gyre::adapter
