#include "adapter/durability/bind_catalog.h"

#include <fmt/format.h>

#include "adapter/catalog/surroundings.h"
#include "adapter/plan/plan.h"
#include "adapter/sql_error.h"
#include "reactor/base/out_buffer.h"
#include "storage/failure.h"
#include "storage/schema_codec.h"

namespace gyre::adapter {

namespace {

// What an expression's text is bound against: names are written so that they mean the same for everyone.
class Binding {
 public:
  explicit Binding(const Catalog& catalog)
      : names_(catalog), context_{catalog, path_, RoleId(), style_, facts_} {
    style_.relations = &names_;
  }
  const PlanContext& context() const { return context_; }

 private:
  const std::vector<std::string> path_;
  const CatalogNames names_;
  storage::TextStyle style_;
  const storage::SessionFacts facts_;
  const PlanContext context_;
};

std::string bytes_of(const std::shared_ptr<const storage::TableSchema>& schema) {
  OutBuffer bytes;
  Encoder encoder(bytes);
  encoder(schema);
  return std::string(bytes.view());
}

Result<std::monostate, std::string> bind_table(const TableEntry& unbound, const storage::Database& database,
                                               const Binding& binding, Catalog& catalog) {
  const storage::TableVersion* table = database.table(unbound.id());
  if (table == nullptr || bytes_of(table->schema) != bytes_of(unbound.schema))
    return Unexpected{fmt::format("table \"{}\" (oid {}) is not the same in the catalog and in the data",
                                  unbound.name(), oid_of(unbound.id()))};
  auto entry = std::make_shared<TableEntry>(unbound);
  entry->schema = table->schema;
  const auto why = [&](std::string_view message) {
    return Unexpected{
        fmt::format("the expressions of table \"{}\" cannot be read: {}", entry->name(), message)};
  };
  try {
    catalog.put_table(bind_texts(*entry, binding.context()));
  } catch (const SqlError& error) {
    return why(error.message);
  } catch (const storage::Failure& failure) {
    return why(failure.message);
  }
  return std::monostate{};
}

}  // namespace

Result<std::monostate, std::string> bind_catalog(Catalog& catalog, const storage::Database& database) {
  const Catalog unbound = catalog;
  const Binding binding(unbound);
  for (const auto& [name, entry] : unbound.tables()) {
    if (auto bound = bind_table(*entry, database, binding, catalog); !bound) return bound;
  }
  for (const storage::TableVersion* table : database.tables())
    if (table != nullptr && unbound.table(table->schema->id) == nullptr)
      return Unexpected{fmt::format("table \"{}\" (oid {}) is in the data and not in the catalog",
                                    table->schema->name, oid_of(table->schema->id))};
  return std::monostate{};
}

}  // namespace gyre::adapter
