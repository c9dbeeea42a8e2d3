// Branches against a naive twin (maps of rows, checked as a whole after each statement), and the words of
// their failures.

#include "storage/branch.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "reactor/fail_point.h"
#include "storage/commit_record.h"
#include "storage/failure.h"
#include "tests/storage/random.h"
#include "tests/storage/table_fixture.h"

namespace gyre::storage {
namespace {

using test::below;
using test::integer;
using test::make_schema;
using test::Random;
using test::Store;
using test::text;

// ---- The twin

// A row of (a int8 not null, b int4, c text).
struct TwinRow {
  std::int64_t a;
  std::optional<int> b;
  std::optional<std::string> c;
  auto operator<=>(const TwinRow&) const = default;
};

std::vector<Datum> datums(const TwinRow& row) {
  return {integer(row.a), row.b ? integer(*row.b) : Datum(), row.c ? text(*row.c) : Datum()};
}

// Rows by their encoded key; what must be unique is looked for by brute force.
struct TwinTable {
  std::map<std::string, TwinRow> rows;
  bool unique_b = false;

  bool consistent() const {
    std::set<int> seen;
    for (const auto& [key, row] : rows)
      if (unique_b && row.b && !seen.insert(*row.b).second) return false;
    return true;
  }
};

constexpr RelationId kKeyed{1};
constexpr RelationId kHidden{2};

std::vector<ColumnDef> columns() {
  return {{"a", TypeId::int8, true}, {"b", TypeId::int4, false}, {"c", TypeId::text, false}};
}

std::shared_ptr<const TableSchema> keyed_schema() {
  return make_schema(1, "t", columns(), {0}, {{"t_b_key", {1}, true}, {"t_c_idx", {2}, false}});
}

std::shared_ptr<const TableSchema> hidden_schema() {
  return make_schema(2, "u", columns(), {}, {{"u_cb_idx", {2, 1}, false}});
}

struct Twin {
  TwinTable keyed{{}, true};
  TwinTable hidden;
  TwinTable& table(RelationId id) { return id == kKeyed ? keyed : hidden; }
};

void expect_table(const Database& database, RelationId id, const TwinTable& twin) {
  const TableVersion& version = *database.table(id);
  const TableSchema& schema = *version.schema;
  check_tree(version.rows);
  ASSERT_EQ(version.rows.size(), twin.rows.size());
  Cursor cursor(version.rows);
  cursor.seek_first();
  std::vector<std::map<std::string, std::string>> entries(schema.indexes.size());
  for (const auto& [key, row] : twin.rows) {
    ASSERT_EQ(cursor.key(), key);
    OutBuffer packed;
    schema.layout.pack(datums(row), packed);
    ASSERT_EQ(cursor.value(), packed.view());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      OutBuffer entry;
      append_index_key(schema, schema.indexes[i], packed.data(), key, entry);
      entries[i][std::string(entry.view())] = key;
    }
    cursor.next();
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    check_tree(version.indexes[i]);
    ASSERT_EQ(version.indexes[i].size(), entries[i].size());
    Cursor entry(version.indexes[i]);
    entry.seek_first();
    for (const auto& [key, primary_key] : entries[i]) {
      ASSERT_EQ(entry.key(), key);
      ASSERT_EQ(entry.value(), primary_key);
      entry.next();
    }
  }
}

void expect_same(const Database& database, Twin& twin) {
  ASSERT_NO_FATAL_FAILURE(expect_table(database, kKeyed, twin.keyed));
  ASSERT_NO_FATAL_FAILURE(expect_table(database, kHidden, twin.hidden));
}

std::optional<Fault> fault_of(const std::function<void()>& statement) {
  try {
    statement();
  } catch (const Failure& failure) {
    return failure.fault;
  }
  return std::nullopt;
}

// ---- Random statements on both

class Session {
 public:
  enum class Tables : std::uint8_t { both, keyed };
  Session(Random& random, std::uint64_t key_space, Tables tables = Tables::both)
      : random_(random), key_space_(key_space), tables_(tables) {}

  // A statement on both; what the twin refuses the branch must refuse, and then be unchanged.
  void statement(Branch& branch, Twin& twin) {
    const RelationId table = tables_ == Tables::both && below(random_, 3) == 0 ? kHidden : kKeyed;
    switch (below(random_, 12)) {
      case 0:
        return erase_one(branch, twin, table);
      case 1:
      case 2:
        return update_some(branch, twin, table);
      case 3:
        if (below(random_, 20) != 0) return;
        branch.truncate(table);
        twin.table(table).rows.clear();
        return;
      default:
        return insert_one(branch, twin, table);
    }
  }

  TwinRow random_row() {
    TwinRow row{static_cast<std::int64_t>(below(random_, key_space_)), {}, {}};
    if (below(random_, 3) != 0) row.b = static_cast<int>(below(random_, 2 * key_space_));
    if (below(random_, 4) != 0)
      row.c = std::string(below(random_, below(random_, 30) == 0 ? 3000 : 12),
                          static_cast<char>('a' + row.a % 3));
    return row;
  }

