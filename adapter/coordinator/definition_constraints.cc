// CHECK, PRIMARY KEY, UNIQUE and FOREIGN KEY: made with a table or added to one, validated, renamed, dropped.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>

#include "adapter/catalog/catalog_oids.h"
#include "adapter/catalog/denied.h"
#include "adapter/coordinator/deferred_keys.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/coordinator/foreign_keys.h"
#include "adapter/exec/row_checks.h"
#include "adapter/plan/relations.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"
#include "storage/tree.h"

namespace gyre::adapter::definition {

namespace {

SqlError no_constraint(const TableEntry& table, std::string_view name) {
  return SqlError("42704",
                  fmt::format("constraint \"{}\" of relation \"{}\" does not exist", name, table.name()));
}

std::uint32_t next_oid(Catalog& catalog) {
  return catalog.next_oid++;
}

// The names that a table's constraints have: to find a free one, a statement may bring thousands.
class ConstraintNames {
 public:
  explicit ConstraintNames(const TableEntry& table) {
    if (!table.schema->primary_key.empty()) taken_.insert(table.schema->primary_key_name);
    for (const IndexSchema& index : table.schema->indexes)
      if (index.constraint) taken_.insert(index.name);
    for (const CheckConstraint& check : table.checks) taken_.insert(check.name);
    for (const ForeignKey& key : table.foreign_keys) taken_.insert(key.name);
  }

  // False where it is taken already.
  bool take(const std::string& name) { return taken_.insert(name).second; }
  // base_label, base_label1, …: the first that is free, which is then taken.
  std::string choose(const std::string& base, std::string_view label) {
    const std::string first = fmt::format("{}_{}", base, label);
    for (int& number = next_[first];; ++number) {
      std::string name = number == 0 ? first : first + std::to_string(number);
      if (take(name)) return name;
    }
  }

