// ALTER TABLE, RENAME, COMMENT. The actions of one statement run in the order of PostgreSQL's passes: what is
// dropped first, then types, new columns, properties of columns, keys, constraints.
//
// Where columns change, all rows are written anew. The oracle core does so between other statements, so that
// writers wait as long as it takes; readers do not.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "adapter/catalog/denied.h"
#include "adapter/catalog/deparse.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/exec/row_checks.h"
#include "adapter/sql/parser.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/constraint_failure.h"
#include "storage/failure.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"
#include "storage/tree.h"

namespace gyre::adapter::definition {

namespace {

using Kind = ast::AlterAction::Kind;
using storage::Datum;

// ---- columns come and go ----

void check_has_no_nulls(const Definition& d, const TableEntry& table, std::uint16_t column) {
  const storage::TableVersion* version = d.branch.view().table(table.id());
  storage::Cursor cursor(version->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    d.stop.check();
    if (!storage::RowLayout::is_null(cursor.value().data(), column)) continue;
    const std::string& name = table.schema->columns[column].name;
    storage::Failure failure(
        storage::Fault::not_null_violation,
        fmt::format("column \"{}\" of relation \"{}\" contains null values", name, table.name()));
    failure.table = table.name();
    failure.column = name;
    throw failure;
  }
}

void add_column(Definition& d, RelationId id, const ast::AlterAction& action) {
  const ast::ColumnDefinition& column = *action.column;
  const auto table = current(d, id);
  for (const storage::ColumnDef& other : table->schema->columns)
    if (other.name == column.name) {
      std::string message =
          fmt::format("column \"{}\" of relation \"{}\" already exists", column.name, table->name());
      if (!action.exists_ok) throw SqlError("42701", std::move(message));
      d.notices.push_back(notice("42701", message + ", skipping"));
      return;
    }
  if (!column.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", column.unsupported_what), column.location);
  if (column.identity && column.default_value != nullptr)
    throw SqlError("42601",
                   fmt::format("both default and identity specified for column \"{}\" of table \"{}\"",
                               column.name, table->name()),
                   column.location);
  const auto position = static_cast<std::uint16_t>(table->schema->columns.size());
  auto schema = std::make_shared<TableSchema>(*table->schema);
  const bool not_null = column.not_null || column.identity || serial_type(column.type);
  schema->columns.push_back({column.name, column_type(column, d), false});
  schema->layout = storage::layout_of(schema->columns);
  auto now = std::make_shared<TableEntry>(*table);
  now->schema = schema;
  std::set<std::string> making;
  now->defaults.push_back(column_default(column, position, *now, d, making));
  const std::shared_ptr<const storage::Expression> value = now->defaults.back().expression;
  Arena arena;
  storage::EvalContext eval = evaluation(d, arena);
  rewrite_table(d, *table, std::move(now), [&](std::span<const Datum> from, std::span<Datum> to) {
    std::copy(from.begin(), from.end(), to.begin());
    if (value != nullptr) to.back() = value->evaluate(eval);
  });
  if (not_null) {
    const auto added = current(d, id);
    check_has_no_nulls(d, *added, position);
    change_schema(d, *added, [&](TableSchema& changed) { changed.columns[position].not_null = true; });
  }
  for (const ast::KeyConstraint& key : column.keys) add_key_constraint(d, id, key);
  std::vector<NewCheck> checks;
  for (const ast::CheckClause& check : column.checks) checks.push_back({&check, column.name});
  add_checks(d, id, checks, true);
  for (const ast::ForeignKeyClause& key : column.foreign_keys) add_foreign_key(d, id, key, true);
}

bool mentions_column(const storage::Expression& expression, std::uint16_t column) {
  std::vector<int> columns;
  storage::collect_columns(expression, columns);
  return std::find(columns.begin(), columns.end(), static_cast<int>(column)) != columns.end();
}

bool contains(const std::vector<std::uint16_t>& columns, std::uint16_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

// The positions behind a dropped column move up by one.
void close_gap(std::vector<std::uint16_t>& columns, std::uint16_t dropped) {
  for (std::uint16_t& column : columns)
    if (column > dropped) --column;
}

void drop_column(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto before = current(d, id);
  const auto& columns = before->schema->columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const storage::ColumnDef& c) { return c.name == action.name; });
  if (found == columns.end()) {
    std::string message =
        fmt::format("column \"{}\" of relation \"{}\" does not exist", action.name, before->name());
    if (!action.missing_ok) throw SqlError("42703", std::move(message));
    d.notices.push_back(notice("00000", message + ", skipping"));
    return;
  }
  const auto gone = static_cast<std::uint16_t>(found - columns.begin());
  release_referrers(d, *before, fmt::format("column {} of table {}", action.name, before->name()), action.cascade,
                    [&](const ForeignKey& key) { return contains(key.referenced_columns, gone); });
  while (const auto sequence = d.catalog.sequence_of(id, gone)) {
    change_entry(d, *current(d, id), [&](TableEntry& entry) { entry.defaults[gone] = {}; });
    drop_sequence(d, *sequence, action.cascade,
                  fmt::format("column {} of table {}", action.name, before->name()));
  }
  const auto table = current(d, id);
  auto schema = std::make_shared<TableSchema>(*table->schema);
  auto now = std::make_shared<TableEntry>(*table);
  schema->columns.erase(schema->columns.begin() + gone);
  schema->layout = storage::layout_of(schema->columns);
  if (contains(schema->primary_key, gone)) {
    schema->primary_key.clear();
    schema->primary_key_name.clear();
  }
  close_gap(schema->primary_key, gone);
  std::erase_if(schema->indexes, [&](const IndexSchema& index) { return contains(index.columns, gone); });
  for (IndexSchema& index : schema->indexes) close_gap(index.columns, gone);
  now->defaults.erase(now->defaults.begin() + gone);
  std::erase_if(now->checks, [&](const CheckConstraint& c) { return mentions_column(*c.expression, gone); });
  std::vector<int> map;
  for (std::size_t i = 0; i < columns.size(); ++i) map.push_back(static_cast<int>(i > gone ? i - 1 : i));
  for (CheckConstraint& check : now->checks) check.expression = check.expression->clone_with_columns(map);
  std::erase_if(now->foreign_keys, [&](const ForeignKey& key) { return contains(key.columns, gone); });
  for (ForeignKey& key : now->foreign_keys) {
    close_gap(key.columns, gone);
    close_gap(key.delete_set_columns, gone);
    if (key.referenced == id) close_gap(key.referenced_columns, gone);
  }
  Comments comments;
  for (const auto& [column, text] : now->comments)
    if (column != gone + 1) comments.emplace(column > gone + 1 ? column - 1 : column, text);
  now->comments = std::move(comments);
  std::map<std::uint16_t, Acl> column_acl;
  for (auto& [column, acl] : now->column_acl)
    if (column != gone) column_acl.emplace(column > gone ? column - 1 : column, std::move(acl));
  now->column_acl = std::move(column_acl);
  now->schema = schema;
  rewrite_table(d, *table, std::move(now), [&](std::span<const Datum> from, std::span<Datum> to) {
    for (std::size_t i = 0, at = 0; i < from.size(); ++i)
      if (i != gone) to[at++] = from[i];
  });
  // Others that count this table's columns.
  for (const auto& child : d.catalog.referrers(id)) {
    if (child->id() == id) continue;
    change_entry(d, *child, [&](TableEntry& entry) {
      for (ForeignKey& key : entry.foreign_keys)
        if (key.referenced == id) close_gap(key.referenced_columns, gone);
    });
  }
  for (std::uint16_t column = gone + 1; column < columns.size(); ++column)
    while (const auto sequence = d.catalog.sequence_of(id, column))
      change_entry(d, *sequence, [&](TableEntry& entry) {
        entry.sequence->owner->second = static_cast<std::uint16_t>(column - 1);
      });
}

// ---- a column's type ----

ast::ExprPtr parse_expression(const std::string& text) {
  auto parsed = parse_sql("SELECT " + text);
  GYRE_CHECK(parsed && parsed->size() == 1);
  return std::move(std::get<ast::SelectPtr>(parsed->front()->node)->targets.front().value);
}

storage::ExpressionPtr conversion(const TableEntry& table, std::uint16_t column, storage::Type to,
                                  const ast::AlterAction& action, Definition& d) {
  const storage::ColumnDef& before = table.schema->columns[column];
  if (action.expression != nullptr)
    return bind_transform(*action.expression, to, current(d, table.id()), before.name, d.context);
  storage::ExpressionPtr value = storage::make_column(column, before.type);
  if (before.type.id == to.id)
    value = to.typmod < 0 || to == before.type ? std::move(value) : storage::make_typmod(std::move(value), to, false);
  else
    value = storage::make_cast(std::move(value), to, storage::CastContext::assignment);
  if (value != nullptr) return value;
  throw SqlError("42804", fmt::format("column \"{}\" cannot be cast automatically to type {}", before.name,
                                      storage::format_type(storage::Type(to.id))))
      .with_hint(fmt::format("You might need to specify \"USING {}::{}\".", quote_identifier(before.name),
                             storage::format_type(to)));
}

// The default as a value of the new type.
ColumnDefault converted_default(const ColumnDefault& before, storage::Type to, const TableEntry& table,
                                std::uint16_t column, const Definition& d) {
  if (before.expression == nullptr) return before;
  const std::string& name = table.schema->columns[column].name;
  if (before.identity != Identity::none) {
    const auto sequence = d.catalog.sequence_of(table.id(), column);
    GYRE_CHECK(sequence != nullptr);
    return next_value_of(*sequence, to, before.identity, d);
  }
  storage::ExpressionPtr value = storage::clone(*before.expression);
  if (!storage::can_coerce(value->type().id, to.id, storage::CastContext::assignment))
    throw SqlError("42804", fmt::format("default for column \"{}\" cannot be cast automatically to type {}", name,
                                        storage::format_type(storage::Type(to.id))));
  return bind_default(*parse_expression(before.text), to, name, d.context);
}

void set_type(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, action.name);
  const storage::Type to = resolve_type(*action.type, d.context);
  const storage::ExpressionPtr value = conversion(*table, column, to, action, d);
  auto schema = std::make_shared<TableSchema>(*table->schema);
  schema->columns[column].type = to;
  schema->layout = storage::layout_of(schema->columns);
  auto now = std::make_shared<TableEntry>(*table);
  now->schema = schema;
  now->defaults[column] = converted_default(table->defaults[column], to, *table, column, d);
  for (CheckConstraint& check : now->checks) {
    if (!mentions_column(*check.expression, column)) continue;
    const CheckConstraint bound = bind_check(*parse_expression(check.text), now, d.context);
    check.expression = bound.expression;
    check.text = bound.text;
  }
  Arena arena;
  storage::EvalContext eval = evaluation(d, arena);
  Arena check_arena;
  storage::EvalContext check_eval = evaluation(d, check_arena);
  rewrite_table(d, *table, now, [&](std::span<const Datum> from, std::span<Datum> to_row) {
    eval.columns = from.data();
    std::copy(from.begin(), from.end(), to_row.begin());
    to_row[column] = value->evaluate(eval);
    check_row(*now, to_row, check_eval);
  });
  if (const auto sequence = d.catalog.sequence_of(id, column);
      sequence != nullptr && sequence->sequence->identity) {
    ast::SequenceOptions options;
    options.type.emplace().name.name = storage::traits(to).short_name;
    change_sequence(d, *sequence, options);
  }
  // Keys that the column is part of still have to compare like with like.
  const auto check_keys = [&](const TableEntry& child, const ForeignKey& key) {
    const auto parent = current(d, key.referenced);
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      const storage::ColumnDef& a = child.schema->columns[key.columns[i]];
      const storage::ColumnDef& b = parent->schema->columns[key.referenced_columns[i]];
      if (storage::can_coerce(a.type.id, b.type.id, storage::CastContext::implicit) ||
          storage::can_coerce(b.type.id, a.type.id, storage::CastContext::implicit))
        continue;
      throw SqlError("42804", fmt::format("foreign key constraint \"{}\" cannot be implemented", key.name))
          .with_detail(fmt::format("Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.", a.name,
                                   b.name, storage::traits(a.type).name, storage::traits(b.type).name));
    }
  };
  const auto changed = current(d, id);
  for (const ForeignKey& key : changed->foreign_keys) check_keys(*changed, key);
  for (const auto& child : d.catalog.referrers(id))
    for (const ForeignKey& key : child->foreign_keys)
      if (key.referenced == id) check_keys(*child, key);
}

