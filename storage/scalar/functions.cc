// The registry and the rules by which a call finds its function.
//
// Resolution is PostgreSQL's (manual, 10.2 and 10.3): an exact match wins; else, of the candidates that every
// argument can be converted to implicitly, those with the most exact positions, then those with the most
// exact or preferred positions, then by what unknown literals should be taken for. Lists are short (the
// longest, "=", has 30), so each round is a plain filter.
#include "storage/scalar/functions.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "storage/scalar/casts.h"
#include "storage/scalar/families.h"

namespace gyre::storage {

namespace {

using Registry = std::unordered_map<std::string_view, std::vector<const FunctionDef*>>;

Registry make_registry() {
  Registry registry;
  for (const auto family :
       {families::comparison(), families::integer_arithmetic(), families::float_arithmetic(),
        families::numeric_arithmetic(), families::math(), families::text(), families::text_building(),
        families::pattern(), families::bytea(), families::dates(), families::arrays(), families::system(), families::sizes(),
        families::locks(), families::sessions()})
    for (const FunctionDef& def : family) registry[def.name].push_back(&def);
  return registry;
}

std::span<const FunctionDef* const> find_all(std::string_view name) {
  static const Registry registry = make_registry();
  const auto at = registry.find(name);
  if (at == registry.end()) return {};
  return at->second;
}

bool is_symbol(std::string_view name) {
  return !name.empty() && std::string_view("+-*/<>=~!@#%^&|`?").find(name.front()) != std::string_view::npos;
}

char category_of(TypeId type) {
  return traits(type).category;
}
bool is_preferred(TypeId type) {
  return type != TypeId::unknown && traits(type).preferred;
}

using Types = std::span<const TypeId>;

// One way to read the call: a function and the declared type of each actual argument.
struct Candidate {
  const FunctionDef* function;
  std::vector<TypeId> types;
};
using Candidates = std::vector<Candidate>;

// False if the function does not take that many arguments.
bool spread(const FunctionDef& function, std::size_t count, Candidate& candidate) {
  const ArgumentTypes& declared = function.arguments;
  if (function.variadic ? count < declared.size() : count != declared.size()) return false;
  candidate.function = &function;
  for (std::size_t i = 0; i < count; ++i)
    candidate.types.push_back(declared[std::min(i, declared.size() - 1)]);
  return true;
}

bool accepts(const Candidate& candidate, Types actual) {
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (candidate.types[i] != kAnyType && !can_coerce(actual[i], candidate.types[i], CastContext::implicit))
      return false;
  return true;
}

const FunctionDef* exact_match(const Candidates& candidates, Types actual) {
  for (const Candidate& candidate : candidates)
    if (std::equal(actual.begin(), actual.end(), candidate.types.begin()) &&
        std::find(actual.begin(), actual.end(), TypeId::unknown) == actual.end())
      return candidate.function;
  return nullptr;
}

template <class Score>
void keep_best(Candidates& candidates, const Score& score) {
  int best = 0;
  for (const Candidate& candidate : candidates) best = std::max(best, score(candidate));
  std::erase_if(candidates, [&](const Candidate& candidate) { return score(candidate) < best; });
}

void keep_closest(Candidates& candidates, Types actual) {
  const auto exact = [actual](const Candidate& candidate, std::size_t i) {
    return actual[i] != TypeId::unknown && candidate.types[i] == actual[i];
  };
  keep_best(candidates, [&](const Candidate& candidate) {
    int count = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) count += exact(candidate, i) ? 1 : 0;
    return count;
  });
  keep_best(candidates, [&](const Candidate& candidate) {
    int count = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const bool preferred = actual[i] != TypeId::unknown && is_preferred(candidate.types[i]) &&
                             category_of(candidate.types[i]) == category_of(actual[i]);
      count += exact(candidate, i) || preferred ? 1 : 0;
    }
    return count;
  });
}

// What category an unknown at position i should be: string if any candidate takes one, else the one that all
// agree on; 0 if they do not.
char category_at(const Candidates& candidates, std::size_t i) {
  char category = 0;
  bool conflict = false;
  for (const Candidate& candidate : candidates) {
    const char own = candidate.types[i] == kAnyType ? 'P' : category_of(candidate.types[i]);
    if (own == 'S') return 'S';
    conflict = conflict || (category != 0 && own != category);
    category = own;
  }
  return conflict ? '\0' : category;
}

// Keeps the candidates that take the chosen category at every unknown position, and of those, where some take
// its preferred type, only them.
void keep_by_category(Candidates& candidates, Types actual) {
  std::vector<char> chosen(actual.size());
  std::vector<bool> preferred(actual.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] != TypeId::unknown) continue;
    chosen[i] = category_at(candidates, i);
    if (chosen[i] == 0) return;
    for (const Candidate& candidate : candidates)
      if (category_of(candidate.types[i]) == chosen[i] && is_preferred(candidate.types[i]))
        preferred[i] = true;
  }
  Candidates kept;
  for (const Candidate& candidate : candidates) {
    bool keep = true;
    for (std::size_t i = 0; i < actual.size() && keep; ++i) {
      if (actual[i] != TypeId::unknown) continue;
      const char own = candidate.types[i] == kAnyType ? 'P' : category_of(candidate.types[i]);
      keep = own == chosen[i] && (!preferred[i] || is_preferred(candidate.types[i]));
    }
    if (keep) kept.push_back(candidate);
  }
  if (!kept.empty()) candidates = std::move(kept);
}

