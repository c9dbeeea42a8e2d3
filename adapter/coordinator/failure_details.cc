// A failure names its table without a schema, so all tables of that name are asked about; and the violation of
// a foreign key may print a key of either table.
#include "adapter/coordinator/failure_details.h"

#include <algorithm>

#include "storage/failure.h"

namespace gyre::adapter {

namespace {

using storage::Failure;
using storage::Fault;

bool shows_rows(const Failure& failure) {
  return failure.fault == Fault::not_null_violation || failure.fault == Fault::check_violation ||
         failure.fault == Fault::unique_violation || failure.fault == Fault::foreign_key_violation;
}

bool may_read(const Failure& failure, const Catalog& catalog, RoleId role) {
  const auto allowed = [&](const TableEntry& table) {
    return catalog.allows(role, table, bit(Privilege::select));
  };
  return std::all_of(catalog.tables().begin(), catalog.tables().end(), [&](const auto& named) {
    const TableEntry& table = *named.second;
    if (table.name() != failure.table) return true;
    return allowed(table) &&
           std::all_of(table.foreign_keys.begin(), table.foreign_keys.end(), [&](const ForeignKey& key) {
             const auto referenced = catalog.table(key.referenced);
             return key.name != failure.constraint || referenced == nullptr || allowed(*referenced);
           });
  });
}

// Without the values.
void hide_rows(Failure& failure) {
  const std::size_t end_of_key = failure.detail.rfind(") is ");
  if (failure.fault == Fault::foreign_key_violation && end_of_key != std::string::npos)
    failure.detail.replace(0, end_of_key + 1, "Key");
  else
    failure.detail.clear();
}

}  // namespace

std::exception_ptr with_visible_details(std::exception_ptr failure, const Catalog& catalog, RoleId role) {
  try {
    std::rethrow_exception(failure);
  } catch (Failure& known) {
    if (shows_rows(known) && !may_read(known, catalog, role)) hide_rows(known);
    return std::current_exception();
  } catch (...) {
    return failure;
  }
}

}  // namespace gyre::adapter