// ---- properties of a column ----

SqlError identity_error(const char* state, const TableEntry& table, const std::string& column,
                        std::string_view rest) {
  return SqlError(pgwire::SqlState::from_text(state),
                  fmt::format("column \"{}\" of relation \"{}\" {}", column, table.name(), rest));
}

void set_default(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, action.name);
  const storage::ColumnDef& defined = table->schema->columns[column];
  if (table->defaults[column].identity != Identity::none) {
    SqlError error = identity_error("42601", *table, defined.name, "is an identity column");
    if (action.expression == nullptr) error.hint = "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.";
    throw error;
  }
  ColumnDefault value;
  if (action.expression != nullptr)
    value = bind_default(*action.expression, defined.type, defined.name, d.context);
  change_entry(d, *table, [&](TableEntry& entry) { entry.defaults[column] = std::move(value); });
}

void set_not_null(Definition& d, RelationId id, const std::string& name) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, name);
  if (table->schema->columns[column].not_null) return;
  check_has_no_nulls(d, *table, column);
  d.exclusive.insert(id);
  change_schema(d, *table, [&](TableSchema& schema) { schema.columns[column].not_null = true; });
}

void drop_not_null(Definition& d, RelationId id, const std::string& name) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, name);
  if (table->defaults[column].identity != Identity::none)
    throw identity_error("42601", *table, name, "is an identity column");
  const IndexSchema* const deferrable = table->schema->deferrable_primary_key();
  if (contains(table->schema->primary_key, column) || (deferrable != nullptr && contains(deferrable->columns, column)))
    throw SqlError("42P16", fmt::format("column \"{}\" is in a primary key", name));
  if (!table->schema->columns[column].not_null) return;
  change_schema(d, *table, [&](TableSchema& schema) { schema.columns[column].not_null = false; });
}