 private:
  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, int> next_;  // the number to go on with, by the first name
};

void check_rows(Definition& d, const TableEntry& table, const CheckConstraint& check) {
  const storage::TableVersion* version = d.branch.view().table(table.id());
  GYRE_CHECK(version != nullptr);
  d.exclusive.insert(table.id());
  Arena arena;
  storage::EvalContext eval = evaluation(d, arena);
  std::vector<storage::Datum> row(table.schema->columns.size());
  eval.columns = row.data();
  storage::Cursor cursor(version->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    d.stop.check();
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = table.schema->layout.get(cursor.value().data(), i);
    const storage::Datum passed = check.expression->evaluate(eval);
    if (!passed.null && !passed.truth()) {
      storage::Failure failure(storage::Fault::check_violation,
                               fmt::format("check constraint \"{}\" of relation \"{}\" is violated by some row",
                                           check.name, table.name()));
      failure.table = table.name();
      failure.constraint = check.name;
      throw failure;
    }
    arena.reset();
  }
}

void validate_rows(Definition& d, const TableEntry& table, const ForeignKey& key) {
  Arena arena;
  storage::EvalContext eval = evaluation(d, arena);
  d.exclusive.insert(table.id());
  d.exclusive.insert(key.referenced);
  validate_foreign_key({d.catalog, d.branch, eval, nullptr, nullptr, &d.stop}, table, key);
}

std::vector<std::uint16_t> foreign_columns(const TableSchema& table, const std::vector<std::string>& names) {
  std::vector<std::uint16_t> columns;
  for (const std::string& name : names)
    columns.push_back(column_position(
        table, name, fmt::format("column \"{}\" referenced in foreign key constraint does not exist", name)));
  return columns;
}

bool same_set(std::vector<std::uint16_t> a, std::vector<std::uint16_t> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

// Whether some unique key is over exactly these columns, in any order. Deferrable ones do not count.
bool has_unique_key(const TableSchema& table, const std::vector<std::uint16_t>& columns, bool& deferrable) {
  if (!table.primary_key.empty() && same_set(table.primary_key, columns)) return true;
  for (const IndexSchema& index : table.indexes)
    if ((index.unique || index.constraint) && same_set(index.columns, columns)) {
      if (!index.deferrable) return true;
      deferrable = true;
    }
  return false;
}

bool are_comparable(storage::TypeId a, storage::TypeId b) {
  const auto is_integer = [](storage::TypeId type) {
    return type == storage::TypeId::int2 || type == storage::TypeId::int4 || type == storage::TypeId::int8;
  };
  return a == b || (is_integer(a) && is_integer(b)) ||
         storage::can_coerce(a, b, storage::CastContext::implicit);
}

void check_types(const TableEntry& table, const TableEntry& parent, const ForeignKey& key) {
  for (std::size_t i = 0; i < key.columns.size(); ++i) {
    const storage::ColumnDef& from = table.schema->columns[key.columns[i]];
    const storage::ColumnDef& to = parent.schema->columns[key.referenced_columns[i]];
    if (are_comparable(from.type.id, to.type.id)) continue;
    throw SqlError("42804", fmt::format("foreign key constraint \"{}\" cannot be implemented", key.name))
        .with_detail(fmt::format("Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.", from.name,
                                 to.name, storage::traits(from.type).name, storage::traits(to.type).name));
  }
}

// The rows of a table in the order of another primary key (none: in the order they have now).
void rekey(Definition& d, const TableEntry& table, std::vector<std::uint16_t> primary_key, std::string name) {
  auto now = std::make_shared<TableEntry>(table);
  auto schema = std::make_shared<TableSchema>(*table.schema);
  for (const std::uint16_t at : primary_key) schema->columns[at].not_null = true;
  schema->primary_key = std::move(primary_key);
  schema->primary_key_name = std::move(name);
  now->schema = std::move(schema);
  rewrite_table(d, table, std::move(now), [](std::span<const storage::Datum> from, std::span<storage::Datum> to) {
    std::copy(from.begin(), from.end(), to.begin());
  });
}

[[noreturn]] void throw_nulls(const TableEntry& table, const std::string& column) {
  storage::Failure failure(
      storage::Fault::not_null_violation,
      fmt::format("column \"{}\" of relation \"{}\" contains null values", column, table.name()));
  failure.table = table.name();
  failure.column = column;
  throw failure;
}

void check_no_nulls(const Definition& d, const TableEntry& table, const std::vector<std::uint16_t>& columns) {
  const storage::TableVersion* version = d.branch.view().table(table.id());
  storage::Cursor cursor(version->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    d.stop.check();
    for (const std::uint16_t column : columns)
      if (storage::RowLayout::is_null(cursor.value().data(), column))
        throw_nulls(table, table.schema->columns[column].name);
  }
}

// The index of a constraint. Of one that is deferrable nobody else looks at the keys that are there.
void add_key_index(Definition& d, const TableEntry& table, IndexSchema index) {
  auto schema = std::make_shared<TableSchema>(*table.schema);
  const bool deferrable = is_deferrable_key(index);
  if (index.primary)
    for (const std::uint16_t at : index.columns) schema->columns[at].not_null = true;
  schema->indexes.push_back(std::move(index));
  d.branch.create_index(schema);
  if (deferrable) {
    d.exclusive.insert(table.id());
    check_all_keys(*d.branch.view().table(table.id()), schema->indexes.size() - 1, d.context.style, d.stop);
  }
  change_entry(d, table, [&](TableEntry& entry) { entry.schema = std::move(schema); });
}

// The words of pg_get_constraintdef's kinds for messages of what depends on what.
std::string constraint_on(std::string_view constraint, std::string_view table) {
  return fmt::format("constraint {} on table {}", constraint, table);
}

// ADD CONSTRAINT … USING INDEX: the index becomes the constraint, under its name.
void adopt_index(Definition& d, const TableEntry& table, const ast::KeyConstraint& key) {
  const auto& indexes = table.schema->indexes;
  const auto found = std::find_if(indexes.begin(), indexes.end(),
                                  [&](const IndexSchema& index) { return index.name == key.index; });
  if (found == indexes.end())
    throw SqlError("42704", fmt::format("index \"{}\" does not exist", key.index), key.location);
  if (found->constraint)
    throw SqlError("55000", fmt::format("index \"{}\" is already associated with a constraint", key.index),
                   key.location);
  if (!found->unique)
    throw SqlError("42809", fmt::format("\"{}\" is not a unique index", key.index), key.location)
        .with_detail("Cannot create a primary key or unique constraint using such an index.");
  const std::string name = key.name.empty() ? key.index : key.name;
  if (name != key.index)
    d.notices.push_back(notice(
        "00000", fmt::format("ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{}\" to \"{}\"",
                             key.index, name)));
  const RelationId id = found->id;
  if (key.deferrable || key.deferred) {  // it holds its keys in another form
    if (key.primary) check_no_nulls(d, table, found->columns);
    IndexSchema index = *found;
    auto schema = std::make_shared<TableSchema>(*table.schema);
    schema->indexes.erase(schema->indexes.begin() + (found - indexes.begin()));
    d.branch.drop_index(id, schema);
    index.id = next_relation(d.catalog);
    index.name = name;
    make_constraint(index, key);
    return add_key_index(
        d, *change_entry(d, table, [&](TableEntry& entry) { entry.schema = std::move(schema); }), std::move(index));
  }
  if (!key.primary) {
    change_schema(d, table, [&](TableSchema& schema) {
      IndexSchema& index = schema.indexes[static_cast<std::size_t>(schema.index_position(id))];
      index.name = name;
      index.constraint = true;
    });
    return;
  }
  std::vector<std::uint16_t> columns = found->columns;
  check_no_nulls(d, table, columns);
  auto schema = std::make_shared<TableSchema>(*table.schema);
  schema->indexes.erase(schema->indexes.begin() + (found - indexes.begin()));
  d.branch.drop_index(id, schema);
  const auto without =
      change_entry(d, table, [&](TableEntry& entry) { entry.schema = std::move(schema); });
  rekey(d, *without, std::move(columns), name);
}

}  // namespace

void make_constraint(IndexSchema& index, const ast::KeyConstraint& key) {
  index.constraint = true;
  index.deferrable = key.deferrable || key.deferred;
  index.deferred = key.deferred;
  index.unique = !index.deferrable;
  index.primary = key.primary;
}

bool constraint_name_taken(const TableEntry& table, std::string_view name) {
  const auto is_named = [&](const auto& constraint) { return constraint.name == name; };
  if (!table.schema->primary_key.empty() && table.schema->primary_key_name == name) return true;
  return std::any_of(table.schema->indexes.begin(), table.schema->indexes.end(),
                     [&](const IndexSchema& index) { return index.constraint && index.name == name; }) ||
         std::any_of(table.checks.begin(), table.checks.end(), is_named) ||
         std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(), is_named);
}

namespace {

void check_name_free(const TableEntry& table, const std::string& name) {
  if (!name.empty() && constraint_name_taken(table, name))
    throw SqlError("42710", fmt::format("constraint \"{}\" for relation \"{}\" already exists", name, table.name()));
}

}  // namespace

std::vector<std::uint16_t> key_columns(const TableSchema& table, const ast::KeyConstraint& key) {
  std::vector<std::uint16_t> positions;
  for (const std::string& name : key.columns) {
    const std::uint16_t at =
        column_position(table, name, fmt::format("column \"{}\" named in key does not exist", name), key.location);
    if (std::find(positions.begin(), positions.end(), at) != positions.end())
      throw SqlError("42701",
                     fmt::format("column \"{}\" appears twice in {} constraint", name,
                                 key.primary ? "primary key" : "unique"),
                     key.location);
    positions.push_back(at);
  }
  return positions;
}

namespace {

CheckConstraint make_check(Definition& d, const std::shared_ptr<const TableEntry>& table, const NewCheck& given,
                           bool rows_exist, ConstraintNames& names) {
  const ast::CheckClause& clause = *given.clause;
  CheckConstraint check = bind_check(*clause.condition, table, d.context);
  if (!clause.name.empty() && !names.take(clause.name))
    throw SqlError("42710", rows_exist ? fmt::format("constraint \"{}\" for relation \"{}\" already exists",
                                                     clause.name, table->name())
                                       : fmt::format("check constraint \"{}\" already exists", clause.name));
  check.oid = next_oid(d.catalog);
  check.name = clause.name;
  check.no_inherit = clause.no_inherit;
  check.validated = !clause.not_valid || !rows_exist;
  if (check.name.empty()) {
    // Named after its column, where it reads just one.
    std::vector<int> columns;
    storage::collect_columns(*check.expression, columns);
    std::string base = table->name();
    if (!given.column.empty())
      base += "_" + std::string(given.column);
    else if (columns.size() == 1)
      base += "_" + table->schema->columns[static_cast<std::size_t>(columns[0])].name;
    check.name = names.choose(base, "check");
  }
  return check;
}

}  // namespace

void add_checks(Definition& d, RelationId id, std::span<const NewCheck> checks, bool rows_exist) {
  if (checks.empty()) return;
  const auto table = current(d, id);
  ConstraintNames names(*table);
  std::vector<CheckConstraint> made;
  for (const NewCheck& check : checks) {
    d.stop.check();
    made.push_back(make_check(d, table, check, rows_exist, names));
    if (rows_exist && made.back().validated) check_rows(d, *table, made.back());
  }
  change_entry(d, *table, [&](TableEntry& entry) {
    std::move(made.begin(), made.end(), std::back_inserter(entry.checks));
    std::sort(entry.checks.begin(), entry.checks.end(),
              [](const CheckConstraint& a, const CheckConstraint& b) { return a.name < b.name; });
  });
}

void add_foreign_key(Definition& d, RelationId id, const ast::ForeignKeyClause& clause, bool rows_exist) {
  const auto table = current(d, id);
  const auto parent = clause.referenced.name == table->name() &&
                              (clause.referenced.schema.empty() || clause.referenced.schema == table->schema_name)
                          ? table
                          : resolve_table(clause.referenced, d.context);
  if (parent->is_sequence())
    throw SqlError("42809", fmt::format("referenced relation \"{}\" is not a table", parent->name()));
  lock_table(d, parent->id(), TableLockMode::share_row_exclusive);
  ForeignKey key{};
  key.columns = foreign_columns(*table->schema, clause.columns);
  key.referenced = parent->id();
  if (clause.referenced_columns.empty()) {
    if (parent->schema->deferrable_primary_key() != nullptr)
      throw SqlError("55000", fmt::format("cannot use a deferrable primary key for referenced table \"{}\"",
                                          parent->name()));
    if (parent->schema->primary_key.empty())
      throw SqlError("42704", fmt::format("there is no primary key for referenced table \"{}\"", parent->name()));
    key.referenced_columns = parent->schema->primary_key;
  } else {
    key.referenced_columns = foreign_columns(*parent->schema, clause.referenced_columns);
  }
  if (key.columns.size() != key.referenced_columns.size())
    throw SqlError("42830", "number of referencing and referenced columns for foreign key disagree");
  bool deferrable = false;
  if (!has_unique_key(*parent->schema, key.referenced_columns, deferrable)) {
    if (deferrable)
      throw SqlError("55000", fmt::format("cannot use a deferrable unique constraint for referenced table \"{}\"",
                                          parent->name()));
    throw SqlError("42830", fmt::format("there is no unique constraint matching given keys for referenced table \"{}\"",
                                        parent->name()));
  }
  const bool may_refer =
      d.catalog.allows(d.context.role, *parent, bit(Privilege::references)) ||
      std::all_of(key.referenced_columns.begin(), key.referenced_columns.end(), [&](std::uint16_t column) {
        return d.catalog.allows_column(d.context.role, *parent, column, Privilege::references);
      });
  if (!may_refer) throw permission_denied(ObjectKind::table, parent->name());
  key.match_full = clause.match_full;
  key.on_update = static_cast<ForeignKey::Action>(clause.on_update);
  key.on_delete = static_cast<ForeignKey::Action>(clause.on_delete);
  key.delete_set_columns = foreign_columns(*table->schema, clause.delete_set_columns);
  for (std::size_t i = 0; i < key.delete_set_columns.size(); ++i)
    if (std::find(key.columns.begin(), key.columns.end(), key.delete_set_columns[i]) == key.columns.end())
      throw SqlError("42P10", fmt::format("column \"{}\" referenced in ON DELETE SET action must be part of foreign key",
                                          clause.delete_set_columns[i]));
  key.deferrable = clause.deferrable || clause.deferred;
  key.deferred = clause.deferred;
  key.validated = !clause.not_valid || !rows_exist;
  check_name_free(*table, clause.name);
  key.name = clause.name;
  if (key.name.empty())
    key.name = ConstraintNames(*table).choose(table->name() + joined_names(*table->schema, key.columns), "fkey");
  check_types(*table, *parent, key);
  key.oid = next_oid(d.catalog);
  const auto now = change_entry(d, *table, [&](TableEntry& entry) { entry.foreign_keys.push_back(key); });
  if (rows_exist && key.validated) validate_rows(d, *now, key);
}

void add_key_constraint(Definition& d, RelationId id, const ast::KeyConstraint& key) {
  const auto table = current(d, id);
  const TableSchema& before = *table->schema;
  if (key.primary && before.has_primary_key())
    throw SqlError("42P16", fmt::format("multiple primary keys for table \"{}\" are not allowed", before.name),
                   key.location);
  if (!key.index.empty()) {
    check_name_free(*table, key.name);
    return adopt_index(d, *table, key);
  }
  std::vector<std::uint16_t> columns = key_columns(before, key);
  check_may_create(d, table->schema_name, d.context.role);  // an index is made
  if (!key.name.empty() && name_taken(d, table->schema_name, key.name))
    throw SqlError("42P07", fmt::format("relation \"{}\" already exists", key.name));
  check_name_free(*table, key.name);
  std::string name = key.name;
  if (name.empty())
    name = key.primary ? free_name(d, table->schema_name, before.name, "pkey", {})
                       : free_name(d, table->schema_name, before.name + joined_names(before, columns), "key", {});
  if (key.primary) check_no_nulls(d, *table, columns);
  if (key.primary && !key.deferrable && !key.deferred) {
    try {
      return rekey(d, *table, std::move(columns), name);
    } catch (storage::Failure& failure) {
      // The rows are there already: the words are those of an index that cannot be built.
      constexpr std::string_view kExists = " already exists.";
      if (failure.fault != storage::Fault::unique_violation || failure.constraint != name) throw;
      failure.message = fmt::format("could not create unique index \"{}\"", name);
      if (failure.detail.ends_with(kExists))
        failure.detail.replace(failure.detail.size() - kExists.size(), kExists.size(), " is duplicated.");
      throw;
    }
  }
  IndexSchema index;
  index.id = next_relation(d.catalog);
  index.name = std::move(name);
  index.columns = std::move(columns);
  make_constraint(index, key);
  add_key_index(d, *table, std::move(index));
}

void tell_of_cascade(Definition& d, const std::vector<std::string>& objects) {
  if (objects.empty()) return;
  if (objects.size() == 1) {
    d.notices.push_back(notice("00000", "drop cascades to " + objects.front()));
    return;
  }
  pgwire::Diagnostic told = notice("00000", fmt::format("drop cascades to {} other objects", objects.size()));
  for (const std::string& object : objects)
    told.detail += (told.detail.empty() ? "drop cascades to " : "\ndrop cascades to ") + object;
  d.notices.push_back(std::move(told));
}

void release_referrers(Definition& d, const TableEntry& table, std::string_view what, bool cascade,
                       const std::function<bool(const ForeignKey&)>& concerns) {
  std::vector<std::string> dependents;
  std::vector<std::pair<RelationId, std::uint32_t>> keys;
  for (const auto& child : d.catalog.referrers(table.id())) {
    if (child->id() == table.id() && what.starts_with("table ")) continue;
    for (const ForeignKey& key : child->foreign_keys) {
      if (key.referenced != table.id() || !concerns(key)) continue;
      dependents.push_back(constraint_on(key.name, child->name()));
      keys.emplace_back(child->id(), key.oid);
    }
  }
  if (!dependents.empty() && !cascade) {
    // Of a key constraint it is the index that others need.
    std::string needed(what);
    if (what.starts_with("constraint ")) needed = "index " + needed.substr(11, needed.find(' ', 11) - 11);
    std::string detail;
    for (const std::string& dependent : dependents)
      detail += (detail.empty() ? "" : "\n") + dependent + " depends on " + needed;
    throw SqlError("2BP01", fmt::format("cannot drop {} because other objects depend on it", what))
        .with_detail(std::move(detail))
        .with_hint(dependency_error_hint());
  }
  for (const auto& [child, oid] : keys) lock_table(d, child, TableLockMode::access_exclusive);
  tell_of_cascade(d, dependents);
  for (const auto& [child, oid] : keys)
    change_entry(d, *current(d, child), [&](TableEntry& entry) {
      std::erase_if(entry.foreign_keys, [&](const ForeignKey& key) { return key.oid == oid; });
    });
}

void drop_constraint(Definition& d, RelationId id, const std::string& name, bool missing_ok, bool cascade) {
  const auto table = current(d, id);
  const TableSchema& schema = *table->schema;
  const auto depends_on = [&](const std::vector<std::uint16_t>& columns) {
    return [&d, id, columns, name](const ForeignKey& key) {
      if (!same_set(key.referenced_columns, columns)) return false;
      // Another key over the same columns will do as well.
      const auto parent = current(d, id);
      int keys = parent->schema->primary_key.empty() ? 0 : same_set(parent->schema->primary_key, columns);
      for (const IndexSchema& index : parent->schema->indexes)
        keys += index.unique && same_set(index.columns, columns) ? 1 : 0;
      return keys < 2;
    };
  };
  if (!schema.primary_key.empty() && schema.primary_key_name == name) {
    release_referrers(d, *table, constraint_on(name, table->name()), cascade, depends_on(schema.primary_key));
    return rekey(d, *current(d, id), {}, {});
  }
  for (std::size_t i = 0; i < schema.indexes.size(); ++i) {
    if (!schema.indexes[i].constraint || schema.indexes[i].name != name) continue;
    if (schema.indexes[i].unique)
      release_referrers(d, *table, constraint_on(name, table->name()), cascade,
                        depends_on(schema.indexes[i].columns));
    const RelationId index = schema.indexes[i].id;
    const auto now = current(d, id);
    auto without = std::make_shared<TableSchema>(*now->schema);
    without->indexes.erase(without->indexes.begin() + static_cast<std::ptrdiff_t>(i));
    d.branch.drop_index(index, without);
    change_entry(d, *now, [&](TableEntry& entry) { entry.schema = std::move(without); });
    return;
  }
  for (const ForeignKey& key : table->foreign_keys)
    if (key.name == name) lock_table(d, key.referenced, TableLockMode::access_exclusive);
  bool found = false;
  change_entry(d, *table, [&](TableEntry& entry) {
    found = std::erase_if(entry.checks, [&](const CheckConstraint& check) { return check.name == name; }) +
                std::erase_if(entry.foreign_keys, [&](const ForeignKey& key) { return key.name == name; }) >
            0;
  });
  if (found) return;
  if (!missing_ok) throw no_constraint(*table, name);
  d.notices.push_back(notice("00000", fmt::format("constraint \"{}\" of relation \"{}\" does not exist, skipping",
                                                  name, table->name())));
}

void validate_constraint(Definition& d, RelationId id, const std::string& name) {
  const auto table = current(d, id);
  for (std::size_t i = 0; i < table->checks.size(); ++i) {
    if (table->checks[i].name != name) continue;
    if (table->checks[i].validated) return;
    check_rows(d, *table, table->checks[i]);
    change_entry(d, *table, [&](TableEntry& entry) { entry.checks[i].validated = true; });
    return;
  }
  for (std::size_t i = 0; i < table->foreign_keys.size(); ++i) {
    if (table->foreign_keys[i].name != name) continue;
    if (table->foreign_keys[i].validated) return;
    lock_table(d, table->foreign_keys[i].referenced, TableLockMode::share_row_exclusive);
    validate_rows(d, *table, table->foreign_keys[i]);
    change_entry(d, *table, [&](TableEntry& entry) { entry.foreign_keys[i].validated = true; });
    return;
  }
  if (constraint_name_taken(*table, name))
    throw SqlError("42809", fmt::format("constraint \"{}\" of relation \"{}\" is not a foreign key or check constraint",
                                        name, table->name()));
  throw no_constraint(*table, name);
}

void alter_constraint(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  for (std::size_t i = 0; i < table->foreign_keys.size(); ++i) {
    if (table->foreign_keys[i].name != action.name) continue;
    change_entry(d, *table, [&](TableEntry& entry) {
      entry.foreign_keys[i].deferrable = action.foreign_key.deferrable || action.foreign_key.deferred;
      entry.foreign_keys[i].deferred = action.foreign_key.deferred;
    });
    return;
  }
  if (constraint_name_taken(*table, action.name))
    throw SqlError("42809", fmt::format("constraint \"{}\" of relation \"{}\" is not a foreign key constraint",
                                        action.name, table->name()));
  throw no_constraint(*table, action.name);
}

void rename_constraint(Definition& d, RelationId id, const std::string& from, const std::string& to) {
  const auto table = current(d, id);
  if (!constraint_name_taken(*table, from))
    throw SqlError("42704", fmt::format("constraint \"{}\" for table \"{}\" does not exist", from, table->name()));
  check_name_free(*table, to);
  const TableSchema& schema = *table->schema;
  const bool primary = !schema.primary_key.empty() && schema.primary_key_name == from;
  const bool unique = std::any_of(schema.indexes.begin(), schema.indexes.end(),
                                  [&](const IndexSchema& index) { return index.constraint && index.name == from; });
  if (primary || unique) {
    if (name_taken(d, table->schema_name, to))
      throw SqlError("42P07", fmt::format("relation \"{}\" already exists", to));
    change_schema(d, *table, [&](TableSchema& changed) {
      if (primary) changed.primary_key_name = to;
      for (IndexSchema& index : changed.indexes)
        if (!primary && index.name == from) index.name = to;
    });
    return;
  }
  change_entry(d, *table, [&](TableEntry& entry) {
    for (CheckConstraint& check : entry.checks)
      if (check.name == from) check.name = to;
    for (ForeignKey& key : entry.foreign_keys)
      if (key.name == from) key.name = to;
    std::sort(entry.checks.begin(), entry.checks.end(),
              [](const CheckConstraint& a, const CheckConstraint& b) { return a.name < b.name; });
  });
}

}  // namespace gyre::adapter::definition
