// Access lists as text: PostgreSQL's aclitem, "alice=r*w/bob".
#pragma once

#include <string>
#include <string_view>

namespace gyre::storage {

// A role as an item spells it: within quotes unless it is letters, digits and underscores only.
std::string acl_name(std::string_view role);

}  // namespace gyre::storage
