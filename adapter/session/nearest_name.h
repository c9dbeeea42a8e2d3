// Which name somebody may have meant who wrote another one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gyre::adapter {

// The one that takes the fewest letters to insert, remove or exchange (Levenshtein's distance), whatever
// their case: at most three, and at most half of those that were given. Empty: none is near. Of equals the
// first.
std::string_view nearest_name(std::string_view given, std::span<const std::string_view> names);

// " (did you mean \"NAME\"?)", or nothing.
std::string did_you_mean(std::string_view name);
// The same as a hint: "Did you mean \"NAME\"?", or nothing.
std::string name_hint(std::string_view name);

}  // namespace gyre::adapter
