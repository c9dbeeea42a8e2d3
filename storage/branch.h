// A private, mutable successor of a Database: the head batch of the oracle core, and the workspace of a
// transaction.
//
// All constraint checks of the storage live here. Whatever is written is logged in a change set, by which a
// failed statement is undone and a transaction is merged onto a newer head.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/base/ids.h"
#include "reactor/base/out_buffer.h"
#include "reactor/stop_flag.h"
#include "storage/change_set.h"
#include "storage/database.h"
#include "storage/datum.h"
#include "storage/read_set.h"
#include "storage/table.h"
#include "storage/tree.h"

namespace gyre::storage {

// A change of a table's definition, or the emptying of one, in the order of the log.
struct SchemaOperation {
  enum class Kind : std::uint8_t {
    create_table,
    drop_table,
    truncate,
    create_index,
    drop_index,
    replace_schema
  };
  Kind kind;
  RelationId relation;                        // the table
  std::size_t position;                       // how many row changes came before
  std::shared_ptr<const TableSchema> before;  // null: created
  std::shared_ptr<const TableSchema> after;   // null: dropped
};

// New contents for the row under `key`. Both borrowed.
struct RowUpdate {
  std::string_view key;
  std::span<const Datum> row;
};

// Lives on one core. While it exists its base must stay alive (a read hold, or being the newest).
class Branch {
 public:
  explicit Branch(const Database& base);
  // A transaction's: merged, never sealed. Rows with hidden ids get ids of its own until then, so that it can
  // be rebased, and its nodes are told from those of any database.
  struct ForTransaction {
    std::uint64_t
        number;  // tells it from other open transactions, so that they do not lock each other's rows
  };
  Branch(const Database& base, ForTransaction);
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;
  // Unless released: frees what it made, the base is untouched.
  ~Branch();

  // While one exists, what the branch may do for long (writing rows, building an index, merging, rebasing) ends
  // with reactor::Stopped once the flag is raised, the branch then as before the call. Going back never does.
  class Stoppable {
   public:
    Stoppable(Branch& branch, const reactor::StopFlag& stop)
        : branch_(branch), before_(std::exchange(branch.stop_, &stop)) {}
    Stoppable(const Stoppable&) = delete;
    Stoppable& operator=(const Stoppable&) = delete;
    ~Stoppable() { branch_.stop_ = before_; }

   private:
    Branch& branch_;
    const reactor::StopFlag* const before_;
  };
  // For loops of those who use the branch.
  void check_stopped() const;

  // The base with this branch's changes. Cursors into it end with the next change.
  const Database& view() const { return view_; }
  const Database& base() const { return *base_; }

  // Rows. Values are of the column types already (casts, typmods and defaults are the caller's); NOT NULL,
  // the primary key and unique indexes are checked here. A Failure leaves the branch as it was before the
  // call.
  //
  // Returns the row's key, valid until the next change.
  std::string_view insert(RelationId table, std::span<const Datum> row);
  // The key must be present. May move the row to another key.
  void update(RelationId table, std::string_view key, std::span<const Datum> row);
  // Many rows, each key once, checked against what they are when all are changed: `set id = id + 1` passes.
  void apply_update_set(RelationId table, std::span<const RowUpdate> updates);
  // Returns false where there is no such row.
  bool erase(RelationId table, std::string_view key);
  void truncate(RelationId table);

  // Definitions. Names are the caller's concern.
  void create_table(std::shared_ptr<const TableSchema> schema);
  void drop_table(RelationId table);
  // `schema` is the table's with one more index at the end, which is built from the rows.
  void create_index(std::shared_ptr<const TableSchema> schema);
  // `schema` is the table's without that index.
  void drop_index(RelationId index, std::shared_ptr<const TableSchema> schema);
  // Names and the like; same columns' types, keys and indexes. Anything at all where the table is empty.
  void replace_schema(std::shared_ptr<const TableSchema> schema);

