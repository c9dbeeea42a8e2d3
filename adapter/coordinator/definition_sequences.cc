// Sequences. What the options come to follows PostgreSQL's init_params(): each option checked against the
// others in the same order, with the same words.
#include <fmt/format.h>

#include "adapter/catalog/deparse.h"
#include "adapter/coordinator/definition_relations.h"
#include "adapter/coordinator/sequences.h"
#include "adapter/sql_error.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::definition {

namespace {

using storage::TypeId;
using Limit = ast::SequenceOptions::Limit;

struct Bounds {
  std::int64_t lowest, highest;
};
Bounds bounds_of(TypeId type) {
  if (type == TypeId::int2) return {INT16_MIN, INT16_MAX};
  if (type == TypeId::int4) return {INT32_MIN, INT32_MAX};
  return {INT64_MIN, INT64_MAX};
}

[[noreturn]] void refuse(std::string message) {
  throw SqlError("22023", std::move(message));
}

TypeId type_of(const ast::SequenceOptions& options, bool identity, const Definition& d) {
  const TypeId type = resolve_type(*options.type, d.context).id;
  if (type != TypeId::int2 && type != TypeId::int4 && type != TypeId::int8)
    refuse(identity ? "identity column type must be smallint, integer, or bigint"
                    : "sequence type must be smallint, integer, or bigint");
  return type;
}

void settle_limits(const ast::SequenceOptions& options, bool is_new, bool reset_maximum, bool reset_minimum,
                   SequenceOptions& out) {
  const Bounds type = bounds_of(out.type);
  const std::string_view type_name = storage::traits(out.type).name;
  if (options.maximum == Limit::value)
    out.maximum = options.maximum_value;
  else if (is_new || options.maximum == Limit::none || reset_maximum)
    out.maximum = out.increment > 0 ? type.highest : -1;
  if (out.maximum < type.lowest || out.maximum > type.highest)
    refuse(fmt::format("MAXVALUE ({}) is out of range for sequence data type {}", out.maximum, type_name));
  if (options.minimum == Limit::value)
    out.minimum = options.minimum_value;
  else if (is_new || options.minimum == Limit::none || reset_minimum)
    out.minimum = out.increment < 0 ? type.lowest : 1;
  if (out.minimum < type.lowest || out.minimum > type.highest)
    refuse(fmt::format("MINVALUE ({}) is out of range for sequence data type {}", out.minimum, type_name));
  if (out.minimum >= out.maximum)
    refuse(fmt::format("MINVALUE ({}) must be less than MAXVALUE ({})", out.minimum, out.maximum));
}

void check_within(const SequenceOptions& out, std::int64_t value, std::string_view word) {
  if (value < out.minimum)
    refuse(fmt::format("{} value ({}) cannot be less than MINVALUE ({})", word, value, out.minimum));
  if (value > out.maximum)
    refuse(fmt::format("{} value ({}) cannot be greater than MAXVALUE ({})", word, value, out.maximum));
}

// What the options make of a new sequence, or of one that there is.
void apply_options(const ast::SequenceOptions& options, bool is_new, const Definition& d,
                   SequenceOptions& out, SequenceState& state) {
  if (!options.repeated.empty()) throw SqlError("42601", "conflicting or redundant options");
  bool reset_maximum = false;
  bool reset_minimum = false;
  if (options.type) {
    const TypeId type = type_of(options, out.identity, d);
    if (!is_new) {
      const Bounds old = bounds_of(out.type);
      reset_maximum = out.maximum == old.highest;
      reset_minimum = out.minimum == old.lowest;
    }
    out.type = type;
  }
  if (options.increment) {
    if (*options.increment == 0) refuse("INCREMENT must not be zero");
    out.increment = *options.increment;
  }
  if (options.cycle) out.cycle = *options.cycle;
  settle_limits(options, is_new, reset_maximum, reset_minimum, out);
  if (options.start)
    out.start = *options.start;
  else if (is_new)
    out.start = out.increment > 0 ? out.minimum : out.maximum;
  check_within(out, out.start, "START");
  if (options.restart)
    state = {options.restart_value.value_or(out.start), 0, false};
  else if (is_new)
    state = {out.start, 0, false};
  check_within(out, state.last_value, "RESTART");
  if (options.cache) {
    if (*options.cache <= 0) refuse(fmt::format("CACHE ({}) must be greater than zero", *options.cache));
    out.cache = *options.cache;
  }
}

std::shared_ptr<const TableEntry> make_sequence(Definition& d, const std::string& schema_name,
                                                const std::string& name, SequenceOptions options,
                                                const SequenceState& state, RoleId owner) {
  auto schema = std::make_shared<TableSchema>();
  schema->id = next_relation(d.catalog);
  schema->name = name;
  schema->columns = {{"last_value", TypeId::int8, true},
                     {"log_cnt", TypeId::int8, true},
                     {"is_called", TypeId::boolean, true}};
  schema->layout = storage::layout_of(schema->columns);
  auto entry = std::make_shared<TableEntry>();
  entry->schema = schema;
  entry->schema_name = schema_name;
  entry->owner = owner;
  entry->acl = d.catalog.acl_of_new(ObjectKind::sequence, owner, d.catalog.find_schema(schema_name)->oid);
  entry->defaults.resize(schema->columns.size());
  entry->sequence = std::move(options);
  d.branch.create_table(schema);
  write_sequence(d.branch, schema->id, state);
  d.catalog.put_table(entry);
  return entry;
}

// OWNED BY table.column, or NONE.
void set_owner_column(const ast::SequenceOptions& options, const std::string& schema_name, RoleId owner,
                      Definition& d, SequenceOptions& out) {
  if (options.owned_by.empty()) return;
  if (out.identity)
    throw SqlError("0A000", "cannot change ownership of identity sequence");
  if (options.owned_by.size() == 1) {
    if (options.owned_by[0] != "none")
      throw SqlError("42601", "invalid OWNED BY option")
          .with_hint("Specify OWNED BY table.column or OWNED BY NONE.");
    out.owner.reset();
    return;
  }
  ast::QualifiedName name;
  const std::size_t parts = options.owned_by.size();
  name.name = options.owned_by[parts - 2];
  if (parts > 2) name.schema = options.owned_by[parts - 3];
  const auto table = resolve_table(name, d.context);
  if (table->owner != owner)
    throw SqlError("55000", "sequence must have same owner as table it is linked to");
  if (table->schema_name != schema_name)
    throw SqlError("55000", "sequence must be in same schema as table it is linked to");
  const std::uint16_t column = column_of(*table, options.owned_by.back());
  out.owner = std::pair(table->id(), column);
}

}  // namespace