void add_identity(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, action.name);
  const storage::ColumnDef& defined = table->schema->columns[column];
  if (!defined.not_null)
    throw identity_error("55000", *table, action.name, "must be declared NOT NULL before identity can be added");
  if (table->defaults[column].identity != Identity::none)
    throw identity_error("55000", *table, action.name, "is already an identity column");
  if (table->defaults[column].expression != nullptr)
    throw identity_error("55000", *table, action.name, "already has a default value");
  std::set<std::string> making;
  const auto sequence =
      make_owned_sequence(d, table->schema_name, table->name(), id, defined.name, column, defined.type.id,
                          action.identity.options, true, making);
  const Identity identity = action.identity.always ? Identity::always : Identity::by_default;
  change_entry(d, *table, [&](TableEntry& entry) {
    entry.defaults[column] = next_value_of(*sequence, defined.type, identity, d);
  });
}

void set_identity(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, action.name);
  if (table->defaults[column].identity == Identity::none)
    throw identity_error("55000", *table, action.name, "is not an identity column");
  if (action.sets_always)
    change_entry(d, *table, [&](TableEntry& entry) {
      entry.defaults[column].identity = action.identity.always ? Identity::always : Identity::by_default;
    });
  const auto sequence = d.catalog.sequence_of(id, column);
  GYRE_CHECK(sequence != nullptr);
  change_sequence(d, *sequence, action.identity.options);
}