// If all known arguments have one type, the unknown ones are taken for it; the only candidate that then fits.
const Candidate* by_known_type(const Candidates& candidates, Types actual) {
  TypeId known = TypeId::unknown;
  for (const TypeId type : actual) {
    if (type == TypeId::unknown) continue;
    if (known != TypeId::unknown && known != type) return nullptr;
    known = type;
  }
  if (known == TypeId::unknown) return nullptr;
  const std::vector<TypeId> assumed(actual.size(), known);
  const Candidate* found = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!accepts(candidate, assumed)) continue;
    if (found != nullptr) return nullptr;
    found = &candidate;
  }
  return found;
}

Resolution resolved(const Candidate& candidate, Types actual) {
  Resolution resolution{Resolution::Status::found, candidate.function, {}, TypeId::unknown};
  for (std::size_t i = 0; i < actual.size(); ++i) {
    TypeId type = candidate.types[i] == kAnyType ? actual[i] : candidate.types[i];
    if (type == TypeId::unknown) type = TypeId::text;
    resolution.arguments.push_back(type);
  }
  return resolution;
}

Resolution select(Candidates candidates, Types actual) {
  std::erase_if(candidates, [actual](const Candidate& candidate) { return !accepts(candidate, actual); });
  if (candidates.empty()) return {};
  if (candidates.size() > 1) keep_closest(candidates, actual);
  const bool any_unknown = std::find(actual.begin(), actual.end(), TypeId::unknown) != actual.end();
  if (candidates.size() > 1 && any_unknown) keep_by_category(candidates, actual);
  if (candidates.size() == 1) return resolved(candidates.front(), actual);
  if (any_unknown)
    if (const Candidate* found = by_known_type(candidates, actual)) return resolved(*found, actual);
  Resolution ambiguous;
  ambiguous.status = Resolution::Status::ambiguous;
  return ambiguous;
}

Candidates candidates_for(std::span<const FunctionDef* const> functions, std::size_t count) {
  Candidates candidates;
  for (const FunctionDef* function : functions) {
    Candidate candidate;
    if (spread(*function, count, candidate)) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Resolution exactly(const FunctionDef* function, Types actual) {
  return {Resolution::Status::found, function, {actual.begin(), actual.end()}, TypeId::unknown};
}

// type(x) is a cast where x is a literal, needs no conversion, or is read from or printed as text.
TypeId cast_meant(std::string_view name, TypeId argument) {
  const TypeId type = type_by_name(name);
  if (type == TypeId::count_ || type == TypeId::unknown) return TypeId::unknown;
  const bool meant = argument == TypeId::unknown || argument == type || find_cast(argument, type) != nullptr;
  return meant ? type : TypeId::unknown;
}

}  // namespace

std::span<const FunctionDef* const> functions_named(std::string_view name) {
  return is_symbol(name) ? std::span<const FunctionDef* const>() : find_all(name);
}
std::span<const FunctionDef* const> operators_named(std::string_view symbol) {
  return is_symbol(symbol) ? find_all(symbol == "!=" ? "<>" : symbol) : std::span<const FunctionDef* const>();
}

Resolution resolve_operator(std::string_view symbol, std::optional<TypeId> left, TypeId right) {
  std::vector<TypeId> actual;
  if (left) actual.push_back(*left);
  actual.push_back(right);
  const Candidates candidates = candidates_for(operators_named(symbol), actual.size());
  if (const FunctionDef* function = exact_match(candidates, actual)) return exactly(function, actual);
  if (left && (*left == TypeId::unknown) != (right == TypeId::unknown)) {
    const std::vector<TypeId> assumed(2, *left == TypeId::unknown ? right : *left);
    if (const FunctionDef* function = exact_match(candidates, assumed)) return exactly(function, assumed);
  }
  return select(candidates, actual);
}

Resolution resolve_function(std::string_view name, std::span<const TypeId> arguments) {
  const Candidates candidates = candidates_for(functions_named(name), arguments.size());
  if (const FunctionDef* function = exact_match(candidates, arguments)) return exactly(function, arguments);
  if (arguments.size() == 1) {
    const TypeId type = cast_meant(name, arguments[0]);
    if (type != TypeId::unknown) {
      Resolution cast;
      cast.status = Resolution::Status::type_cast;
      cast.cast_to = type;
      return cast;
    }
  }
  return select(candidates, arguments);
}

Resolution resolve_among(std::span<const FunctionDef* const> overloads, std::span<const TypeId> arguments) {
  const Candidates candidates = candidates_for(overloads, arguments.size());
  if (const FunctionDef* function = exact_match(candidates, arguments)) return exactly(function, arguments);
  return select(candidates, arguments);
}

std::optional<TypeId> common_type(std::span<const TypeId> types) {
  TypeId chosen = TypeId::unknown;
  for (const TypeId type : types) {
    if (type == TypeId::unknown || type == chosen) continue;
    if (chosen == TypeId::unknown) {
      chosen = type;
      continue;
    }
    if (category_of(type) != category_of(chosen)) return std::nullopt;
    if (!is_preferred(chosen) && can_coerce(chosen, type, CastContext::implicit) &&
        !can_coerce(type, chosen, CastContext::implicit))
      chosen = type;
  }
  if (chosen == TypeId::unknown) return TypeId::text;
  for (const TypeId type : types)
    if (!can_coerce(type, chosen, CastContext::implicit)) return std::nullopt;
  return chosen;
}

const FunctionDef* equality_of(TypeId type) {
  const Resolution resolution = resolve_operator("=", type, type);
  return resolution.found() ? resolution.function : nullptr;
}

}  // namespace gyre::storage