std::string create_sequence(const ast::CreateSequenceStatement& statement, Definition& d) {
  const std::string where = creation_schema(statement.name, d);
  if (statement.temporary) throw SqlError("0A000", "temporary sequences are not supported");
  if (name_taken(d, where, statement.name.name)) {
    std::string message = fmt::format("relation \"{}\" already exists", statement.name.name);
    if (!statement.if_not_exists) throw SqlError("42P07", std::move(message));
    d.notices.push_back(notice("42P07", message + ", skipping"));
    return "CREATE SEQUENCE";
  }
  SequenceOptions options;
  SequenceState state;
  apply_options(statement.options, true, d, options, state);
  set_owner_column(statement.options, where, d.context.role, d, options);
  make_sequence(d, where, statement.name.name, std::move(options), state, d.context.role);
  return "CREATE SEQUENCE";
}

void change_sequence(Definition& d, const TableEntry& sequence, const ast::SequenceOptions& options) {
  SequenceOptions changed = *sequence.sequence;
  const storage::TableVersion* version = d.branch.view().table(sequence.id());
  const SequenceState before = read_sequence(*version);
  SequenceState state = before;
  apply_options(options, false, d, changed, state);
  set_owner_column(options, sequence.schema_name, sequence.owner, d, changed);
  if (options.restart) write_sequence(d.branch, sequence.id(), state);
  change_entry(d, sequence, [&](TableEntry& entry) { entry.sequence = std::move(changed); });
}

std::string alter_sequence(const ast::AlterSequenceStatement& statement, Definition& d) {
  const auto found = find_for_change(statement.name, statement.if_exists, "relation", d);
  if (found == nullptr) return "ALTER SEQUENCE";
  if (!found->is_sequence())
    throw SqlError("42809", fmt::format("\"{}\" is not a sequence", statement.name.name));
  change_sequence(d, *found, statement.options);
  return "ALTER SEQUENCE";
}

std::shared_ptr<const TableEntry> make_owned_sequence(Definition& d, const std::string& schema,
                                                      const std::string& table_name, RelationId table,
                                                      const std::string& column_name, std::uint16_t column,
                                                      TypeId type, const ast::SequenceOptions& options,
                                                      bool identity, std::set<std::string>& making) {
  SequenceOptions made;
  made.type = type;
  made.identity = identity;
  if (identity && type != TypeId::int2 && type != TypeId::int4 && type != TypeId::int8)
    refuse("identity column type must be smallint, integer, or bigint");
  SequenceState state;
  apply_options(options, true, d, made, state);
  made.owner = std::pair(table, column);
  const std::string name = free_name(d, schema, table_name + "_" + column_name, "seq", making);
  making.insert(name);
  return make_sequence(d, schema, name, std::move(made), state, d.context.role);
}

ColumnDefault next_value_of(const TableEntry& sequence, storage::Type type, Identity identity,
                            const Definition& d) {
  std::vector<storage::ExpressionPtr> arguments;
  arguments.push_back(storage::make_constant(TypeId::regclass,
                                             storage::Datum::of_integer(oid_of(sequence.id()))));
  storage::ExpressionPtr value =
      storage::make_call(storage::functions_named("nextval").front(), std::move(arguments));
  const CatalogNames names(d.catalog);
  std::string text = deparse(*value, {}, &names);
  value = storage::make_cast(std::move(value), storage::Type(type.id), storage::CastContext::assignment);
  return {std::shared_ptr<const storage::Expression>(std::move(value)), std::move(text), identity};
}

void drop_sequence(Definition& d, const TableEntry& sequence, bool cascade, const std::string& what) {
  const std::uint32_t oid = oid_of(sequence.id());
  std::vector<std::shared_ptr<const TableEntry>> tables;
  for (const auto& [name, table] : d.catalog.tables()) tables.push_back(table);
  for (const auto& table : tables) {
    for (std::size_t i = 0; i < table->defaults.size(); ++i) {
      const ColumnDefault& value = table->defaults[i];
      if (value.expression == nullptr || !mentions_relation(*value.expression, oid)) continue;
      const std::string& column = table->schema->columns[i].name;
      if (!cascade)
        throw SqlError("2BP01", fmt::format("cannot drop {} because other objects depend on it", what))
            .with_detail(fmt::format("default value for column {} of table {} depends on sequence {}", column,
                                     table->name(), sequence.name()))
            .with_hint(dependency_error_hint());
      d.notices.push_back(notice(
          "00000", fmt::format("drop cascades to default value for column {} of table {}", column, table->name())));
      change_entry(d, *current(d, table->id()), [&](TableEntry& entry) { entry.defaults[i] = {}; });
    }
  }
  d.branch.drop_table(sequence.id());
  d.catalog.remove_table(sequence.id());
}

}  // namespace gyre::adapter::definition