void drop_identity(Definition& d, RelationId id, const ast::AlterAction& action) {
  const auto table = current(d, id);
  const std::uint16_t column = column_of(*table, action.name);
  if (table->defaults[column].identity == Identity::none) {
    if (!action.missing_ok) throw identity_error("55000", *table, action.name, "is not an identity column");
    d.notices.push_back(notice("00000", fmt::format("column \"{}\" of relation \"{}\" is not an identity column, skipping",
                                                    action.name, table->name())));
    return;
  }
  change_entry(d, *table, [&](TableEntry& entry) { entry.defaults[column] = {}; });
  if (const auto sequence = d.catalog.sequence_of(id, column)) drop_sequence(d, *sequence, false, "sequence " + sequence->name());
}

void set_owner(Definition& d, RelationId id, const std::string& name) {
  const Role& asker = asking_role(d);
  const RoleId owner = named_role(d, name).id;
  const auto table = current(d, id);
  if (table->owner == owner) return;
  if (!asker.superuser) {
    if (!d.catalog.is_member(asker.id, owner))
      throw SqlError("42501", fmt::format("must be member of role \"{}\"", d.catalog.role(owner)->name));
    check_may_create(d, table->schema_name, owner);
  }
  const auto hand_over = [&](TableEntry& entry) {
    if (entry.acl) acl_change_owner(*entry.acl, entry.owner, owner);
    for (auto& [column, acl] : entry.column_acl) acl_change_owner(acl, entry.owner, owner);
    entry.owner = owner;
  };
  change_entry(d, *table, hand_over);
  for (std::uint16_t column = 0; column < table->schema->columns.size(); ++column)
    if (const auto sequence = d.catalog.sequence_of(id, column))
      change_entry(d, *sequence, hand_over);
}

