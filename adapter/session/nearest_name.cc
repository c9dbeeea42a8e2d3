#include "adapter/session/nearest_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace gyre::adapter {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view given, std::span<const std::string_view> names) {
  std::string_view best;
  std::size_t best_distance = 4;  // farther than this is not "near"
  for (const std::string_view name : names) {
    // What is longer or shorter by more cannot be nearer; a given name may be of any length.
    const std::size_t apart = std::max(given.size(), name.size()) - std::min(given.size(), name.size());
    if (apart >= best_distance) continue;
    const std::size_t away = distance(given, name);
    if (away >= best_distance || away >= given.size() / 2 + 1) continue;
    best = name;
    best_distance = away;
  }
  return best;
}

std::string did_you_mean(std::string_view name) {
  return name.empty() ? std::string() : fmt::format(" (did you mean \"{}\"?)", name);
}

std::string name_hint(std::string_view name) {
  return name.empty() ? std::string() : fmt::format("Did you mean \"{}\"?", name);
}

}  // namespace gyre::adapter
