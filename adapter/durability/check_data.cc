#include "adapter/durability/check_data.h"

#include <fmt/format.h>

#include <cstdio>

#include "adapter/durability/data_directory.h"
#include "adapter/durability/recovery.h"
#include "reactor/base/out_buffer.h"
#include "storage/checkpoint.h"
#include "storage/table.h"
#include "storage/tree.h"

namespace gyre::adapter {

namespace {

using storage::Cursor;
using storage::TableSchema;
using storage::TableVersion;

constexpr std::size_t kFaultsMax = 50;

// Looks at one table.
class TableCheck {
 public:
  TableCheck(const TableVersion& table, std::vector<std::string>& faults)
      : table_(table), schema_(*table.schema), faults_(faults) {}

  void run() {
    storage::check_tree(table_.rows);
    Cursor row(table_.rows);
    for (row.seek_first(); row.valid() && faults_.size() < kFaultsMax; row.next()) check_row(row);
    for (std::size_t i = 0; i < table_.indexes.size(); ++i) {
      storage::check_tree(table_.indexes[i]);
      // Every row has its entry, and there are as many: so there are no others.
      if (table_.indexes[i].size() != table_.rows.size())
        fault(fmt::format("index \"{}\" has {} entries for {} rows", schema_.indexes[i].name,
                          table_.indexes[i].size(), table_.rows.size()));
    }
  }

 private:
  void check_row(const Cursor& row) {
    if (!schema_.layout.is_sound(row.value())) return fault("a row cannot be read");
    const char* packed = row.value().data();
    key_.clear();
    if (schema_.has_row_id()) {
      if (storage::row_id_of(row.key()) >= table_.next_row_id)
        fault("the next row would get the hidden id of one that is there");
    } else {
      storage::append_primary_key(schema_, packed, key_);
      if (key_.view() != row.key()) fault("a row is not under its own key");
    }
    for (std::size_t i = 0; i < table_.indexes.size(); ++i) {
      key_.clear();
      storage::append_index_key(schema_, schema_.indexes[i], packed, row.key(), key_);
      std::string_view holder;
      if (!table_.indexes[i].get(key_.view(), holder) || holder != row.key())
        fault(fmt::format("a row is not in index \"{}\"", schema_.indexes[i].name));
    }
  }
  void fault(std::string_view what) {
    if (faults_.size() < kFaultsMax) faults_.push_back(fmt::format("table \"{}\": {}", schema_.name, what));
  }

  const TableVersion& table_;
  const TableSchema& schema_;
  std::vector<std::string>& faults_;
  OutBuffer key_;
};

void print_tables(const InitialState& state) {
  for (const auto& [name, table] : state.catalog.tables())
    fmt::print("  table {}.{}: {} rows, {} indexes\n", name.first, name.second,
               state.database->table(table->id())->rows.size(), table->schema->indexes.size());
}

int fail(const StartError& error) {
  fmt::print(stderr, "gyre: {}\n", error.message);
  return static_cast<int>(error.status);
}

// Reads every checkpoint, also those that recovery would not need. Returns how many are bad.
std::size_t print_checkpoints(const DataDirectory& directory, const std::vector<Timestamp>& timestamps) {
  std::size_t bad = 0;
  for (const Timestamp timestamp : timestamps) {
    auto read = storage::read_checkpoint(directory.disk(), directory.checkpoint_path(timestamp), {});
    if (!read) {
      ++bad;
      fmt::print(stderr, "gyre: {}\n", read.error().message);
      continue;
    }
    fmt::print("checkpoint {}: {} tables, {} rows, {} bytes\n", checkpoint_name(timestamp),
               read->figures.tables, read->figures.rows, read->figures.bytes);
    storage::free_database(std::move(read->database));
  }
  return bad;
}

}  // namespace

std::vector<std::string> find_faults(const storage::Database& database) {
  std::vector<std::string> faults;
  for (const TableVersion* table : database.tables())
    if (table != nullptr) TableCheck(*table, faults).run();
  return faults;
}

int check_data(reactor::Disk& disk, const std::string& path) {
  DataDirectory directory(disk, path);
  const auto content = directory.look();
  if (!content) return fail(content.error());
  if (*content == DataDirectory::Content::none)
    return fail({ExitStatus::missing, fmt::format("\"{}\" has no data of Gyre", path)});
  // A server that writes would make what is read here look wrong.
  if (auto locked = directory.lock(); !locked && locked.error().status == ExitStatus::in_use)
    return fail(locked.error());
  fmt::print("data directory {}, format {}\n", path, kDataFormat);
  const auto timestamps = directory.checkpoints();
  if (!timestamps) return fail(timestamps.error());
  const std::size_t bad = print_checkpoints(directory, *timestamps);
  const RecoveryVoice voice{[](const std::string&) {},
                            [](const std::string& text) { fmt::print("{}\n", text); }};
  auto read = read_state(directory, voice);
  if (!read) return fail(read.error());
  fmt::print("log: {} records with {} row changes after checkpoint {}\n", read->figures.records,
             read->figures.row_changes, checkpoint_name(read->figures.checkpoint));
  fmt::print("state at timestamp {}: catalog version {}, {} tables, {} roles\n", read->state.timestamp.value,
             read->state.catalog.version, read->state.catalog.tables().size(),
             read->state.catalog.roles().size());
  print_tables(read->state);
  const std::vector<std::string> faults = find_faults(*read->state.database);
  for (const std::string& fault : faults) fmt::print(stderr, "gyre: {}\n", fault);
  if (!faults.empty() || bad != 0) return static_cast<int>(ExitStatus::damaged);
  fmt::print("all in order\n");
  return 0;
}

}  // namespace gyre::adapter