 private:
  void insert_one(Branch& branch, Twin& twin, RelationId table) {
    const TwinRow row = random_row();
    Twin after = twin;
    bool accepted = true;
    std::string key;
    if (table == kKeyed) {
      key = test::primary_key_of(*branch.view().table(table)->schema, datums(row));
      accepted = after.keyed.rows.insert({key, row}).second && after.keyed.consistent();
    }
    std::string made;
    const auto fault = fault_of([&] { made = branch.insert(table, datums(row)); });
    ASSERT_EQ(fault.has_value(), !accepted);
    if (fault) {
      ASSERT_EQ(*fault, Fault::unique_violation);
      return;
    }
    if (table == kKeyed) {
      ASSERT_EQ(made, key);
    }
    ASSERT_TRUE(twin.table(table).rows.insert({made, row}).second);
  }

  void erase_one(Branch& branch, Twin& twin, RelationId table) {
    auto& rows = twin.table(table).rows;
    if (rows.empty()) return;
    const auto at = std::next(rows.begin(), static_cast<std::ptrdiff_t>(below(random_, rows.size())));
    ASSERT_TRUE(branch.erase(table, at->first));
    ASSERT_FALSE(branch.erase(table, at->first));
    rows.erase(at);
  }

  // Shifts keys, unique values or neither, of a random part of the table, in one statement.
  void update_some(Branch& branch, Twin& twin, RelationId table) {
    const TableSchema& schema = *branch.view().table(table)->schema;
    const auto shift_a = static_cast<std::int64_t>(below(random_, 3)) - 1;
    const int shift_b = static_cast<int>(below(random_, 3)) - 1;
    const std::uint64_t part = 1 + below(random_, 4);
    TwinTable after = twin.table(table);
    std::vector<std::pair<std::string, TwinRow>> changed;
    for (const auto& [key, row] : twin.table(table).rows) {
      if (below(random_, part) != 0) continue;
      TwinRow next = row;
      next.a += shift_a;
      if (next.b) next.b = *next.b + shift_b;
      if (below(random_, 5) == 0) next.c = "changed";
      changed.emplace_back(key, next);
      after.rows.erase(key);
    }
    bool accepted = true;
    for (const auto& [key, row] : changed)
      accepted &=
          after.rows.insert({table == kHidden ? key : test::primary_key_of(schema, datums(row)), row}).second;
    accepted = accepted && after.consistent();
    std::vector<std::vector<Datum>> values;
    for (const auto& [key, row] : changed) values.push_back(datums(row));
    std::vector<RowUpdate> updates;
    for (std::size_t i = 0; i < changed.size(); ++i) updates.push_back({changed[i].first, values[i]});
    const auto fault = fault_of([&] { branch.apply_update_set(table, updates); });
    ASSERT_EQ(fault.has_value(), !accepted);
    if (!fault) twin.table(table) = after;
  }

  Random& random_;
  std::uint64_t key_space_;
  Tables tables_;
};

TEST(BranchRandom, StatementsRollbacksAndCommits) {
  const std::uint64_t seed = test::seed_or(4711);
  for (std::uint64_t run = 0; run < 8; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    Store store;
    Twin twin;
    {
      Branch branch(store.database());
      branch.create_table(keyed_schema());
      branch.create_table(hidden_schema());
      store.commit(branch);
    }
    for (int commit = 0; commit < 25; ++commit) {
      Branch branch(store.database());
      const Twin committed = twin;
      Session session(random, 200);
      Branch::Mark mark = branch.mark();
      Twin marked = twin;
      for (std::uint64_t i = below(random, 60); i > 0; --i) {
        ASSERT_NO_FATAL_FAILURE(session.statement(branch, twin));
        if (below(random, 15) == 0) {
          mark = branch.mark();
          marked = twin;
        } else if (below(random, 15) == 0) {
          branch.rollback_to(mark);
          twin = marked;
          ASSERT_TRUE(branch.unchanged_since(mark));
        }
      }
      ASSERT_NO_FATAL_FAILURE(expect_same(branch.view(), twin));
      Twin before = committed;
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), before)) << "the base changed";
      if (below(random, 5) == 0) {
        twin = committed;  // given up
        continue;
      }
      const auto retired = store.commit(branch);
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), twin));
      ASSERT_NO_FATAL_FAILURE(expect_same(*retired->database, before)) << "an older snapshot changed";
    }
  }
}