  // A point to return to; valid until a rollback to an earlier one.
  struct Mark {
    std::size_t changes = 0;
    std::size_t operations = 0;
  };
  Mark mark() const { return {changes_.size(), operations_.size()}; }
  void rollback_to(Mark mark);
  bool unchanged_since(Mark mark) const {
    return mark.changes == changes_.size() && mark.operations == operations_.size();
  }

  const ChangeSet& changes() const { return changes_; }
  // An update that gave its row another key in a tree is logged as a removal and an insertion: their places
  // in changes(), ascending by the insertion's.
  struct Move {
    std::size_t removal, insertion;
  };
  std::span<const Move> moves() const { return moves_; }
  // The rows of earlier changes of the table lie in another layout than its definition has now: between them and
  // this one the table was written anew.
  std::size_t first_change_in_layout(RelationId table) const;
  // Those from `mark` on.
  std::vector<SchemaOperation> operations(Mark from) const;
  std::vector<SchemaOperation> operations() const { return operations({}); }
  bool empty() const { return changes_.empty() && operations_.empty(); }
  // Whether a row changed since the mark is another in `newest` than in the base: a merge is bound to fail.
  bool is_overtaken(Mark since, const Database& newest) const;
  // What the checks here find out, and merging will not look at again, is noted in `reads` (null: nowhere):
  // keys that were in the way, and keys that were free for a row that has been taken back since.
  void note_reads_in(ReadSet* reads) { reads_ = reads; }
  // Memory obtained for new nodes and the change log, in bytes, roughly.
  std::size_t footprint() const { return batch_.bytes_made + changes_.bytes(); }

  // Does here what the transaction did on its older base. Throws Failure (serialization_failure) where a row
  // it changed or a table it redefined is no longer what it saw, and whatever the constraint checks throw;
  // the branch is then as before the call. Rows with hidden ids may get others. Where nobody else has touched
  // the transaction's tables, its trees are taken over; it is good for nothing but its end after that.
  void merge(Branch& transaction);
  // A transaction's: its changes on top of a newer database, as if they had been made there; marks stay
  // valid. No row that it changed may have changed meanwhile (they are locked). A table that it redefined and
  // that is not what it was is a Failure (serialization_failure). Whatever is thrown, also for want of memory, the
  // branch is then as before the call.
  void rebase(const Database& newest);

  // Recovery. What a commit record says is done once more: no checks, keys as they are, and nothing is
  // logged, so that there is no way back but dropping the branch. Not to be mixed with the calls above,
  // definitions apart. Changes of several rows may come in any order.
  //
  // The row under `key` has these contents now; null: it is gone.
  void replay_row(RelationId table, std::string_view key, std::optional<std::string_view> row);
  // The table gives no hidden id below this.
  void replay_row_id(RelationId table, std::uint64_t next_row_id);
  // Nodes of the base that gave way to others, and are freed when the branch is sealed.
  std::size_t replaced_blocks() const { return batch_.replaced.size(); }
  // Fills the trees of a table that was created here and is empty: keys strictly ascending, which is the
  // caller's to see to. Indexes are filled by the caller as well.
  void load_row(RelationId table, std::string_view key, std::string_view row);
  void load_index_entry(RelationId table, std::size_t index, std::string_view key,
                        std::string_view primary_key);

  // Makes the view a database of its own. The branch keeps its change set, takes no more changes, and still
  // owns what it made: if the state is not to be published after all, it is destroyed before its base, and
  // the database with it. Other branches may be based on the database meanwhile.
  std::unique_ptr<const Database> seal(Timestamp timestamp);
  // Once sealed, and while the base exists: the sealed database is to be published and owns what the branch
  // made. Returns what a newer reader no longer sees, all but the base itself.
  std::unique_ptr<Retired> release();

  // How values are printed in the details of failures; the default is the server's.
  void set_text_style(const TextStyle& style) { style_ = style; }