// Indexes and the sequences of its columns go with a table.
void set_schema(Definition& d, RelationId id, const std::string& name) {
  const auto table = current(d, id);
  if (table->is_sequence() && table->sequence->owner)
    throw SqlError("0A000", "cannot move an owned sequence into another schema")
        .with_detail(fmt::format("Sequence \"{}\" is linked to table \"{}\".", table->name(),
                                 current(d, table->sequence->owner->first)->name()));
  ast::QualifiedName target;
  target.schema = name;
  target.name = table->name();
  const std::string schema = creation_schema(target, d);
  if (schema == table->schema_name) return;
  const auto check_free = [&](const std::string& relation) {
    if (name_taken(d, schema, relation))
      throw SqlError("42P07", fmt::format("relation \"{}\" already exists in schema \"{}\"", relation, schema));
  };
  check_free(table->name());
  if (!table->schema->primary_key.empty()) check_free(table->schema->primary_key_name);
  for (const IndexSchema& index : table->schema->indexes) check_free(index.name);
  const auto move = [&](TableEntry& entry) { entry.schema_name = schema; };
  for (std::uint16_t column = 0; column < table->schema->columns.size(); ++column)
    if (const auto sequence = d.catalog.sequence_of(id, column)) {
      check_free(sequence->name());
      change_entry(d, *sequence, move);
    }
  change_entry(d, *table, move);
  refresh_texts(d);
}

int pass_of(Kind kind) {
  switch (kind) {
    case Kind::drop_column:
    case Kind::drop_constraint:
      return 0;
    case Kind::set_type:
      return 1;
    case Kind::add_column:
      return 2;
    case Kind::add_key:
      return 4;
    case Kind::add_check:
    case Kind::add_foreign_key:
      return 5;
    case Kind::validate_constraint:
    case Kind::alter_constraint:
    case Kind::owner_to:
    case Kind::set_schema:
    case Kind::nothing:
      return 6;
    default:
      return 3;
  }
}

// As PostgreSQL's AlterTableGetLockLevel has it, but for VALIDATE CONSTRAINT: what is written beside it could
// not be merged with it.
TableLockMode lock_mode_of(const ast::AlterTableStatement& statement) {
  TableLockMode mode = TableLockMode::share_update_exclusive;
  for (const ast::AlterAction& action : statement.actions) {
    const bool weak = action.kind == Kind::nothing;
    const bool key = action.kind == Kind::add_foreign_key || action.kind == Kind::validate_constraint;
    mode = std::max(mode, weak  ? TableLockMode::share_update_exclusive
                          : key ? TableLockMode::share_row_exclusive
                                : TableLockMode::access_exclusive);
  }
  return mode;
}

