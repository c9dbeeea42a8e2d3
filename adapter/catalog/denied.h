// The refusal of what a role has no right to do.
#pragma once

#include <string_view>

#include "adapter/catalog/acl.h"
#include "adapter/sql_error.h"

namespace gyre::adapter {

// 42501, "permission denied for table t". at: byte offset into the statement's text, -1 for none.
SqlError permission_denied(ObjectKind kind, std::string_view name, int at = -1);

}  // namespace gyre::adapter