// Batches ordered one on top of the other before the first is durable: some are published, the rest dropped.
// (What is not freed, or freed twice, the sanitizer finds.)
TEST(BranchRandom, SealedStatesArePublishedOrDropped) {
  const std::uint64_t seed = test::seed_or(815);
  for (std::uint64_t run = 0; run < 60; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    Store store;
    std::vector<Twin> twins(1);
    {
      Branch branch(store.database());
      branch.create_table(keyed_schema());
      branch.create_table(hidden_schema());
      Session session(random, 100);
      for (int i = 0; i < 50; ++i) ASSERT_NO_FATAL_FAILURE(session.statement(branch, twins[0]));
      store.commit(branch);
    }
    struct Sealed {
      std::unique_ptr<Branch> branch;
      std::unique_ptr<const Database> database;
    };
    std::deque<Sealed> sealed;
    Timestamp timestamp(100);
    for (std::uint64_t i = 1 + below(random, 4); i > 0; --i) {
      const Database& base = sealed.empty() ? store.database() : *sealed.back().database;
      auto branch = std::make_unique<Branch>(base);
      twins.push_back(twins.back());
      Session session(random, 100);
      const Branch::Mark mark = branch->mark();
      if (below(random, 3) == 0) {  // nodes that one branch makes and takes away
        for (std::int64_t row = 1000; row < 1200; ++row)
          branch->insert(kKeyed, std::vector<Datum>{integer(row), Datum(), Datum()});
        branch->truncate(kKeyed);
        branch->create_table(make_schema(9, "n", columns(), {0}));
        branch->insert(RelationId(9), std::vector<Datum>{integer(1), Datum(), Datum()});
        branch->drop_table(RelationId(9));
        branch->drop_table(kHidden);
        if (below(random, 2) == 0) branch->rollback_to(mark);
      }
      if (branch->unchanged_since(mark))
        for (int statement = 0; statement < 30; ++statement)
          ASSERT_NO_FATAL_FAILURE(session.statement(*branch, twins.back()));
      else
        i = 1;  // the twin does not follow: the last
      auto database = branch->seal(Timestamp(++timestamp.value));
      sealed.push_back({std::move(branch), std::move(database)});
    }
    for (std::size_t published = below(random, sealed.size() + 1); published > 0; --published) {
      store.publish(*sealed.front().branch, std::move(sealed.front().database));
      sealed.pop_front();
      twins.erase(twins.begin());
    }
    const bool all = sealed.empty();
    while (!sealed.empty()) sealed.pop_back();
    if (!all) {
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), twins.front()));
      Branch next(store.database());
      Session session(random, 100);
      for (int i = 0; i < 30; ++i) ASSERT_NO_FATAL_FAILURE(session.statement(next, twins.front()));
      store.commit(next);
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), twins.front()));
    }
  }
}

// What a transaction did, seen from its base: per row the first and last state.
using Net = std::map<std::string, std::pair<std::optional<TwinRow>, std::optional<TwinRow>>>;

Net net_of(const TwinTable& base, const TwinTable& after) {
  Net net;
  for (const auto& [key, row] : base.rows) net[key].first = row;
  for (const auto& [key, row] : after.rows) net[key].second = row;
  std::erase_if(net, [](const auto& entry) { return entry.second.first == entry.second.second; });
  return net;
}

TEST(BranchRandom, TransactionsMergeOrConflict) {
  const std::uint64_t seed = test::seed_or(815);
  int merged = 0;
  int refused = 0;
  for (std::uint64_t run = 0; run < 150; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    Session session(random, 25);
    Store store;
    Twin base;
    Branch setup(store.database());
    setup.create_table(keyed_schema());
    setup.create_table(hidden_schema());
    for (int i = 0; i < 12; ++i) {
      const TwinRow row = session.random_row();
      const std::string key = test::primary_key_of(*keyed_schema(), datums(row));
      if (fault_of([&] { setup.insert(kKeyed, datums(row)); })) continue;
      base.keyed.rows[key] = row;
    }
    store.commit(setup);
    const auto insert_and_erase = [&](Branch& branch, Twin& twin) {
      for (std::uint64_t i = 1 + below(random, 3); i > 0; --i) {
        const TwinRow row = session.random_row();
        const std::string key = test::primary_key_of(*keyed_schema(), datums(row));
        branch.insert(kHidden, datums(row));
        if (twin.keyed.rows.contains(key)) {
          branch.erase(kKeyed, key);
          twin.keyed.rows.erase(key);
        }
        if (below(random, 2) == 0 && !fault_of([&] { branch.insert(kKeyed, datums(row)); }))
          twin.keyed.rows[key] = row;
      }
    };
    Branch transaction(store.database());
    Twin in_transaction = base;
    insert_and_erase(transaction, in_transaction);
    Branch head(store.database());
    Twin in_head = base;
    insert_and_erase(head, in_head);
    const std::uint64_t hidden_rows =
        head.view().table(kHidden)->rows.size() + transaction.view().table(kHidden)->rows.size();

    Twin expected = in_head;
    bool conflict = false;
    for (const auto& [key, states] : net_of(base.keyed, in_transaction.keyed)) {
      const auto at = in_head.keyed.rows.find(key);
      const std::optional<TwinRow> current =
          at == in_head.keyed.rows.end() ? std::nullopt : std::optional(at->second);
      conflict |= current != states.first;
      expected.keyed.rows.erase(key);
      if (states.second) expected.keyed.rows[key] = *states.second;
    }
    const bool accepted = !conflict && expected.keyed.consistent();
    const auto fault = fault_of([&] { head.merge(transaction); });
    ASSERT_EQ(fault.has_value(), !accepted);
    if (fault) {
      ++refused;
      ASSERT_TRUE(*fault == Fault::serialization_failure || *fault == Fault::unique_violation);
      ASSERT_NO_FATAL_FAILURE(expect_table(head.view(), kKeyed, in_head.keyed));
      continue;
    }
    ++merged;
    ASSERT_NO_FATAL_FAILURE(expect_table(head.view(), kKeyed, expected.keyed));
    ASSERT_EQ(head.view().table(kHidden)->rows.size(), hidden_rows)
        << "rows with hidden ids replaced one another";
  }
  EXPECT_GT(merged, 10);
  EXPECT_GT(refused, 10);
}