void carry_out(Definition& d, RelationId id, const ast::AlterAction& action) {
  switch (action.kind) {
    case Kind::add_column:
      return add_column(d, id, action);
    case Kind::drop_column:
      return drop_column(d, id, action);
    case Kind::set_default:
      return set_default(d, id, action);
    case Kind::set_not_null:
      return set_not_null(d, id, action.name);
    case Kind::drop_not_null:
      return drop_not_null(d, id, action.name);
    case Kind::set_type:
      return set_type(d, id, action);
    case Kind::add_key:
      return add_key_constraint(d, id, action.key);
    case Kind::add_check:
      return add_checks(d, id, std::array{NewCheck{&action.check, {}}}, true);
    case Kind::add_foreign_key:
      return add_foreign_key(d, id, action.foreign_key, true);
    case Kind::drop_constraint:
      return drop_constraint(d, id, action.name, action.missing_ok, action.cascade);
    case Kind::validate_constraint:
      return validate_constraint(d, id, action.name);
    case Kind::alter_constraint:
      return alter_constraint(d, id, action);
    case Kind::owner_to:
      return set_owner(d, id, action.name);
    case Kind::set_schema:
      return set_schema(d, id, action.name);
    case Kind::add_identity:
      return add_identity(d, id, action);
    case Kind::set_identity:
      return set_identity(d, id, action);
    case Kind::drop_identity:
      return drop_identity(d, id, action);
    case Kind::nothing:
      return;
  }
}

// ---- names ----

void check_relation_name_free(const Definition& d, const std::string& schema, const std::string& name) {
  if (name_taken(d, schema, name)) throw SqlError("42P07", fmt::format("relation \"{}\" already exists", name));
}

void rename_column(Definition& d, const TableEntry& table, const std::string& from, const std::string& to) {
  const std::uint16_t column = column_position(*table.schema, from, fmt::format("column \"{}\" does not exist", from));
  for (const storage::ColumnDef& other : table.schema->columns)
    if (other.name == to)
      throw SqlError("42701", fmt::format("column \"{}\" of relation \"{}\" already exists", to, table.name()));
  change_schema(d, table, [&](TableSchema& schema) { schema.columns[column].name = to; });
}

void rename_index(Definition& d, const TableEntry& table, const std::string& from, const std::string& to) {
  change_schema(d, table, [&](TableSchema& schema) {
    if (!schema.primary_key.empty() && schema.primary_key_name == from) schema.primary_key_name = to;
    for (IndexSchema& index : schema.indexes)
      if (index.name == from) index.name = to;
  });
}

// The table of the index that a statement names; null if there is none.
std::shared_ptr<const TableEntry> table_of_index(const ast::QualifiedName& name, const Definition& d) {
  if (name.schema.empty()) {
    for (const Schema* schema : d.catalog.usable_schemas(d.context.search_path, d.context.role))
      if (auto table = d.catalog.find_index(schema->name, name.name)) return table;
    return nullptr;
  }
  const Schema* const schema = d.catalog.find_schema(name.schema);
  if (schema != nullptr && !d.catalog.allows(d.context.role, *schema, Privilege::usage))
    throw permission_denied(ObjectKind::schema, name.schema);
  return d.catalog.find_index(name.schema, name.name);
}

// ALTER INDEX i RENAME, and ALTER TABLE i RENAME where i is an index.
bool rename_if_index(const ast::RenameStatement& statement, Definition& d) {
  const auto table = table_of_index(statement.relation, d);
  if (table == nullptr) return false;
  check_owner_of_index(d, *table, statement.relation.name);
  check_may_create(d, table->schema_name, d.context.role);
  check_relation_name_free(d, table->schema_name, statement.to);
  rename_index(d, *table, statement.relation.name, statement.to);
  return true;
}

}  // namespace

