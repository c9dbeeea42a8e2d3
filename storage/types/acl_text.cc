#include "storage/types/acl_text.h"

#include <algorithm>

namespace gyre::storage {

namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string acl_name(std::string_view role) {
  if (std::all_of(role.begin(), role.end(), is_plain)) return std::string(role);
  std::string quoted = "\"";
  for (const char c : role) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace gyre::storage
