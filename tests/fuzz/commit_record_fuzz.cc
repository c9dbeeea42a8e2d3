// Any bytes as commit records, one after the other: a u16 length before each. They are done to a database and
// a catalog as recovery does it (adapter/durability/replayer.cc). Whatever they are, replaying ends; what it
// leaves can be walked and comes back from a checkpoint, unless rows share an entry of a unique index, which
// replaying does not look for; the catalog comes back from its own bytes, whole and as a change.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "adapter/catalog/codec.h"
#include "storage/commit_record.h"
#include "tests/fuzz/database_bytes.h"

namespace {

using namespace gyre;
using adapter::Catalog;
using storage::Branch;
using storage::CommitRecord;
using storage::CommitSection;
using storage::Database;

// Trees are shared between versions: what is replaced is freed with the version before.
std::unique_ptr<const Database> seal(Branch& branch, std::unique_ptr<const Database> base) {
  auto sealed = branch.seal(Timestamp(1));
  branch.release()->database = std::move(base);
  return sealed;
}

std::unique_ptr<const Database> small_database() {
  auto empty = std::make_unique<Database>();
  Branch branch(*empty);
  auto schema = std::make_shared<storage::TableSchema>();
  schema->id = RelationId(1);
  schema->name = "t";
  schema->columns = {{"a", storage::TypeId::int8, true}, {"b", storage::TypeId::text, false}};
  schema->layout = storage::layout_of(schema->columns);
  schema->primary_key = {0};
  schema->indexes = {{RelationId(2), "t_b", {1}, true, false}};
  branch.create_table(schema);
  return seal(branch, std::move(empty));
}

bool has_every_entry(const Database& database) {
  for (const storage::TableVersion* table : database.tables())
    for (std::size_t i = 0; table != nullptr && i < table->indexes.size(); ++i)
      if (table->indexes[i].size() != table->rows.size()) return false;
  return true;
}

std::string change(const Catalog& before, const Catalog& after) {
  OutBuffer out;
  encode_catalog_change(before, after, out);
  return std::string(out.view());
}

void check_catalog(const Catalog& before, const Catalog& after) {
  const std::string whole = change(Catalog(), after);
  Catalog from_whole, from_change = before;
  GYRE_CHECK(apply_catalog_change(whole, from_whole) == Decoding::ok);
  GYRE_CHECK(change(Catalog(), from_whole) == whole);
  GYRE_CHECK(apply_catalog_change(change(before, after), from_change) == Decoding::ok);
  GYRE_CHECK(change(Catalog(), from_change) == whole);
}

class Replica {
 public:
  ~Replica() { storage::free_database(std::move(database_)); }

  // False where the record cannot be one; the database is then as before it.
  bool apply(std::string_view bytes) {
    CommitRecord record;
    if (read_commit_record(bytes, record) != Decoding::ok) return false;
    Branch branch(*database_);
    Catalog catalog = catalog_;
    for (const CommitRecord::Section& section : record.sections)
      if (!apply(section, branch, catalog)) return false;
    database_ = seal(branch, std::move(database_));
    check_catalog(catalog_, catalog);
    catalog_ = std::move(catalog);
    return true;
  }
  void check() const {
    fuzz::check_trees(*database_);
    if (has_every_entry(*database_)) fuzz::check_checkpoint_round_trip(*database_, Timestamp(1), {});
  }

 private:
  static bool apply(const CommitRecord::Section& section, Branch& branch, Catalog& catalog) {
    std::uint64_t rows = 0;
    if (section.kind == CommitSection::changes)
      return replay_changes(section.bytes, branch, rows) == Decoding::ok;
    return apply_catalog_change(section.bytes, catalog) == Decoding::ok;
  }

  std::unique_ptr<const Database> database_ = small_database();
  Catalog catalog_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Replica replica;
  while (rest.size() >= 2) {
    std::uint16_t length;
    std::memcpy(&length, rest.data(), sizeof length);
    const std::string_view record = rest.substr(2, length);
    rest.remove_prefix(2 + record.size());
    if (!replica.apply(record)) break;
  }
  replica.check();
  return 0;
}
