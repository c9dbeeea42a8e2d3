// The last step of making a catalog from bytes: expressions are bound again from their texts.
#pragma once

#include <string>
#include <variant>

#include "adapter/catalog/catalog.h"
#include "reactor/base/result.h"
#include "storage/database.h"

namespace gyre::adapter {

// Binds every expression of every entry that has none, and lets entries share their definitions with the
// database's tables. The error is a sentence that names the table: an expression that does not bind, or a
// table that one of the two has and the other has not, or has otherwise.
Result<std::monostate, std::string> bind_catalog(Catalog& catalog, const storage::Database& database);

}  // namespace gyre::adapter