 private:
  // A logged change of a definition with what its undoing needs.
  struct Operation {
    SchemaOperation schema;
    // What was taken out of the view: the version as the base has it, the branch's own, or trees of it.
    const TableVersion* published = nullptr;
    std::unique_ptr<TableVersion> owned;
    Tree rows;
    std::vector<Tree> indexes;
    std::size_t index_position = 0;
  };

  // A row to be written: what was there, what shall be; both absent never. Borrowed from elsewhere than the
  // trees.
  struct RowWrite {
    RelationId table;
    std::string_view key;
    std::optional<std::string_view> before;
    std::optional<std::string_view> after;
    std::string_view key_after;  // other than `key` where the row moves
  };
  struct MovedRows;  // hidden ids that a merge replaced

  TableVersion& own(RelationId table);
  void set_slot(RelationId table, const TableVersion* version);

  // One row, logged. Each leaves the branch as it was where it throws.
  void insert_row(RelationId table, std::string_view key, std::string_view packed);
  void replace_row(RelationId table, std::string_view key, std::string_view before, std::string_view after);
  void remove_row(RelationId table, std::string_view key, std::string_view before);
  // Many rows: unmoved ones in place, then all removals, then all insertions.
  void write_rows(std::span<const RowWrite> writes);
  bool moves(const RowWrite& write);
  // No checks, no log: `remove` gives way to `put`.
  void force_row(TableVersion& version, std::string_view key, std::optional<std::string_view> remove,
                 std::optional<std::string_view> put_row);

  void insert_into_trees(TableVersion& version, std::string_view key, std::string_view packed);
  void insert_index_entry(TableVersion& version, std::size_t index, std::string_view key,
                          std::string_view packed);
  void erase_index_entry(TableVersion& version, std::size_t index, std::string_view key,
                         std::string_view packed);
  void replay_index_entries(TableVersion& version, std::string_view key,
                            std::optional<std::string_view> before, std::optional<std::string_view> after);
  void check_replacement(TableVersion& version, std::string_view key, std::string_view before,
                         std::string_view after);
  Tree build_index(const TableVersion& version, const TableSchema& schema, const IndexSchema& index);

  Operation& begin_operation(SchemaOperation::Kind kind, RelationId table,
                             std::shared_ptr<const TableSchema> before,
                             std::shared_ptr<const TableSchema> after);
  void undo_last_change();
  void undo_last_operation();
  void discard_tree(Tree& tree);
  void discard_trees(TableVersion& version);
  void note_key(RelationId table, RelationId order, std::string_view key);
  void note_taken_back(const TableVersion& version, int index, std::string_view key);

  bool can_take_over(const Branch& transaction) const;
  void take_over(Branch& transaction);
  void merge_rows(const Branch& transaction, const ChangeSet& net, MovedRows& moved);
  void merge_operation(const Operation& operation);
  void make_changes_anew(std::span<const std::unique_ptr<TableVersion>> tables);

  const Database* base_;
  Database view_;
  std::uint64_t own_row_id_ = 0;  // the next hidden id; 0: the table's own are used
  WriteBatch batch_;
  std::vector<std::unique_ptr<TableVersion>> owned_;  // by relation id; null: as in the base, or dropped
  ChangeSet changes_;
  std::vector<Move> moves_;
  std::vector<Operation> operations_;
  const reactor::StopFlag* stop_ = nullptr;  // of the call that runs; null: it is not to be stopped
  ReadSet* reads_ = nullptr;  // the transaction's, while one of its calls runs
  TextStyle style_;
  OutBuffer row_, key_, index_key_, other_index_key_;  // scratch
  // Trees were made anew in a rebase, so that batch_.replaced also names blocks which others may still reach.
  bool made_anew_ = false;
  bool sealed_ = false;
  bool released_ = false;
};

}  // namespace gyre::storage
