// Statements' texts as others may see them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gyre::adapter {

// A statement about a role may hold a password: it is shown up to the word.
std::string without_password(std::string_view text);
// At most so many bytes of it, whole characters.
std::string_view clipped(std::string_view text, std::size_t most);

}  // namespace gyre::adapter