// Packed rows, whatever their keys.
std::multiset<std::string> contents(const Tree& rows) {
  std::multiset<std::string> found;
  Cursor cursor(rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) found.insert(std::string(cursor.value()));
  return found;
}

// One who changes rows of his own: odd or even numbers, so that two of them never touch the same row.
struct Owner {
  Random& random;
  std::int64_t parity;
  TwinTable keyed;
  std::map<std::string, TwinRow> hidden;  // by key in the branch

  TwinRow row() {
    const auto number = [&] { return static_cast<std::int64_t>(2 * below(random, 20)) + parity; };
    return {number(), static_cast<int>(number()), std::string(1, static_cast<char>('a' + number()))};
  }
  void statement(Branch& branch) {
    const TwinRow row = this->row();
    const std::string key = test::primary_key_of(*keyed_schema(), datums(row));
    switch (below(random, 4)) {
      case 0:
        if (!fault_of([&] { branch.insert(kKeyed, datums(row)); })) keyed.rows[key] = row;
        return;
      case 1:
        if (keyed.rows.contains(key) && !fault_of([&] { branch.update(kKeyed, key, datums(row)); }))
          keyed.rows[key] = row;
        return;
      case 2:
        if (branch.erase(kKeyed, key)) keyed.rows.erase(key);
        return;
      default:
        if (!hidden.empty() && below(random, 2) == 0) {
          branch.update(kHidden, hidden.begin()->first, datums(row));
          hidden.begin()->second = row;
        } else {
          const std::string made(branch.insert(kHidden, datums(row)));
          hidden[made] = row;
        }
    }
  }
};

TEST(BranchRandom, ATransactionIsRebasedOntoWhatOthersCommit) {
  const std::uint64_t seed = test::seed_or(4711);
  for (std::uint64_t run = 0; run < 150; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    Store store;
    std::vector<std::unique_ptr<Retired>> held;  // bases of the transaction
    Owner ours{random, 1, {}, {}}, others{random, 0, {}, {}};
    Branch setup(store.database());
    setup.create_table(keyed_schema());
    setup.create_table(hidden_schema());
    held.push_back(store.commit(setup));
    Branch transaction(store.database(), Branch::ForTransaction{1});
    const auto check = [&](const Database& database) {
      TwinTable keyed = ours.keyed;
      keyed.rows.insert(others.keyed.rows.begin(), others.keyed.rows.end());
      ASSERT_NO_FATAL_FAILURE(expect_table(database, kKeyed, keyed));
      std::multiset<std::string> rows;
      for (const Owner* owner : {&ours, &others})
        for (const auto& [key, row] : owner->hidden) {
          OutBuffer packed;
          hidden_schema()->layout.pack(datums(row), packed);
          rows.insert(std::string(packed.view()));
        }
      ASSERT_EQ(contents(database.table(kHidden)->rows), rows);
      ASSERT_EQ(database.table(kHidden)->indexes[0].size(), rows.size());
    };
    Branch::Mark mark;
    Owner marked = ours;
    for (int step = 0; step < 30; ++step) {
      switch (below(random, 5)) {
        case 0: {
          Branch head(store.database());
          for (std::uint64_t i = below(random, 4); i > 0; --i) others.statement(head);
          held.push_back(store.commit(head));
          break;
        }
        case 1:
          mark = transaction.mark();
          marked.keyed = ours.keyed;
          marked.hidden = ours.hidden;
          break;
        case 2:
          if (below(random, 3) != 0) break;
          transaction.rollback_to(mark);
          ours.keyed = marked.keyed;
          ours.hidden = marked.hidden;
          break;
        default:
          transaction.rebase(store.database());
          ASSERT_NO_FATAL_FAILURE(check(transaction.view()));
          ours.statement(transaction);
          ASSERT_NO_FATAL_FAILURE(check(transaction.view()));
      }
    }
    Branch head(store.database());
    head.merge(transaction);
    ASSERT_NO_FATAL_FAILURE(check(head.view()));
    Cursor row(head.view().table(kHidden)->rows);
    for (row.seek_first(); row.valid(); row.next()) ASSERT_LT(row_id_of(row.key()), kTransactionRowIds);
  }
}

