// What an error may say of rows. A constraint that fails prints the row, or its key, as a detail: that is for
// those who may read the table.
#pragma once

#include <exception>

#include "adapter/catalog/catalog.h"

namespace gyre::adapter {

// The failure, without the detail of a constraint's violation if the role may not read one of the tables that
// the detail can be of. (With rights on single columns PostgreSQL would show these.)
std::exception_ptr with_visible_details(std::exception_ptr failure, const Catalog& catalog, RoleId role);

}  // namespace gyre::adapter
