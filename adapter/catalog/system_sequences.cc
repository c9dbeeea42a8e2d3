// Sequences, what belongs to what, and comments.
#include <string>

#include "adapter/catalog/surroundings.h"
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

constexpr std::uint32_t kClassOid = 1259;       // pg_class
constexpr std::uint32_t kConstraintOid = 2606;  // pg_constraint

template <class Visit>
void for_each_sequence(SystemScan& scan, Visit visit) {
  for (const auto& [key, table] : scan.catalog.tables())
    if (table->is_sequence()) visit(*table, *table->sequence);
}

void scan_sequences(SystemScan& scan) {
  for_each_sequence(scan, [&](const TableEntry& table, const SequenceOptions& s) {
    emit(scan, {oid_of(table.id()), storage::traits(s.type).oid, s.start, s.increment, s.maximum, s.minimum,
                s.cache, s.cycle});
  });
}

void scan_sequence_view(SystemScan& scan) {
  const Role* const reader = scan.catalog.find_role(scan.session.current_user);
  for_each_sequence(scan, [&](const TableEntry& table, const SequenceOptions& s) {
    Value last = nullptr;
    const bool may_see = reader != nullptr && (scan.catalog.allows(reader->id, table, bit(Privilege::select)) ||
                                               scan.catalog.allows(reader->id, table, bit(Privilege::usage)));
    if (const storage::TableVersion* version = scan.database.table(table.id());
        may_see && version != nullptr)
      if (const SequenceState state = read_sequence(*version); state.called) last = state.last_value;
    emit(scan, {table.schema_name, table.name(), role_name(scan, table.owner), storage::traits(s.type).oid,
                s.start, s.minimum, s.maximum, s.increment, s.cycle, s.cache, last});
  });
}

std::string_view number_text(SystemScan& scan, std::int64_t number) {
  return scan.arena.copy(std::to_string(number));
}

// Without those of identity columns, as the standard has it.
void scan_standard_view(SystemScan& scan) {
  for_each_sequence(scan, [&](const TableEntry& table, const SequenceOptions& s) {
    if (s.identity) return;
    const int bits = s.type == storage::TypeId::int2 ? 16 : s.type == storage::TypeId::int4 ? 32 : 64;
    emit(scan, {database_name(scan), table.schema_name, table.name(), storage::traits(s.type).name, bits, 2, 0,
                number_text(scan, s.start), number_text(scan, s.minimum), number_text(scan, s.maximum),
                number_text(scan, s.increment), s.cycle ? "YES" : "NO"});
  });
}

// Only what clients look for: whose column a sequence is, and which key a foreign key needs.
void scan_dependencies(SystemScan& scan) {
  for_each_sequence(scan, [&](const TableEntry& table, const SequenceOptions& s) {
    if (s.owner)
      emit(scan, {kClassOid, oid_of(table.id()), 0, kClassOid, oid_of(s.owner->first), s.owner->second + 1,
                  s.identity ? 'i' : 'a'});
  });
  for (const auto& [key, table] : scan.catalog.tables()) {
    for (const IndexFacts& index : indexes_of(*table))
      if (index.constraint) emit(scan, {kClassOid, index.oid, 0, kConstraintOid, index.oid, 0, 'i'});
    for (const ForeignKey& foreign : table->foreign_keys)
      emit(scan, {kConstraintOid, foreign.oid, 0, kClassOid, referenced_index(scan.catalog, foreign).oid, 0, 'n'});
  }
}

void scan_comments(SystemScan& scan) {
  for (const auto& [key, table] : scan.catalog.tables())
    for (const auto& [column, text] : table->comments)
      emit(scan, {oid_of(table->id()), kClassOid, column, text});
}

}  // namespace

Relations sequence_relations() {
  return {
      {2224, "pg_catalog", "pg_sequence",
       columns_of("seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, "
                  "seqcache int8, seqcycle boolean"),
       scan_sequences},
      {12048, "pg_catalog", "pg_sequences",
       columns_of("schemaname name, sequencename name, sequenceowner name, data_type regtype, "
                  "start_value int8, min_value int8, max_value int8, increment_by int8, cycle boolean, "
                  "cache_size int8, last_value int8"),
       scan_sequence_view, 'v'},
      {13386, "information_schema", "sequences",
       columns_of("sequence_catalog name, sequence_schema name, sequence_name name, data_type text, "
                  "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
                  "start_value text, minimum_value text, maximum_value text, increment text, cycle_option text"),
       scan_standard_view, 'v'},
      {2608, "pg_catalog", "pg_depend",
       columns_of("classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, "
                  "deptype \"char\""),
       scan_dependencies},
      {2609, "pg_catalog", "pg_description",
       columns_of("objoid oid, classoid oid, objsubid int4, description text"), scan_comments},
  };
}

}  // namespace gyre::adapter::system