// Nobody else changes the transactions' tables: their trees become the head's, to be undone, logged, published
// and freed there. (What is not freed, or freed twice, the sanitizer finds.)
TEST(BranchRandom, TransactionsAreTakenOver) {
  const std::uint64_t seed = test::seed_or(616);
  const RelationId made{9};
  int refilled = 0;
  for (std::uint64_t run = 0; run < 20; ++run) {
    SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed + run));
    Random random(seed + run);
    Session session(random, 200, Session::Tables::keyed), other(random, 200);
    Store store, replica;
    Twin twin;
    for (Store* each : {&store, &replica}) {
      Branch setup(each->database());
      setup.create_table(keyed_schema());
      setup.create_table(hidden_schema());
      each->commit(setup);
    }
    for (int commit = 0; commit < 15; ++commit) {
      Branch transaction(store.database(), Branch::ForTransaction{static_cast<std::uint64_t>(commit) + 1});
      Twin after = twin;
      if (below(random, 4) == 0) {
        ++refilled;
        transaction.truncate(kKeyed);
        after.keyed.rows.clear();
      }
      if (below(random, 4) == 0) {
        transaction.create_table(make_schema(made.value, "n", columns(), {0}));
        transaction.insert(made, std::vector<Datum>{integer(1), Datum(), text(std::string(5000, 'x'))});
        transaction.drop_table(made);
      }
      for (int i = 0; i < 40; ++i) ASSERT_NO_FATAL_FAILURE(session.statement(transaction, after));
      Branch head(store.database());
      if (below(random, 2) == 0) {
        const TwinRow row = other.random_row();
        const std::string key(head.insert(kHidden, datums(row)));
        twin.hidden.rows[key] = after.hidden.rows[key] = row;
      }
      const Branch::Mark before = head.mark();
      head.merge(transaction);
      ASSERT_TRUE(transaction.changes().empty()) << "the rows went one by one";
      ASSERT_NO_FATAL_FAILURE(expect_same(head.view(), after));
      if (below(random, 4) == 0) {
        head.rollback_to(before);
        after = twin;
        ASSERT_NO_FATAL_FAILURE(expect_same(head.view(), after));
      }
      for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(other.statement(head, after));
      OutBuffer record;
      CommitRecordWriter(record).changes(head);
      CommitRecord read;
      ASSERT_EQ(read_commit_record(record.view(), read), Decoding::ok);
      Branch copy(replica.database());
      std::uint64_t rows = 0;
      ASSERT_EQ(replay_changes(read.section(CommitSection::changes), copy, rows), Decoding::ok);
      replica.commit(copy);
      if (below(random, 20) == 0) break;  // it is not to be published
      store.commit(head);
      twin = after;
      ASSERT_NO_FATAL_FAILURE(expect_same(store.database(), twin));
      ASSERT_NO_FATAL_FAILURE(expect_same(replica.database(), twin));
    }
  }
  EXPECT_GT(refilled, 10);
}

TEST(BranchRandom, ReplayedChangesGiveTheSameTables) {
  Random random(test::seed_or(99));
  Session session(random, 200);
  Store store;
  Store replica;
  Twin twin;
  for (Store* each : {&store, &replica}) {
    Branch branch(each->database());
    branch.create_table(keyed_schema());
    branch.create_table(hidden_schema());
    each->commit(branch);
  }
  for (int commit = 0; commit < 10; ++commit) {
    Branch branch(store.database());
    for (int i = 0; i < 30; ++i) {
      ASSERT_NO_FATAL_FAILURE(session.statement(branch, twin));
    }
    OutBuffer record;
    CommitRecordWriter(record).changes(branch);
    CommitRecord read;
    ASSERT_EQ(read_commit_record(record.view(), read), Decoding::ok);
    Branch copy(replica.database());
    std::uint64_t rows = 0;
    ASSERT_EQ(replay_changes(read.section(CommitSection::changes), copy, rows), Decoding::ok);
    store.commit(branch);
    replica.commit(copy);
    ASSERT_NO_FATAL_FAILURE(expect_same(replica.database(), twin));
    ASSERT_EQ(replica.database().table(kHidden)->next_row_id > store.database().table(kHidden)->rows.size(),
              true);
  }
}

// ---- One thing at a time

class BranchTest : public testing::Test {
 protected:
  BranchTest() {
    Branch branch(store_.database());
    branch.create_table(keyed_schema());
    branch.create_table(hidden_schema());
    store_.commit(branch);
  }
  Failure failure_of(const std::function<void()>& statement) {
    try {
      statement();
    } catch (const Failure& failure) {
      return failure;
    }
    ADD_FAILURE() << "no failure";
    return Failure(Fault::internal_error, "none");
  }
  static void insert(Branch& branch, RelationId table, std::vector<Datum> row) { branch.insert(table, row); }

  Store store_;
};

TEST_F(BranchTest, DuplicateKeysAreNamed) {
  Branch branch(store_.database());
  insert(branch, kKeyed, {integer(1), integer(2), text("x")});
  const Failure primary = failure_of([&] { insert(branch, kKeyed, {integer(1), integer(3), text("y")}); });
  EXPECT_EQ(primary.fault, Fault::unique_violation);
  EXPECT_EQ(primary.message, "duplicate key value violates unique constraint \"t_pkey\"");
  EXPECT_EQ(primary.detail, "Key (a)=(1) already exists.");
  EXPECT_EQ(primary.table, "t");
  EXPECT_EQ(primary.constraint, "t_pkey");
  const Failure secondary = failure_of([&] { insert(branch, kKeyed, {integer(2), integer(2), text("y")}); });
  EXPECT_EQ(secondary.message, "duplicate key value violates unique constraint \"t_b_key\"");
  EXPECT_EQ(secondary.detail, "Key (b)=(2) already exists.");
  EXPECT_EQ(branch.changes().size(), 1U);
  EXPECT_EQ(branch.view().table(kKeyed)->rows.size(), 1U);
}

