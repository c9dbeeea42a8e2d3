// Tables and indexes. Names follow PostgreSQL's habits (t_pkey, t_a_key, t_a_idx), since drivers and people
// look for them.
//
// A table is made in the order in which its parts need each other: columns and keys, the sequences of serial
// and identity columns, then what is bound over the columns.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "adapter/catalog/denied.h"
#include "adapter/catalog/deparse.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/exec/executor.h"
#include "adapter/plan/datum_kind.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"

namespace gyre::adapter::definition {

namespace {

constexpr std::size_t kMaxColumns = 1600;
constexpr std::string_view kCluster = "quickstart";
// How long a query that gives no rows does not look whether it is to stop.
constexpr std::int64_t kLookUs = 10'000;

// What LIKE takes over from another table beside its columns.
struct Liked {
  std::shared_ptr<const TableEntry> table;
  const ast::LikeClause* clause;
  std::size_t first;  // of its columns in the new table
};

void check_column(const ast::ColumnDefinition& column, const std::string& table) {
  if (!column.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", column.unsupported_what), column.location);
  const bool primary = std::any_of(column.keys.begin(), column.keys.end(),
                                   [](const ast::KeyConstraint& key) { return key.primary; });
  if (column.explicit_null && (column.not_null || primary || column.identity || serial_type(column.type)))
    throw SqlError("42601",
                   fmt::format("conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{}\"",
                               column.name, table),
                   column.location);
  if (column.identity && column.default_value != nullptr)
    throw SqlError("42601",
                   fmt::format("both default and identity specified for column \"{}\" of table \"{}\"",
                               column.name, table),
                   column.location);
  if (serial_type(column.type) && (column.default_value != nullptr || column.identity))
    throw SqlError("42601",
                   fmt::format("multiple default values specified for column \"{}\" of table \"{}\"",
                               column.name, table),
                   column.location);
}

void add_column(TableSchema& schema, storage::ColumnDef column) {
  for (const storage::ColumnDef& other : schema.columns)
    if (other.name == column.name)
      throw SqlError("42701", fmt::format("column \"{}\" specified more than once", column.name));
  schema.columns.push_back(std::move(column));
  if (schema.columns.size() > kMaxColumns)
    throw SqlError("54011", fmt::format("tables can have at most {} columns", kMaxColumns));
}

std::vector<Liked> add_columns(const ast::CreateTableStatement& statement, Definition& d, TableSchema& schema,
                               std::vector<std::uint16_t>& places) {
  std::vector<Liked> liked;
  const auto take_likes = [&](std::size_t position) {
    for (const ast::LikeClause& like : statement.likes) {
      if (like.position != position) continue;
      const auto table = resolve_table(like.table, d.context);
      if (!d.catalog.allows(d.context.role, *table, bit(Privilege::select)))
        throw permission_denied(ObjectKind::table, table->name());
      liked.push_back({table, &like, schema.columns.size()});
      for (const storage::ColumnDef& column : table->schema->columns) add_column(schema, column);
    }
  };
  for (std::size_t i = 0; i < statement.columns.size(); ++i) {
    take_likes(i);
    const ast::ColumnDefinition& column = statement.columns[i];
    check_column(column, schema.name);
    places.push_back(static_cast<std::uint16_t>(schema.columns.size()));
    add_column(schema, {column.name, column_type(column, d),
                        column.not_null || column.identity || serial_type(column.type)});
  }
  take_likes(statement.columns.size());
  return liked;
}

// Keys from all three places where they may stand.
std::vector<ast::KeyConstraint> all_keys(const ast::CreateTableStatement& statement,
                                         const std::vector<Liked>& liked) {
  std::vector<ast::KeyConstraint> keys;
  for (const ast::ColumnDefinition& column : statement.columns)
    keys.insert(keys.end(), column.keys.begin(), column.keys.end());
  keys.insert(keys.end(), statement.keys.begin(), statement.keys.end());
  for (const Liked& like : liked) {
    if (!like.clause->indexes) continue;
    const TableSchema& from = *like.table->schema;
    const auto names = [&](const std::vector<std::uint16_t>& columns) {
      std::vector<std::string> result;
      for (const std::uint16_t column : columns) result.push_back(from.columns[column].name);
      return result;
    };
    ast::KeyConstraint key;
    if (!from.primary_key.empty()) {
      key.primary = true;
      key.columns = names(from.primary_key);
      keys.push_back(key);
    }
    for (const IndexSchema& index : from.indexes) {
      if (!index.constraint) continue;
      key.primary = index.primary;
      key.columns = names(index.columns);
      key.deferrable = index.deferrable;
      key.deferred = index.deferred;
      keys.push_back(key);
    }
  }
  return keys;
}

void add_keys(const std::vector<ast::KeyConstraint>& keys, Definition& d, const std::string& where,
              TableSchema& schema, std::set<std::string>& making) {
  for (const ast::KeyConstraint& key : keys) {
    std::vector<std::uint16_t> positions = key_columns(schema, key);
    if (!key.name.empty() && (name_taken(d, where, key.name) || making.contains(key.name)))
      throw SqlError("42P07", fmt::format("relation \"{}\" already exists", key.name));
    if (key.primary && schema.has_primary_key())
      throw SqlError("42P16",
                     fmt::format("multiple primary keys for table \"{}\" are not allowed", schema.name),
                     key.location);
    std::string name = key.name;
    if (name.empty())
      name = key.primary ? free_name(d, where, schema.name, "pkey", making)
                         : free_name(d, where, schema.name + joined_names(schema, positions), "key", making);
    making.insert(name);
    if (key.primary)
      for (const std::uint16_t at : positions) schema.columns[at].not_null = true;
    if (key.primary && !key.deferrable && !key.deferred) {
      schema.primary_key_name = std::move(name);
      schema.primary_key = std::move(positions);
      continue;
    }
    IndexSchema index;
    index.id = next_relation(d.catalog);
    index.name = std::move(name);
    index.columns = std::move(positions);
    make_constraint(index, key);
    schema.indexes.push_back(std::move(index));
  }
}

// Constraints and the like that come from the tables of LIKE clauses.
void take_over(const Liked& like, Definition& d, TableEntry& entry, std::set<std::string>& making) {
  const TableEntry& from = *like.table;
  for (std::size_t i = 0; i < from.defaults.size(); ++i) {
    const std::size_t at = like.first + i;
    if (from.defaults[i].identity != Identity::none) {
      if (!like.clause->identity) continue;
      const auto old = d.catalog.sequence_of(from.id(), static_cast<std::uint16_t>(i));
      GYRE_CHECK(old != nullptr);
      const storage::ColumnDef& column = entry.schema->columns[at];
      ast::SequenceOptions options;
      options.increment = old->sequence->increment;
      options.start = old->sequence->start;
      options.cycle = old->sequence->cycle;
      const auto sequence = make_owned_sequence(d, entry.schema_name, entry.name(), entry.id(), column.name,
                                                static_cast<std::uint16_t>(at), column.type.id, options, true,
                                                making);
      entry.defaults[at] = next_value_of(*sequence, column.type, from.defaults[i].identity, d);
    } else if (like.clause->defaults) {
      entry.defaults[at] = from.defaults[i];
    }
  }
  if (like.clause->comments)
    for (const auto& [column, text] : from.comments)
      if (column > 0) entry.comments[static_cast<std::uint16_t>(column + like.first)] = text;
  if (!like.clause->constraints) return;
  std::vector<int> shifted;
  for (std::size_t i = 0; i < from.schema->columns.size(); ++i)
    shifted.push_back(static_cast<int>(i + like.first));
  for (const CheckConstraint& check : from.checks) {
    CheckConstraint copy = check;
    copy.oid = d.catalog.next_oid++;
    copy.expression = check.expression->clone_with_columns(shifted);
    entry.checks.push_back(std::move(copy));
  }
}

void add_index(Definition& d, const TableEntry& table, IndexSchema index) {
  auto schema = std::make_shared<TableSchema>(*table.schema);
  schema->indexes.push_back(std::move(index));
  d.branch.create_index(schema);
  change_entry(d, table, [&](TableEntry& entry) { entry.schema = std::move(schema); });
}

// Keys, foreign keys, and sequences of columns are statements of their own in PostgreSQL, which look for the
// table by its name; so is what LIKE takes over from another.
bool names_table_again(const ast::CreateTableStatement& statement, const std::vector<Liked>& liked) {
  const auto by_column = [](const ast::ColumnDefinition& column) {
    return !column.keys.empty() || !column.foreign_keys.empty() || column.identity ||
           serial_type(column.type);
  };
  const auto by_like = [](const Liked& like) {
    const ast::LikeClause& clause = *like.clause;
    const TableEntry& from = *like.table;
    const bool identity =
        std::any_of(from.defaults.begin(), from.defaults.end(),
                    [](const ColumnDefault& value) { return value.identity != Identity::none; });
    const bool comments = std::any_of(from.comments.begin(), from.comments.end(),
                                      [](const auto& comment) { return comment.first > 0; });
    return clause.defaults || clause.constraints || clause.indexes || (clause.identity && identity) ||
           (clause.comments && comments);
  };
  return !statement.keys.empty() || !statement.foreign_keys.empty() ||
         std::any_of(statement.columns.begin(), statement.columns.end(), by_column) ||
         std::any_of(liked.begin(), liked.end(), by_like);
}

// True where the name is taken and that is no error: a notice was given.
bool exists_already(const ast::QualifiedName& name, const std::string& where, bool if_not_exists,
                    Definition& d) {
  if (!name_taken(d, where, name.name)) return false;
  std::string message = fmt::format("relation \"{}\" already exists", name.name);
  if (!if_not_exists) throw SqlError("42P07", std::move(message));
  d.notices.push_back(notice("42P07", message + ", skipping"));
  return true;
}

}  // namespace

bool serial_type(const ast::TypeName& type) {
  if (!type.name.schema.empty() || type.array) return false;
  const std::string& name = type.name.name;
  return name == "serial" || name == "serial4" || name == "bigserial" || name == "serial8" ||
         name == "smallserial" || name == "serial2";
}

storage::Type column_type(const ast::ColumnDefinition& column, const Definition& d) {
  if (!serial_type(column.type)) return resolve_type(column.type, d.context);
  const std::string& name = column.type.name.name;
  if (name == "bigserial" || name == "serial8") return storage::TypeId::int8;
  if (name == "smallserial" || name == "serial2") return storage::TypeId::int2;
  return storage::TypeId::int4;
}

ColumnDefault column_default(const ast::ColumnDefinition& column, std::uint16_t position, TableEntry& entry,
                             Definition& d, std::set<std::string>& making) {
  const storage::ColumnDef& defined = entry.schema->columns[position];
  if (column.identity || serial_type(column.type)) {
    static const ast::SequenceOptions kNoOptions;
    const auto sequence = make_owned_sequence(
        d, entry.schema_name, entry.name(), entry.id(), defined.name, position, defined.type.id,
        column.identity ? column.identity->options : kNoOptions, column.identity.has_value(), making);
    const Identity identity = !column.identity            ? Identity::none
                              : column.identity->always ? Identity::always
                                                          : Identity::by_default;
    return next_value_of(*sequence, defined.type, identity, d);
  }
  if (column.default_value == nullptr) return {};
  return bind_default(*column.default_value, defined.type, defined.name, d.context);
}

std::string create_table(const ast::CreateTableStatement& statement, Definition& d) {
  const std::string where = creation_schema(statement.name, d);
  if (exists_already(statement.name, where, statement.if_not_exists, d)) return "CREATE TABLE";
  if (statement.temporary) throw SqlError("0A000", "temporary tables are not supported");
  if (!statement.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", statement.unsupported_what));
  auto schema = std::make_shared<TableSchema>();
  auto entry = std::make_shared<TableEntry>();
  schema->id = next_relation(d.catalog);
  schema->name = statement.name.name;
  std::vector<std::uint16_t> places;
  const std::vector<Liked> liked = add_columns(statement, d, *schema, places);
  std::set<std::string> making{schema->name};
  add_keys(all_keys(statement, liked), d, where, *schema, making);
  schema->layout = storage::layout_of(schema->columns);
  entry->schema = schema;
  entry->schema_name = where;
  entry->owner = d.context.role;
  entry->acl = d.catalog.acl_of_new(ObjectKind::table, entry->owner, d.catalog.find_schema(where)->oid);
  entry->defaults.resize(schema->columns.size());
  for (const Liked& like : liked) take_over(like, d, *entry, making);
  for (std::size_t i = 0; i < places.size(); ++i)
    entry->defaults[places[i]] = column_default(statement.columns[i], places[i], *entry, d, making);
  d.branch.create_table(schema);
  const RelationId id = schema->id;
  d.catalog.put_table(std::move(entry));
  std::vector<NewCheck> checks;
  for (const ast::ColumnDefinition& column : statement.columns)
    for (const ast::CheckClause& check : column.checks) checks.push_back({&check, column.name});
  for (const ast::CheckClause& check : statement.checks) checks.push_back({&check, {}});
  add_checks(d, id, checks, false);
  if (names_table_again(statement, liked)) check_may_look_into(d, where);
  for (const ast::ColumnDefinition& column : statement.columns)
    for (const ast::ForeignKeyClause& key : column.foreign_keys) add_foreign_key(d, id, key, false);
  for (const ast::ForeignKeyClause& key : statement.foreign_keys) add_foreign_key(d, id, key, false);
  for (const Liked& like : liked) {
    if (!like.clause->indexes) continue;
    for (IndexSchema index : like.table->schema->indexes) {
      if (index.constraint) continue;
      index.id = next_relation(d.catalog);
      for (std::uint16_t& column : index.columns) column = static_cast<std::uint16_t>(column + like.first);
      const auto table = current(d, id);
      index.name = free_name(d, where, table->name() + joined_names(*table->schema, index.columns), "idx", {});
      add_index(d, *table, std::move(index));
    }
  }
  return "CREATE TABLE";
}

std::string create_table_as(const ast::CreateTableAsStatement& statement, Definition& d) {
  // The query's errors come first.
  const auto plan = make_plan(*statement.query, d.context, {}, false);
  const std::string where = creation_schema(statement.name, d);
  const std::string tag = statement.select_into ? "SELECT INTO" : "CREATE TABLE AS";
  if (exists_already(statement.name, where, statement.if_not_exists, d)) return tag;
  if (statement.temporary) throw SqlError("0A000", "temporary tables are not supported");
  if (statement.columns.size() > plan->columns.size())
    throw SqlError("42601", "too many column names were specified");
  auto schema = std::make_shared<TableSchema>();
  schema->id = next_relation(d.catalog);
  schema->name = statement.name.name;
  for (std::size_t i = 0; i < plan->columns.size(); ++i)
    add_column(*schema, {i < statement.columns.size() ? statement.columns[i] : plan->columns[i].name,
                         plan->columns[i].type, false});
  schema->layout = storage::layout_of(schema->columns);
  auto entry = std::make_shared<TableEntry>();
  entry->schema = schema;
  entry->schema_name = where;
  entry->owner = d.context.role;
  entry->acl = d.catalog.acl_of_new(ObjectKind::table, entry->owner, d.catalog.find_schema(where)->oid);
  entry->defaults.resize(schema->columns.size());
  d.branch.create_table(schema);
  d.catalog.put_table(entry);
  if (!statement.with_data) return tag;
  ExecutionContext context;
  context.database = &d.branch.view();
  context.catalog = &d.catalog;
  context.style = &d.context.style;
  context.session = &d.context.session;
  context.transaction_us = context.statement_us = d.context.style.now_us;
  context.memory_limit = d.memory_limit;
  // The rows wait until all have been read: cursors into the branch end with its next change.
  Arena kept;
  std::vector<std::span<storage::Datum>> rows;
  const auto execution = execute(*plan, context);
  TimeSlice slice = TimeSlice::of_us(kLookUs);
  const storage::Datum* values = nullptr;
  for (Step step = execution->next(slice, values); step != Step::end; step = execution->next(slice, values)) {
    d.stop.check();
    if (step == Step::yield) {
      slice = TimeSlice::of_us(kLookUs);
      continue;
    }
    const std::span<storage::Datum> row = kept.array<storage::Datum>(schema->columns.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = values[i];
      if (!row[i].null && is_by_reference(schema->columns[i].type.id))
        row[i] = storage::Datum::of_bytes(kept.copy(row[i].bytes()));
    }
    rows.push_back(row);
    if (kept.footprint() > d.memory_limit)
      throw storage::Failure(storage::Fault::out_of_memory, "out of memory");
  }
  for (const std::span<storage::Datum> row : rows) {
    d.stop.check();
    d.branch.insert(schema->id, row);
  }
  return fmt::format("SELECT {}", rows.size());
}

std::string create_index(const ast::CreateIndexStatement& statement, Definition& d) {
  const auto table = resolve_table(statement.table, d.context);
  check_owner(d, *table);
  lock_table(d, table->id(), TableLockMode::share);
  if (table->is_sequence())
    throw SqlError("42809", fmt::format("cannot create index on relation \"{}\"", table->name()))
        .with_detail("This operation is not supported for sequences.");
  check_may_create(d, table->schema_name, d.context.role);
  if (!statement.unsupported_what.empty())
    throw SqlError("0A000", fmt::format("{} is not supported", statement.unsupported_what),
                   statement.location);
  if (!statement.cluster.empty() && statement.cluster != kCluster)
    throw SqlError("42704", fmt::format("unknown cluster '{}'", statement.cluster), statement.location);
  const TableSchema& schema = *table->schema;
  IndexSchema index;
  if (statement.is_default) {
    const IndexSchema* const key = schema.deferrable_primary_key();
    index.columns = key != nullptr ? key->columns : schema.primary_key;
    for (std::size_t i = 0; index.columns.size() < schema.columns.size() && !schema.has_primary_key(); ++i)
      index.columns.push_back(static_cast<std::uint16_t>(i));
  }
  for (const std::string& name : statement.columns)
    index.columns.push_back(column_position(schema, name, fmt::format("column \"{}\" does not exist", name)));
  if (index.columns.empty()) throw SqlError("42P17", "an index needs at least one column");
  if (index.columns.size() > 32) throw SqlError("54011", "cannot use more than 32 columns in an index");
  index.name = statement.name;
  if (index.name.empty()) {
    index.name = statement.is_default
                     ? free_name(d, table->schema_name, schema.name + "_primary", "idx", {})
                     : free_name(d, table->schema_name, schema.name + joined_names(schema, index.columns), "idx", {});
  } else if (name_taken(d, table->schema_name, index.name)) {
    std::string message = fmt::format("relation \"{}\" already exists", index.name);
    if (!statement.if_not_exists) throw SqlError("42P07", std::move(message));
    d.notices.push_back(notice("42P07", message + ", skipping"));
    return "CREATE INDEX";
  }
  index.id = next_relation(d.catalog);
  index.unique = statement.unique;
  check_in_use(d, table->id(), "CREATE INDEX");
  add_index(d, *table, std::move(index));
  return "CREATE INDEX";
}

}  // namespace gyre::adapter::definition