std::string alter_table(const ast::AlterTableStatement& statement, Definition& d) {
  using Object = ast::AlterTableStatement::Object;
  if (statement.object == Object::index) return "ALTER INDEX";  // storage parameters only
  const std::string tag = statement.object == Object::sequence ? "ALTER SEQUENCE" : "ALTER TABLE";
  const auto table = find_for_change(statement.name, statement.if_exists, "relation", d);
  if (table == nullptr) return tag;
  if (statement.object == Object::sequence && !table->is_sequence())
    throw SqlError("42809", fmt::format("\"{}\" is not a sequence", table->name()));
  if (!table->is_sequence()) lock_table(d, table->id(), lock_mode_of(statement));
  const bool moves = std::any_of(statement.actions.begin(), statement.actions.end(),
                                 [](const ast::AlterAction& action) { return action.kind == Kind::set_schema; });
  if (!table->is_sequence() && !moves) check_in_use(d, table->id(), "ALTER TABLE");
  std::vector<const ast::AlterAction*> actions;
  for (const ast::AlterAction& action : statement.actions) actions.push_back(&action);
  std::stable_sort(actions.begin(), actions.end(), [](const ast::AlterAction* a, const ast::AlterAction* b) {
    return pass_of(a->kind) < pass_of(b->kind);
  });
  for (const ast::AlterAction* action : actions) {
    d.stop.check();
    if (table->is_sequence() && action->kind != Kind::owner_to && action->kind != Kind::set_schema &&
        action->kind != Kind::nothing)
      throw SqlError("42809", fmt::format("ALTER action cannot be performed on relation \"{}\"", table->name()))
          .with_detail("This operation is not supported for sequences.");
    carry_out(d, table->id(), *action);
  }
  return tag;
}

std::string rename(const ast::RenameStatement& statement, Definition& d) {
  using Target = ast::RenameStatement::Kind;
  const std::string tag = statement.kind == Target::index      ? "ALTER INDEX"
                          : statement.kind == Target::sequence ? "ALTER SEQUENCE"
                                                               : "ALTER TABLE";
  if (statement.kind == Target::schema) return rename_schema(statement.from, statement.to, d);
  const bool relation = statement.kind == Target::index || statement.kind == Target::table;
  if (relation && rename_if_index(statement, d)) return tag;
  const auto table = find_for_change(statement.relation, statement.if_exists, "relation", d);
  if (table == nullptr) return tag;
  if (statement.kind == Target::sequence && !table->is_sequence())
    throw SqlError("42809", fmt::format("\"{}\" is not a sequence", table->name()));
  lock_table(d, table->id(), TableLockMode::access_exclusive);
  if (statement.kind == Target::column) {
    rename_column(d, *table, statement.from, statement.to);
  } else if (statement.kind == Target::constraint) {
    rename_constraint(d, table->id(), statement.from, statement.to);
  } else {
    check_may_create(d, table->schema_name, d.context.role);
    check_relation_name_free(d, table->schema_name, statement.to);
    change_schema(d, *table, [&](TableSchema& schema) { schema.name = statement.to; });
  }
  refresh_texts(d);
  return tag;
}

std::string comment(const ast::CommentStatement& statement, Definition& d) {
  std::shared_ptr<const TableEntry> table;
  try {
    table = resolve_table(statement.relation, d.context);
  } catch (const SqlError& error) {
    // Comments on indexes are accepted and not kept.
    const bool missing = error.sql_state == pgwire::SqlState("42P01");
    const auto indexed = missing ? table_of_index(statement.relation, d) : nullptr;
    if (indexed == nullptr) throw;
    check_owner_of_index(d, *indexed, statement.relation.name);
    return "COMMENT";
  }
  const bool column = statement.kind == ast::CommentStatement::Kind::column;
  if (column && !d.catalog.has_privileges_of(d.context.role, table->owner))
    throw SqlError("42501", fmt::format("must be owner of relation {}", table->name()));
  check_owner(d, *table);
  std::uint16_t at = 0;
  if (column) at = static_cast<std::uint16_t>(column_of(*table, statement.column) + 1);
  change_entry(d, *table, [&](TableEntry& entry) {
    if (statement.text && !statement.text->empty())
      entry.comments[at] = *statement.text;
    else
      entry.comments.erase(at);
  });
  return "COMMENT";
}

}  // namespace gyre::adapter::definition