TEST_F(BranchTest, SeveralColumnsInADuplicateKey) {
  Branch branch(store_.database());
  const RelationId pair{7};
  branch.create_table(make_schema(7, "p", {{"a", TypeId::int4, true}, {"b", TypeId::text, true}}, {0, 1}));
  insert(branch, pair, {integer(1), text("x")});
  insert(branch, pair, {integer(1), text("y")});
  EXPECT_EQ(failure_of([&] {
              insert(branch, pair, {integer(1), text("x")});
            }).detail,
            "Key (a, b)=(1, x) already exists.");
}

TEST_F(BranchTest, NullsDoNotCollideInAUniqueIndex) {
  Branch branch(store_.database());
  insert(branch, kKeyed, {integer(1), Datum(), Datum()});
  insert(branch, kKeyed, {integer(2), Datum(), Datum()});
  EXPECT_EQ(branch.view().table(kKeyed)->indexes[0].size(), 2U);
}

TEST_F(BranchTest, NotNullShowsTheRow) {
  Branch branch(store_.database());
  const std::string longer = std::string(63, 'a') + "\xc3\xa9" + std::string(10, 'b');
  const Failure failure = failure_of([&] { insert(branch, kKeyed, {Datum(), integer(1), text(longer)}); });
  EXPECT_EQ(failure.fault, Fault::not_null_violation);
  EXPECT_EQ(failure.message, "null value in column \"a\" of relation \"t\" violates not-null constraint");
  EXPECT_EQ(failure.detail, "Failing row contains (null, 1, " + std::string(63, 'a') + "...).");
  EXPECT_EQ(failure.table, "t");
  EXPECT_EQ(failure.column, "a");
}

TEST_F(BranchTest, KeysMayShiftIntoOneAnother) {
  Branch branch(store_.database());
  std::vector<std::vector<Datum>> rows;
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < 100; ++i) {
    insert(branch, kKeyed, {integer(i), integer(i), Datum()});
    keys.push_back(test::primary_key_of(*keyed_schema(), {integer(i), integer(i), Datum()}));
    rows.push_back({integer(i + 1), integer(99 - i), Datum()});
  }
  std::vector<RowUpdate> updates;
  for (std::size_t i = 0; i < keys.size(); ++i) updates.push_back({keys[i], rows[i]});
  branch.apply_update_set(kKeyed, updates);
  EXPECT_EQ(branch.view().table(kKeyed)->rows.size(), 100U);
  EXPECT_FALSE(branch.view().table(kKeyed)->rows.contains(keys[0]));
}

TEST_F(BranchTest, AnOversizeKeyIsRefused) {
  Branch branch(store_.database());
  const std::string large(9000, 'x');
  const Failure failure = failure_of([&] { insert(branch, kKeyed, {integer(1), integer(1), text(large)}); });
  EXPECT_EQ(failure.fault, Fault::program_limit_exceeded);
  EXPECT_NE(failure.message.find("exceeds maximum 8191 for index \"t_c_idx\""), std::string::npos);
  EXPECT_EQ(branch.view().table(kKeyed)->rows.size(), 0U);
  EXPECT_EQ(branch.view().table(kKeyed)->indexes[0].size(), 0U);
}

TEST_F(BranchTest, IndexesAreBuiltFromRows) {
  Branch branch(store_.database());
  for (std::int64_t i = 0; i < 1000; ++i) insert(branch, kHidden, {integer(i % 500), integer(i), text("c")});
  const auto schema = branch.view().table(kHidden)->schema;
  const Branch::Mark mark = branch.mark();
  const Failure failure = failure_of([&] {
    branch.create_index(test::with_index(*schema, 300, {"u_a_key", {0}, true}));
  });
  EXPECT_EQ(failure.message, "could not create unique index \"u_a_key\"");
  EXPECT_EQ(failure.detail, "Key (a)=(0) is duplicated.");
  EXPECT_TRUE(branch.unchanged_since(mark));
  branch.create_index(test::with_index(*schema, 301, {"u_b_key", {1}, true}));
  EXPECT_EQ(branch.view().table(kHidden)->indexes[1].size(), 1000U);
  EXPECT_EQ(failure_of([&] {
              insert(branch, kHidden, {integer(1), integer(1), Datum()});
            }).constraint,
            "u_b_key");
  const auto indexed = branch.view().table(kHidden)->schema;
  branch.drop_index(RelationId(201), test::without_index(*indexed, 0));
  EXPECT_EQ(branch.view().table(kHidden)->indexes.size(), 1U);
  branch.rollback_to(mark);
  EXPECT_EQ(branch.view().table(kHidden)->indexes.size(), 1U);
  EXPECT_EQ(branch.view().table(kHidden)->indexes[0].size(), 1000U);
  EXPECT_EQ(branch.view().table(kHidden)->schema, schema);
}

