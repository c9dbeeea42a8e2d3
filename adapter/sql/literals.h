// Makes statements that differ only in their literals look alike, so that they can share a cached plan: one
// pass over the text that copies it with every number and string literal replaced by a marker of its kind,
// and lists the literals.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/base/arena.h"

namespace gyre::adapter {

// One literal of a text. A plan made for one list of literals serves another of the same kinds, unless it
// depends on the value.
struct LiteralToken {
  enum class Kind : std::uint8_t { int4, int8, decimal, string };
  Kind kind;
  std::uint32_t begin, end;  // in the text, quotes included
  std::int64_t integer;      // the value of int4 and int8
  // Digits of a decimal; the contents of a string, unescaped. Borrowed from the text or, with '' or E''
  // inside, from the arena.
  std::string_view text;
};

// The shape of a text: equal shapes and equal kinds of literals parse to trees that differ in literals only.
// Comments and blanks stay as they are. Returns false (and leaves `shape` unspecified) for a text that it
// does not want to judge: an unterminated string or comment, dollar quotes, U&'' or B''/X'' strings, a NUL
// byte, more than 64 literals, and the integers 2147483648 and 9223372036854775808, whose type a minus sign
// in front of them would change. Equal shapes imply equal kinds: each kind has its own marker (a byte below
// 5). `shape` and `literals` are scratch, cleared first; no allocation once they are warm.
bool scan_literals(std::string_view text, std::string& shape, std::vector<LiteralToken>& literals,
                   Arena& arena);

}  // namespace gyre::adapter
