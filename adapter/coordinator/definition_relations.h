// What the definitions of tables, constraints and sequences share: names and places of new relations, an
// entry's change, what depends on what.
#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/coordinator/definition_parts.h"

namespace gyre::adapter::definition {

using storage::IndexSchema;
using storage::TableSchema;

RelationId next_relation(Catalog& catalog);
// The schema that a new relation goes to. Throws 3F000, 42501.
std::string creation_schema(const ast::QualifiedName& name, const Definition& d);
// Throws 42501 unless the role may make relations in the schema, which is there.
void check_may_create(const Definition& d, const std::string& schema, RoleId role);
// Throws 42501 unless the asking role may look for names in the schema, which is there.
void check_may_look_into(const Definition& d, const std::string& schema);
bool name_taken(const Definition& d, const std::string& schema, const std::string& name);
// base_label, or base_label1, …: the first that is free in the schema and not among the names being made;
// `base` is cut where the whole would be too long for a name.
std::string free_name(const Definition& d, const std::string& schema, const std::string& base,
                      std::string_view label, const std::set<std::string>& making);
// The table that a statement names; sequences are tables here, indexes are not. Null where it is missing and
// may be: a notice says so.
std::shared_ptr<const TableEntry> find_for_change(const ast::QualifiedName& name, bool missing_ok,
                                                  std::string_view noun, Definition& d);
// Throws 42703 with the message where there is no such column.
std::uint16_t column_position(const TableSchema& table, std::string_view name, std::string message,
                              ast::Location location = -1);
// Throws 42703 in the words of ALTER TABLE.
std::uint16_t column_of(const TableEntry& table, std::string_view name);
std::string joined_names(const TableSchema& table, std::span<const std::uint16_t> columns);

// The entry as it is in the catalog now.
std::shared_ptr<const TableEntry> current(const Definition& d, RelationId table);
// Puts a changed copy of the entry into the catalog. `change` gets the copy and may replace its schema.
std::shared_ptr<const TableEntry> change_entry(Definition& d, const TableEntry& table,
                                               const std::function<void(TableEntry&)>& change);
// The same where the table's schema changes, but not its rows, nor its indexes.
std::shared_ptr<const TableEntry> change_schema(Definition& d, const TableEntry& table,
                                                const std::function<void(TableSchema&)>& change);
// Throws 55006 where rows that the transaction has changed wait for deferred checks. `command`: "ALTER TABLE".
void check_in_use(const Definition& d, RelationId table, std::string_view command);
// Writes all rows anew under another definition: `convert` makes a row of the new columns from one of the
// old. The table's oid stays.
std::shared_ptr<const TableEntry> rewrite_table(
    Definition& d, const TableEntry& table, std::shared_ptr<TableEntry> now,
    const std::function<void(std::span<const storage::Datum>, std::span<storage::Datum>)>& convert);
// Texts of defaults and CHECKs as names are now: after something they mention has been renamed.
void refresh_texts(Definition& d);

storage::EvalContext evaluation(const Definition& d, Arena& arena);

// ---- columns (definition_tables.cc) ----

bool serial_type(const ast::TypeName& type);
storage::Type column_type(const ast::ColumnDefinition& column, const Definition& d);
// The default of a column that the entry has already; makes the sequence of a serial or identity column.
ColumnDefault column_default(const ast::ColumnDefinition& column, std::uint16_t position, TableEntry& entry,
                             Definition& d, std::set<std::string>& making);

// ---- constraints (definition_constraints.cc) ----

bool constraint_name_taken(const TableEntry& table, std::string_view name);
std::vector<std::uint16_t> key_columns(const TableSchema& table, const ast::KeyConstraint& key);
// Makes the index that of the constraint: for a PRIMARY KEY only where that is deferrable.
void make_constraint(IndexSchema& index, const ast::KeyConstraint& key);
struct NewCheck {
  const ast::CheckClause* clause;
  std::string_view column;  // with whose definition it came; empty: with none
};
void add_checks(Definition& d, RelationId table, std::span<const NewCheck> checks, bool rows_exist);
void add_foreign_key(Definition& d, RelationId table, const ast::ForeignKeyClause& clause, bool rows_exist);
void add_key_constraint(Definition& d, RelationId table, const ast::KeyConstraint& key);
void drop_constraint(Definition& d, RelationId table, const std::string& name, bool missing_ok, bool cascade);
void validate_constraint(Definition& d, RelationId table, const std::string& name);
void alter_constraint(Definition& d, RelationId table, const ast::AlterAction& action);
void rename_constraint(Definition& d, RelationId table, const std::string& from, const std::string& to);
// Foreign keys of other tables that need a unique key over exactly these columns: dropped with `cascade`,
// otherwise an error that says what of `table` (as "constraint x on table y") they depend on.
// Says what else goes: one by name, more by number with the names as the detail.
void tell_of_cascade(Definition& d, const std::vector<std::string>& objects);
void release_referrers(Definition& d, const TableEntry& table, std::string_view what, bool cascade,
                       const std::function<bool(const ForeignKey&)>& concerns);

// ---- sequences (definition_sequences.cc) ----

// Makes a sequence that belongs to a column; returns its entry.
std::shared_ptr<const TableEntry> make_owned_sequence(Definition& d, const std::string& schema,
                                                      const std::string& table_name, RelationId table,
                                                      const std::string& column_name, std::uint16_t column,
                                                      storage::TypeId type,
                                                      const ast::SequenceOptions& options, bool identity,
                                                      std::set<std::string>& making);
// nextval('seq'::regclass) as a value of the type.
ColumnDefault next_value_of(const TableEntry& sequence, storage::Type type, Identity identity,
                            const Definition& d);
void change_sequence(Definition& d, const TableEntry& sequence, const ast::SequenceOptions& options);
// `what` is being dropped: "sequence s", or the table that it goes with.
void drop_sequence(Definition& d, const TableEntry& sequence, bool cascade, const std::string& what);

// ---- dropping (definition_drop.cc) ----

void drop_table(Definition& d, const TableEntry& table, bool cascade);
std::string dependency_error_hint();

}  // namespace gyre::adapter::definition