TEST_F(BranchTest, DefinitionsRollBackInOrder) {
  {
    Branch branch(store_.database());
    for (std::int64_t i = 0; i < 300; ++i) insert(branch, kKeyed, {integer(i), integer(i), text("c")});
    store_.commit(branch);
  }
  Branch branch(store_.database());
  insert(branch, kKeyed, {integer(1000), Datum(), Datum()});
  const Branch::Mark mark = branch.mark();
  branch.truncate(kKeyed);
  insert(branch, kKeyed, {integer(1), integer(1), Datum()});
  branch.drop_table(kKeyed);
  branch.drop_table(kHidden);
  branch.create_table(make_schema(9, "n", columns(), {0}));
  insert(branch, RelationId(9), {integer(1), Datum(), Datum()});
  EXPECT_EQ(branch.view().table(kKeyed), nullptr);
  branch.rollback_to(mark);
  EXPECT_EQ(branch.view().table(RelationId(9)), nullptr);
  EXPECT_EQ(branch.view().table(kKeyed)->rows.size(), 301U);
  EXPECT_EQ(branch.view().table(kKeyed)->indexes[0].size(), 301U);
  EXPECT_NE(branch.view().table(kHidden), nullptr);
  // Once more, and for good.
  branch.truncate(kKeyed);
  insert(branch, kKeyed, {integer(1), integer(1), Datum()});
  branch.drop_table(kHidden);
  const auto retired = store_.commit(branch);
  EXPECT_EQ(store_.database().table(kKeyed)->rows.size(), 1U);
  EXPECT_EQ(store_.database().table(kHidden), nullptr);
  EXPECT_EQ(retired->database->table(kKeyed)->rows.size(), 300U);
  check_tree(retired->database->table(kKeyed)->rows);
}

TEST_F(BranchTest, AMergeSeesWhoChangedTheRow) {
  {
    Branch branch(store_.database());
    insert(branch, kKeyed, {integer(1), integer(1), Datum()});
    store_.commit(branch);
  }
  const std::string key = test::primary_key_of(*keyed_schema(), {integer(1), Datum(), Datum()});
  Branch transaction(store_.database());
  const std::vector<Datum> mine{integer(1), integer(5), Datum()};
  transaction.update(kKeyed, key, mine);
  Branch head(store_.database());
  const std::vector<Datum> theirs{integer(1), integer(6), Datum()};
  head.update(kKeyed, key, theirs);
  const Failure failure = failure_of([&] { head.merge(transaction); });
  EXPECT_EQ(failure.fault, Fault::serialization_failure);
  EXPECT_EQ(failure.message, "could not serialize access due to concurrent update");
  Branch other(store_.database());
  insert(other, kKeyed, {integer(2), integer(2), Datum()});
  other.merge(transaction);
  EXPECT_EQ(other.view().table(kKeyed)->rows.size(), 2U);
}

TEST_F(BranchTest, AMergeBringsDefinitions) {
  Branch transaction(store_.database());
  transaction.create_table(make_schema(9, "n", columns(), {}));
  insert(transaction, RelationId(9), {integer(1), Datum(), Datum()});
  const auto schema = transaction.view().table(RelationId(9))->schema;
  transaction.create_index(test::with_index(*schema, 901, {"n_a", {0}, true}));
  insert(transaction, RelationId(9), {integer(2), Datum(), Datum()});
  transaction.truncate(kKeyed);
  Branch head(store_.database());
  insert(head, kKeyed, {integer(1), integer(1), Datum()});
  head.merge(transaction);
  EXPECT_EQ(head.view().table(kKeyed)->rows.size(), 0U);
  EXPECT_EQ(head.view().table(RelationId(9))->rows.size(), 2U);
  EXPECT_EQ(head.view().table(RelationId(9))->indexes[0].size(), 2U);

  Branch late(store_.database());
  late.drop_table(kKeyed);
  EXPECT_EQ(failure_of([&] { late.merge(transaction); }).fault, Fault::serialization_failure);
  EXPECT_EQ(late.view().table(RelationId(9)), nullptr);
}

