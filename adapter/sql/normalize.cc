#include "adapter/sql/normalize.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <span>

namespace gyre::adapter {

namespace {

using Tokens = std::unique_ptr<PgQuery__ScanResult, void (*)(PgQuery__ScanResult*)>;

// As PostgreSQL's own scanner cuts the text; null: it cannot.
Tokens scan(const char* text) {
  const PgQueryScanResult packed = pg_query_scan(text);
  Tokens tokens(nullptr, [](PgQuery__ScanResult* made) { pg_query__scan_result__free_unpacked(made, nullptr); });
  if (packed.error == nullptr)
    tokens.reset(pg_query__scan_result__unpack(nullptr, packed.pbuf.len,
                                               reinterpret_cast<const std::uint8_t*>(packed.pbuf.data)));
  pg_query_free_scan_result(packed);
  return tokens;
}

bool is_literal(const PgQuery__ScanToken& token) {
  switch (token.token) {
    case PG_QUERY__TOKEN__ICONST:
    case PG_QUERY__TOKEN__FCONST:
    case PG_QUERY__TOKEN__SCONST:
    case PG_QUERY__TOKEN__USCONST:
    case PG_QUERY__TOKEN__BCONST:
    case PG_QUERY__TOKEN__XCONST:
      return true;
    default:
      return false;
  }
}

// Much more than anybody shows of a text; tokens take many times its size.
constexpr std::size_t kMostScanned = 64 * 1024;

// The beginning of a long text, ended where the cut goes through a literal, a name or a comment.
std::string closed_beginning(std::string_view text) {
  std::size_t size = kMostScanned;
  while ((text[size] & 0xc0) == 0x80) --size;  // within a character
  const std::string beginning(text.substr(0, size));
  for (const char* const end : {"", "'", "\"", "*/"})
    if (scan((beginning + end).c_str()) != nullptr) return beginning + end;
  return beginning;
}

}  // namespace

std::string without_literals(std::string_view text) {
  const std::string terminated = text.size() <= kMostScanned ? std::string(text) : closed_beginning(text);
  const Tokens scanned = scan(terminated.c_str());
  if (scanned == nullptr) return "<unknown statement>";
  const std::span<PgQuery__ScanToken* const> tokens(scanned->tokens, scanned->n_tokens);
  // Numbers go on behind those of the parameters.
  std::int64_t last = 0;
  for (const PgQuery__ScanToken* token : tokens) {
    std::int64_t number = 0;
    if (token->token == PG_QUERY__TOKEN__PARAM)
      std::from_chars(terminated.data() + token->start + 1, terminated.data() + token->end, number);
    last = std::max(last, std::min<std::int64_t>(number, INT32_MAX));
  }
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!is_literal(*tokens[i])) continue;
    out.append(terminated, copied, static_cast<std::size_t>(tokens[i]->start) - copied);
    out += '$' + std::to_string(++last);
    // Up to the next token, which may be a comment, but for the blanks before it. (The end that it is given is wrong for U&'…'.)
    const std::size_t next = i + 1 < tokens.size() ? static_cast<std::size_t>(tokens[i + 1]->start) : terminated.size();
    copied = terminated.find_last_not_of(" \t\n\r\f", next - 1) + 1;
  }
  return out.append(terminated, copied);
}

NormalizedStatement normalize(std::string_view text) {
  const std::string terminated(text);
  NormalizedStatement out;
  out.redacted = without_literals(text);
  PgQueryNormalizeResult normal = pg_query_normalize(terminated.c_str());
  out.text = normal.error == nullptr && normal.normalized_query != nullptr ? normal.normalized_query : out.redacted;
  pg_query_free_normalize_result(normal);
  PgQueryFingerprintResult print = pg_query_fingerprint(terminated.c_str());
  out.query_id = print.error == nullptr ? print.fingerprint : XXH3_64bits(out.text.data(), out.text.size());
  pg_query_free_fingerprint_result(print);
  if (out.query_id == 0) out.query_id = 1;  // none
  return out;
}

}  // namespace gyre::adapter
