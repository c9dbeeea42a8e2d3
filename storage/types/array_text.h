// text[] as its printed form {a,"b c",NULL}: taking it apart and making it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::storage {

using TextArray = std::vector<std::optional<std::string>>;

// Throws Failure (invalid_text_representation) where it is no array of one dimension.
TextArray parse_text_array(std::string_view printed);
std::string print_text_array(const TextArray& elements);

}  // namespace gyre::storage
