#include "adapter/durability/bind_catalog.h"

#include <fmt/format.h>

#include "adapter/plan/plan.h"
#include "adapter/sql/parser.h"
#include "adapter/sql_error.h"
#include "reactor/base/out_buffer.h"
#include "storage/failure.h"
#include "storage/schema_codec.h"

namespace gyre::adapter {

namespace {

// What an expression's text is bound against: names are written so that they mean the same for everyone.
class Binding {
 public:
  explicit Binding(const Catalog& catalog) : context_{catalog, path_, RoleId(), style_, facts_} {}

  ColumnDefault bind(const ColumnDefault& unbound, const storage::ColumnDef& column) const {
    const auto parsed = parse_sql("SELECT " + unbound.text);
    if (!parsed) throw SqlError("42601", parsed.error().message);
    const auto* select = parsed->size() == 1 ? std::get_if<ast::SelectPtr>(&parsed->front()->node) : nullptr;
    if (select == nullptr || (*select)->targets.size() != 1)
      throw SqlError("42601", "this is not one expression");
    ColumnDefault bound = bind_default(*(*select)->targets.front().value, column.type, column.name, context_);
    bound.text = unbound.text;
    return bound;
  }

 private:
  const std::vector<std::string> path_;
  const storage::TextStyle style_;
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
  for (std::size_t i = 0; i < entry->defaults.size(); ++i) {
    ColumnDefault& value = entry->defaults[i];
    if (value.text.empty() || value.expression != nullptr) continue;
    const storage::ColumnDef& column = entry->schema->columns[i];
    const auto why = [&](std::string_view message) {
      return Unexpected{fmt::format("the default of column \"{}\" of table \"{}\" cannot be read: {} ({})",
                                    column.name, entry->name(), value.text, message)};
    };
    try {
      value = binding.bind(value, column);
    } catch (const SqlError& error) {
      return why(error.message);
    } catch (const storage::Failure& failure) {
      return why(failure.message);
    }
  }
  catalog.put_table(std::move(entry));
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