TEST_F(BranchTest, WhatIsNotAsTheTransactionSawItIsNotTakenOver) {
  const auto insert_into = [](Branch& branch, RelationId table, int a) {
    insert(branch, table, {integer(a), integer(a), Datum()});
  };
  const auto left = [&](RelationId table, const std::function<void(Branch&)>& meanwhile) {
    Branch transaction(store_.database(), Branch::ForTransaction{1});
    insert_into(transaction, table, 1);
    Branch head(store_.database());
    meanwhile(head);
    head.merge(transaction);
    return transaction.changes().size();
  };
  EXPECT_EQ(left(kKeyed, [](Branch&) {}), 0U);
  EXPECT_EQ(left(kKeyed, [&](Branch& head) { insert_into(head, kHidden, 2); }), 0U);
  EXPECT_EQ(left(kKeyed, [&](Branch& head) { insert_into(head, kKeyed, 2); }), 1U);
  EXPECT_EQ(left(kHidden, [](Branch&) {}), 1U) << "its hidden ids are for itself only";

  Branch transaction(store_.database(), Branch::ForTransaction{1});
  insert_into(transaction, kKeyed, 1);
  Branch others(store_.database());
  insert_into(others, kKeyed, 2);
  const auto retired = store_.commit(others);
  transaction.rebase(store_.database());
  Branch head(store_.database());
  head.merge(transaction);
  EXPECT_EQ(transaction.changes().size(), 1U) << "what it replaced is of an older state";
}

// All that a state of the two tables consists of.
std::vector<std::multiset<std::string>> everything(const Database& database) {
  std::vector<std::multiset<std::string>> parts;
  for (const RelationId table : {kKeyed, kHidden}) {
    const TableVersion& version = *database.table(table);
    check_tree(version.rows);
    parts.push_back(contents(version.rows));
    for (const Tree& index : version.indexes) {
      check_tree(index);
      auto& entries = parts.emplace_back();
      Cursor cursor(index);
      for (cursor.seek_first(); cursor.valid(); cursor.next())
        entries.insert(std::string(cursor.key()) + "=" + std::string(cursor.value()));
    }
  }
  return parts;
}

void fill(Branch& branch, int first, int rows) {
  const std::string note(60, 'x');
  for (int i = 0; i < rows; ++i) {
    const std::vector<Datum> row{integer(first + 2 * i), integer(first + 2 * i), text(note)};
    branch.insert(kKeyed, row);
    branch.insert(kHidden, row);
  }
}

// Wherever memory fails, the transaction is what it was, on the base that it had.
TEST_F(BranchTest, RebasingIsAllOrNothing) {
  constexpr int kRows = 200;
  Branch transaction(store_.database(), Branch::ForTransaction{1});
  fill(transaction, 1, kRows);
  const Database* const base = &transaction.base();
  const auto before = everything(transaction.view());
  Branch others(store_.database());
  fill(others, 0, kRows);
  const auto retired = store_.commit(others);
  int failures = 0;
  for (int n = 1;; ++n) {
    ASSERT_TRUE(reactor::set_fail_points("plant.no_node:" + std::to_string(n) + ":error"));
    try {
      transaction.rebase(store_.database());
      break;
    } catch (const std::bad_alloc&) {
      ++failures;
    }
    ASSERT_EQ(&transaction.base(), base);
    ASSERT_EQ(everything(transaction.view()), before) << "allocation " << n;
  }
  ASSERT_TRUE(reactor::set_fail_points(""));
  EXPECT_GT(failures, 20);
  EXPECT_EQ(&transaction.base(), &store_.database());
  const auto after = everything(transaction.view());
  for (const auto& part : after) EXPECT_EQ(part.size(), 2U * kRows);
  Branch head(store_.database());
  head.merge(transaction);
  for (const auto& part : everything(head.view())) EXPECT_EQ(part.size(), 2U * kRows);
}

TEST_F(BranchTest, WhatTakesLongCanBeStopped) {
  Branch setup(store_.database());
  fill(setup, 0, 3);
  const auto retired = store_.commit(setup);
  Branch transaction(store_.database(), Branch::ForTransaction{1});
  fill(transaction, 1, 3);
  Branch others(store_.database());
  fill(others, 100, 1);
  const auto retired_too = store_.commit(others);
  Branch head(store_.database());
  reactor::StopFlag stop;
  stop.raise();
  const auto expect_stopped = [&](Branch& branch, const std::function<void()>& work) {
    const auto before = everything(branch.view());
    const Branch::Mark mark = branch.mark();
    {
      const Branch::Stoppable stoppable(branch, stop);
      EXPECT_THROW(work(), reactor::Stopped);
    }
    EXPECT_EQ(everything(branch.view()), before);
    EXPECT_TRUE(branch.unchanged_since(mark));
  };
  const std::vector<Datum> row{integer(50), integer(50), Datum()};
  Cursor first(head.view().table(kKeyed)->rows);
  first.seek_first();
  const std::string key(first.key());
  expect_stopped(head, [&] { head.insert(kKeyed, row); });
  expect_stopped(head, [&] { head.update(kKeyed, key, row); });
  expect_stopped(head, [&] { head.erase(kKeyed, key); });
  expect_stopped(head, [&] { head.create_index(test::with_index(*keyed_schema(), 7, {"t_b_idx", {1}, false})); });
  expect_stopped(head, [&] { head.merge(transaction); });
  expect_stopped(transaction, [&] { transaction.rebase(store_.database()); });
  // What was begun is taken back all the same.
  const Branch::Mark mark = head.mark();
  head.insert(kKeyed, row);
  const Branch::Stoppable stoppable(head, stop);
  head.rollback_to(mark);
  EXPECT_TRUE(head.unchanged_since(mark));
}

}  // namespace
}  // namespace gyre::storage
