// Any bytes as SQL: neither the literal scanner nor the parser may fail in any way but by saying so, and the
// scanner's tokens must lie in order within the text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/sql/literals.h"
#include "adapter/sql/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string shape;
  std::vector<gyre::adapter::LiteralToken> literals;
  gyre::Arena arena;
  if (gyre::adapter::scan_literals(text, shape, literals, arena)) {
    std::uint32_t end = 0;
    for (const auto& token : literals) {
      if (token.begin < end || token.end <= token.begin || token.end > size) __builtin_trap();
      end = token.end;
    }
  }
  auto parsed = gyre::adapter::parse_sql(text);
  if (parsed)
    for (const auto& statement : *parsed)
      if (statement->end < statement->begin || statement->end > size) __builtin_trap();
  return 0;
}
