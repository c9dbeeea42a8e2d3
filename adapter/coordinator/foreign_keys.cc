// Look-ups go by the unique index of the referenced columns, and by an index of the referencing columns where
// there is one. Without it a statement that removes referenced rows reads the referencing table once, however
// many rows it removes.

#include "adapter/coordinator/foreign_keys.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "adapter/coordinator/statement_locks.h"
#include "adapter/exec/row_checks.h"
#include "reactor/base/check.h"
#include "storage/constraint_failure.h"
#include "storage/failure.h"
#include "storage/key.h"
#include "storage/scalar/casts.h"
#include "storage/tree.h"

namespace gyre::adapter {

using storage::Datum;
using storage::Failure;
using storage::Fault;
using storage::TableSchema;

namespace {

using Row = std::vector<Datum>;
using Entry = std::shared_ptr<const TableEntry>;

// A logged change with what it is part of, in memory of its own: the log moves when it grows.
struct Event {
  RelationId relation;
  std::string key_after;
  std::optional<std::string> before, after;
};

Row unpack(const TableSchema& schema, const std::string& packed) {
  Row row(schema.columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = schema.layout.get(packed.data(), i);
  return row;
}

Row pick(const Row& row, const std::vector<std::uint16_t>& columns) {
  Row picked;
  for (const std::uint16_t column : columns) picked.push_back(row[column]);
  return picked;
}

bool is_integer(storage::TypeId type) {
  return type == storage::TypeId::int2 || type == storage::TypeId::int4 || type == storage::TypeId::int8;
}

bool fits(std::int64_t value, storage::TypeId type) {
  if (type == storage::TypeId::int2) return value >= INT16_MIN && value <= INT16_MAX;
  if (type == storage::TypeId::int4) return value >= INT32_MIN && value <= INT32_MAX;
  return true;
}

// The value as the other side's type; nothing where no value of that type can be equal.
std::optional<Datum> converted(Datum value, storage::Type from, storage::Type to, storage::EvalContext& eval) {
  if (value.null || from.id == to.id) return value;
  if (is_integer(from.id) && is_integer(to.id)) {
    if (!fits(value.integer, to.id)) return std::nullopt;
    return value;
  }
  const storage::CastDef* cast = storage::find_cast(from.id, to.id);
  if (cast == nullptr) return std::nullopt;
  if (cast->function == nullptr) return value;
  try {
    return cast->function->function(eval, &value, 1);
  } catch (const Failure&) {
    return std::nullopt;
  }
}

// A tree whose keys begin with these columns, in an order of its own.
struct KeyPath {
  const storage::Tree* tree = nullptr;
  RelationId id;                   // the tree's in a read set
  std::vector<std::size_t> order;  // position among the columns, by place in the key
  bool is_rows = false;            // the table's own tree: values are rows, not primary keys
  bool unique = false;             // and the whole of a unique key
};

KeyPath path_over(const storage::TableVersion& version, const std::vector<std::uint16_t>& columns,
                  bool must_be_unique) {
  const auto match = [&](const std::vector<std::uint16_t>& key) -> std::optional<std::vector<std::size_t>> {
    if (key.size() < columns.size() || (must_be_unique && key.size() != columns.size())) return std::nullopt;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto at = std::find(columns.begin(), columns.end(), key[i]);
      if (at == columns.end()) return std::nullopt;
      order.push_back(static_cast<std::size_t>(at - columns.begin()));
    }
    return order;
  };
  const TableSchema& schema = *version.schema;
  if (!schema.primary_key.empty())
    if (auto order = match(schema.primary_key))
      return {&version.rows, schema.id, std::move(*order), true, schema.primary_key.size() == columns.size()};
  for (std::size_t i = 0; i < schema.indexes.size(); ++i) {
    if (must_be_unique && !schema.indexes[i].unique) continue;
    if (auto order = match(schema.indexes[i].columns))
      return {&version.indexes[i], schema.indexes[i].id, std::move(*order), false, false};
  }
  return {};
}

class Keys {
 public:
  explicit Keys(const ConstraintContext& context) : context_(context) {}

  const Entry& table(RelationId id) {
    auto [at, added] = tables_.try_emplace(id.value);
    if (added) at->second = context_.catalog.table(id);
    return at->second;
  }
  const std::vector<Entry>& referrers(RelationId id) {
    auto [at, added] = referrers_.try_emplace(id.value);
    if (added) at->second = context_.catalog.referrers(id);
    return at->second;
  }

  // Throws unless the row's key is null or found.
  void check_child(const TableEntry& child, const ForeignKey& key, const Row& row) {
    const Entry& parent = table(key.referenced);
    GYRE_CHECK(parent != nullptr);
    lock_table(*parent, TableLockMode::row_share);
    const Row values = pick(row, key.columns);
    const auto nulls =
        std::count_if(values.begin(), values.end(), [](const Datum& value) { return value.null; });
    if (nulls == static_cast<std::ptrdiff_t>(values.size()) || (nulls > 0 && !key.match_full)) return;
    std::string detail;
    if (nulls > 0)
      detail = "MATCH FULL does not allow mixing of null and nonnull key values.";
    else if (!parent_exists(child, key, *parent, values))
      detail = storage::key_description(*child.schema, key.columns, row, style()) +
               " is not present in table \"" + parent->name() + "\".";
    else
      return;
    Failure failure(Fault::foreign_key_violation,
                    "insert or update on table \"" + child.name() + "\" violates foreign key constraint \"" +
                        key.name + "\"",
                    std::move(detail));
    failure.table = child.name();
    failure.constraint = key.name;
    throw failure;
  }

  [[noreturn]] void throw_still_referenced(const TableEntry& parent, const TableEntry& child,
                                           const ForeignKey& key, const Row& parent_row) {
    Failure failure(Fault::foreign_key_violation,
                    "update or delete on table \"" + parent.name() +
                        "\" violates foreign key constraint \"" + key.name + "\" on table \"" + child.name() +
                        "\"",
                    storage::key_description(*parent.schema, key.referenced_columns, parent_row, style()) +
                        " is still referenced from table \"" + child.name() + "\".");
    failure.table = child.name();
    failure.constraint = key.name;
    throw failure;
  }

  // Whether the referenced table has a row with the values, which are of the referencing columns' types. It is
  // locked, so that it stays.
  bool parent_exists(const TableEntry& child, const ForeignKey& key, const TableEntry& parent,
                     const Row& values) {
    Row wanted;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value =
          converted(values[i], child.schema->columns[key.columns[i]].type,
                    parent.schema->columns[key.referenced_columns[i]].type, context_.eval);
      if (!value) return false;
      wanted.push_back(*value);
    }
    const auto found = find_row(parent, key.referenced_columns, wanted);
    if (found) lock_key_share(parent, *found);
    return found.has_value();
  }

  // The key of the row with these values in a unique key's columns; valid until the next look-up.
  std::optional<std::string_view> find_row(const TableEntry& parent, const std::vector<std::uint16_t>& columns,
                                           const Row& values) {
    const storage::TableVersion* version = context_.branch.view().table(parent.id());
    GYRE_CHECK(version != nullptr);
    const KeyPath path = path_over(*version, columns, true);
    GYRE_CHECK(path.tree != nullptr);
    make_key(parent, columns, path, values);
    if (context_.reads != nullptr)
      context_.reads->add_key(parent.id(), path.id, key_.view(), storage::ReadDepth::keys);
    std::string_view found;
    if (!path.tree->get(key_.view(), found)) return std::nullopt;
    return path.is_rows ? key_.view() : found;
  }

  // A table that is looked at, or changed, for another's sake.
  void lock_table(const TableEntry& table, TableLockMode mode) {
    if (context_.locks == nullptr || locked_ == std::pair(table.id(), mode)) return;
    context_.locks->lock_table(table.id(), mode);
    locked_ = {table.id(), mode};
  }
  void lock_key_share(const TableEntry& table, std::string_view row) {
    if (context_.locks != nullptr)
      context_.locks->lock_changed_row(table.id(), row, RowLockMode::for_key_share);
  }

  // The referencing rows by key, each with the place in `parents` of the row that it refers to. `parents` hold
  // the referenced columns' values.
  std::vector<std::pair<std::string, std::size_t>> children(const TableEntry& child, const ForeignKey& key,
                                                            const TableEntry& parent,
                                                            const std::vector<Row>& parents) {
    std::vector<std::pair<std::string, std::size_t>> found;
    const storage::TableVersion* version = context_.branch.view().table(child.id());
    if (version == nullptr) return found;
    const KeyPath path = path_over(*version, key.columns, false);
    std::unordered_map<std::string, std::size_t> wanted;
    for (std::size_t i = 0; i < parents.size(); ++i) {
      Row values;
      for (std::size_t c = 0; c < parents[i].size(); ++c) {
        const auto value =
            converted(parents[i][c], parent.schema->columns[key.referenced_columns[c]].type,
                      child.schema->columns[key.columns[c]].type, context_.eval);
        if (value && !value->null) values.push_back(*value);
      }
      if (values.size() != key.columns.size()) continue;
      if (path.tree != nullptr) {
        make_key(child, key.columns, path, values);
        collect(child, path, i, found);
      } else {
        key_.clear();
        for (std::size_t c = 0; c < values.size(); ++c)
          storage::append_key_column(child.schema->columns[key.columns[c]].type, values[c], key_);
        wanted.emplace(key_.view(), i);
      }
    }
    if (!wanted.empty()) scan(child, key, *version, wanted, found);
    return found;
  }

  const storage::TextStyle& style() const {
    static constexpr storage::TextStyle kPlain{};
    return context_.eval.style != nullptr ? *context_.eval.style : kPlain;
  }
  const ConstraintContext& context() const { return context_; }
  // For every row that is looked at. Throws reactor::Stopped.
  void check_stopped() const {
    if (context_.stop != nullptr) context_.stop->check();
  }

 private:
  void make_key(const TableEntry& table, const std::vector<std::uint16_t>& columns, const KeyPath& path,
                const Row& values) {
    key_.clear();
    for (const std::size_t at : path.order)
      storage::append_key_column(table.schema->columns[columns[at]].type, values[at], key_);
  }
  void collect(const TableEntry& child, const KeyPath& path, std::size_t parent,
               std::vector<std::pair<std::string, std::size_t>>& found) {
    const std::string prefix(key_.view());
    note_prefix(context_.reads, child.id(), path.id, prefix);
    storage::Cursor cursor(*path.tree);
    for (cursor.seek(prefix); cursor.valid() && cursor.key().starts_with(prefix); cursor.next())
      found.emplace_back(path.is_rows ? cursor.key() : cursor.value(), parent);
  }
  void scan(const TableEntry& child, const ForeignKey& key, const storage::TableVersion& version,
            const std::unordered_map<std::string, std::size_t>& wanted,
            std::vector<std::pair<std::string, std::size_t>>& found) {
    if (context_.reads != nullptr) context_.reads->add_range(child.id(), child.id(), {}, {});
    storage::Cursor cursor(version.rows);
    for (cursor.seek_first(); cursor.valid(); cursor.next()) {
      check_stopped();
      key_.clear();
      for (const std::uint16_t column : key.columns)
        storage::append_key_column(child.schema->columns[column].type,
                                   child.schema->layout.get(cursor.value().data(), column), key_);
      const auto at = wanted.find(std::string(key_.view()));
      if (at != wanted.end()) found.emplace_back(cursor.key(), at->second);
    }
  }

  const ConstraintContext& context_;
  std::pair<RelationId, TableLockMode> locked_{RelationId(UINT32_MAX), TableLockMode::access_share};  // the last
  std::unordered_map<std::uint32_t, Entry> tables_;
  std::unordered_map<std::uint32_t, std::vector<Entry>> referrers_;
  OutBuffer key_;
};

// ---- the log, as events ----

// The changes [from, to) that could matter to some key, an update that moved its row being one event. Those from
// before a table was written anew are left out: each of its rows has one of its own since, and for the keys that
// had gone see rewrite_table().
std::vector<Event> events_of(Keys& keys, std::size_t from, std::size_t to) {
  const storage::Branch& branch = keys.context().branch;
  const storage::ChangeSet& changes = branch.changes();
  std::unordered_map<std::size_t, std::size_t> insertion_of;
  std::unordered_map<std::size_t, bool> is_second;
  const auto moves = branch.moves();
  auto move = std::lower_bound(moves.begin(), moves.end(), from, [](const storage::Branch::Move& m, std::size_t at) {
    return m.insertion < at;
  });
  for (; move != moves.end() && move->insertion < to; ++move) {
    insertion_of.emplace(move->removal, move->insertion);
    is_second.emplace(move->insertion, true);
  }
  const auto has_keys = [&keys](RelationId relation) {
    const Entry& table = keys.table(relation);
    return table != nullptr && !(table->foreign_keys.empty() && keys.referrers(relation).empty());
  };
  std::vector<Event> events;
  RelationId last(UINT32_MAX);
  bool concerned = false;
  std::size_t first = 0;
  for (std::size_t i = from; i < to; ++i) {
    keys.check_stopped();
    const storage::Change change = changes[i];
    if (change.relation != last) {
      concerned = has_keys(last = change.relation);
      first = concerned ? branch.first_change_in_layout(last) : 0;
    }
    if (!concerned || i < first || is_second.contains(i)) continue;
    Event event{change.relation, std::string(change.key), {}, {}};
    if (change.before) event.before = std::string(*change.before);
    if (change.after) event.after = std::string(*change.after);
    if (const auto second = insertion_of.find(i); second != insertion_of.end()) {
      const storage::Change insertion = changes[second->second];
      event.key_after = std::string(insertion.key);
      event.after = std::string(*insertion.after);
    }
    events.push_back(std::move(event));
  }
  return events;
}

bool same_values(const TableSchema& schema, const std::vector<std::uint16_t>& columns, const Row& a,
                 const Row& b) {
  return std::all_of(columns.begin(), columns.end(), [&](std::uint16_t column) {
    if (a[column].null || b[column].null) return a[column].null == b[column].null;
    return storage::traits(schema.columns[column].type).compare(a[column], b[column]) == 0;
  });
}

// Referenced keys that are gone: of rows that were deleted or whose key was changed.
struct GoneKeys {
  std::vector<Row> rows_before;  // whole rows
  std::vector<Row> values;       // of the referenced columns
  std::vector<std::optional<Row>> rows_after;
};

GoneKeys gone_keys(const std::vector<Event>& events, const TableEntry& parent, const ForeignKey& key) {
  GoneKeys gone;
  for (const Event& event : events) {
    if (event.relation != parent.id() || !event.before) continue;
    Row before = unpack(*parent.schema, *event.before);
    std::optional<Row> after;
    if (event.after) after = unpack(*parent.schema, *event.after);
    if (after && same_values(*parent.schema, key.referenced_columns, before, *after)) continue;
    Row values = pick(before, key.referenced_columns);
    if (std::any_of(values.begin(), values.end(), [](const Datum& value) { return value.null; })) continue;
    gone.rows_before.push_back(std::move(before));
    gone.values.push_back(std::move(values));
    gone.rows_after.push_back(std::move(after));
  }
  return gone;
}

// ---- actions ----

class Actions {
 public:
  explicit Actions(Keys& keys) : keys_(keys) {}

  void carry_out(const std::vector<Event>& events) {
    std::vector<std::uint32_t> done;
    for (const Event& event : events) {
      if (!event.before || std::find(done.begin(), done.end(), event.relation.value) != done.end()) continue;
      done.push_back(event.relation.value);
      const Entry parent = keys_.table(event.relation);
      const std::vector<Entry> referrers = keys_.referrers(event.relation);
      for (const Entry& child : referrers)
        for (const ForeignKey& key : child->foreign_keys)
          if (key.referenced == parent->id()) carry_out(events, *parent, *child, key);
    }
  }

 private:
  void carry_out(const std::vector<Event>& events, const TableEntry& parent, const TableEntry& child,
                 const ForeignKey& key) {
    using Action = ForeignKey::Action;
    if (key.on_delete == Action::no_action && key.on_update == Action::no_action) return;
    const GoneKeys gone = gone_keys(events, parent, key);
    if (gone.values.empty()) return;
    keys_.lock_table(child, TableLockMode::row_exclusive);
    std::vector<std::pair<std::string, Row>> updates;
    std::vector<std::string> removals;
    for (const auto& [child_key, at] : keys_.children(child, key, parent, gone.values)) {
      keys_.check_stopped();
      const std::optional<Row>& after = gone.rows_after[at];
      switch (after ? key.on_update : key.on_delete) {
        case Action::no_action:
          break;
        case Action::restrict_:
          keys_.lock_key_share(child, child_key);
          keys_.throw_still_referenced(parent, child, key, gone.rows_before[at]);
        case Action::cascade:
          if (!after)
            removals.push_back(child_key);
          else
            updates.emplace_back(child_key, with_new_key(parent, child, key, child_key, *after));
          break;
        case Action::set_null:
        case Action::set_default:
          updates.emplace_back(child_key, with_columns_set(child, key, child_key, after.has_value()));
          break;
      }
    }
    write(child, updates, removals);
  }

  Row current(const TableEntry& child, const std::string& key) {
    std::string_view packed;
    GYRE_CHECK(branch().view().table(child.id())->rows.get(key, packed));
    return unpack(*child.schema, kept_.emplace_back(std::make_unique<std::string>(packed)).operator*());
  }
  Row with_new_key(const TableEntry& parent, const TableEntry& child, const ForeignKey& key,
                   const std::string& child_key, const Row& after) {
    Row row = current(child, child_key);
    for (std::size_t i = 0; i < key.columns.size(); ++i) {
      const storage::Type to = child.schema->columns[key.columns[i]].type;
      const auto value = converted(after[key.referenced_columns[i]],
                                   parent.schema->columns[key.referenced_columns[i]].type, to, eval());
      if (!value)
        throw Failure(Fault::numeric_value_out_of_range,
                      std::string(storage::traits(to).name) + " out of range");
      row[key.columns[i]] = *value;
    }
    return row;
  }
  Row with_columns_set(const TableEntry& child, const ForeignKey& key, const std::string& child_key,
                       bool update) {
    Row row = current(child, child_key);
    const bool to_default =
        (update ? key.on_update : key.on_delete) == ForeignKey::Action::set_default;
    const auto& columns = update || key.delete_set_columns.empty() ? key.columns : key.delete_set_columns;
    for (const std::uint16_t column : columns) {
      const auto& value = child.defaults[column].expression;
      row[column] = to_default && value != nullptr ? value->evaluate(eval()) : Datum();
    }
    return row;
  }
  void write(const TableEntry& child, const std::vector<std::pair<std::string, Row>>& updates,
             const std::vector<std::string>& removals) {
    for (const std::string& key : removals) {
      lock(child, key, {});
      branch().erase(child.id(), key);
    }
    std::vector<storage::RowUpdate> rows;
    for (const auto& [key, row] : updates) {
      check_row(child, row, eval());
      lock(child, key, row);
      rows.push_back({key, row});
    }
    if (!rows.empty()) branch().apply_update_set(child.id(), rows);
    kept_.clear();
  }

  // Before the row becomes `row` (empty: goes).
  void lock(const TableEntry& child, const std::string& key, std::span<const Datum> row) {
    RowLocks* locks = keys_.context().locks;
    if (locks != nullptr && locks->locks_changes()) lock_change(*locks, branch(), child.id(), key, row);
  }

  storage::Branch& branch() { return keys_.context().branch; }
  storage::EvalContext& eval() { return keys_.context().eval; }

  Keys& keys_;
  std::vector<std::unique_ptr<std::string>> kept_;  // rows that updates borrow from
};

// ---- checks ----

template <class Wanted>
void check_children(Keys& keys, const std::vector<Event>& events, const Wanted& wanted) {
  for (const Event& event : events) {
    keys.check_stopped();
    if (!event.after) continue;
    const Entry& child = keys.table(event.relation);
    if (child->foreign_keys.empty()) continue;
    // Changed again since: that change has its own event.
    const storage::TableVersion* version = keys.context().branch.view().table(event.relation);
    std::string_view now;
    if (version == nullptr || !version->rows.get(event.key_after, now) || now != *event.after) continue;
    const Row row = unpack(*child->schema, *event.after);
    const std::optional<Row> before =
        event.before ? std::optional(unpack(*child->schema, *event.before)) : std::nullopt;
    for (const ForeignKey& key : child->foreign_keys) {
      if (!wanted(key) || (before && same_values(*child->schema, key.columns, *before, row))) continue;
      keys.check_child(*child, key, row);
    }
  }
}

template <class Wanted>
void check_parents(Keys& keys, const std::vector<Event>& events, const Wanted& wanted) {
  std::vector<std::uint32_t> done;
  for (const Event& event : events) {
    if (!event.before || std::find(done.begin(), done.end(), event.relation.value) != done.end()) continue;
    done.push_back(event.relation.value);
    const Entry parent = keys.table(event.relation);
    const std::vector<Entry> referrers = keys.referrers(event.relation);
    for (const Entry& child : referrers)
      for (const ForeignKey& key : child->foreign_keys) {
        if (key.referenced != parent->id() || !wanted(key)) continue;
        GoneKeys gone = gone_keys(events, *parent, key);
        if (gone.values.empty()) continue;
        keys.lock_table(*child, TableLockMode::row_share);
        for (const auto& [child_key, at] : keys.children(*child, key, *parent, gone.values)) {
          keys.check_stopped();
          if (keys.find_row(*parent, key.referenced_columns, gone.values[at])) continue;
          keys.lock_key_share(*child, child_key);
          keys.throw_still_referenced(*parent, *child, key, gone.rows_before[at]);
        }
      }
  }
}

}  // namespace

void note_prefix(storage::ReadSet* reads, RelationId table, RelationId order, std::string_view prefix) {
  if (reads == nullptr) return;
  // The first key beyond all that begin like this; empty: there is none.
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) ++end.back();
  reads->add_range(table, order, prefix, end, storage::ReadDepth::keys);
}

void enforce_foreign_keys(const ConstraintContext& context, storage::Branch::Mark begin,
                          const ConstraintModes& modes) {
  Keys keys(context);
  Actions actions(keys);
  std::vector<Event> all;
  for (std::size_t done = begin.changes; done < context.branch.changes().size();) {
    const std::size_t end = context.branch.changes().size();
    std::vector<Event> events = events_of(keys, done, end);
    done = end;
    actions.carry_out(events);
    std::move(events.begin(), events.end(), std::back_inserter(all));
  }
  if (all.empty()) return;
  check_children(keys, all, [&](const ForeignKey& key) { return !modes.is_deferred(key); });
  check_parents(keys, all, [&](const ForeignKey& key) { return !modes.is_deferred(key); });
}

void check_foreign_keys(const ConstraintContext& context, storage::Branch::Mark begin, KeysToCheck which) {
  Keys keys(context);
  const std::vector<Event> events = events_of(keys, begin.changes, context.branch.changes().size());
  if (events.empty()) return;
  const auto wanted = [&](const ForeignKey& key) { return which == KeysToCheck::all || key.deferrable; };
  check_children(keys, events, wanted);
  check_parents(keys, events, wanted);
}

bool has_pending_checks(const ConstraintContext& context, const ConstraintModes& modes, RelationId table) {
  Keys keys(context);
  const Entry entry = keys.table(table);
  const auto is_deferred = [&](const ForeignKey& key) { return modes.is_deferred(key); };
  std::vector<const ForeignKey*> referring;
  for (const Entry& child : keys.referrers(table))
    for (const ForeignKey& key : child->foreign_keys)
      if (key.referenced == table && is_deferred(key)) referring.push_back(&key);
  const auto& own = entry->foreign_keys;
  if (referring.empty() && std::none_of(own.begin(), own.end(), is_deferred)) return false;
  std::vector<Event> events = events_of(keys, 0, context.branch.changes().size());
  std::erase_if(events, [&](const Event& event) { return event.relation != table; });
  for (const Event& event : events) {
    if (!event.after) continue;
    const Row after = unpack(*entry->schema, *event.after);
    const auto before = event.before ? std::optional(unpack(*entry->schema, *event.before)) : std::nullopt;
    for (const ForeignKey& key : own)
      if (is_deferred(key) && !(before && same_values(*entry->schema, key.columns, *before, after))) return true;
  }
  return std::any_of(referring.begin(), referring.end(), [&](const ForeignKey* key) {
    return !gone_keys(events, *entry, *key).values.empty();
  });
}

bool changes_deferrable_constraints(const Catalog& catalog, const storage::Branch& branch) {
  const auto deferrable = [](const TableEntry& table) {
    return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                       [](const ForeignKey& key) { return key.deferrable; }) ||
           std::any_of(table.schema->indexes.begin(), table.schema->indexes.end(), is_deferrable_key);
  };
  const storage::ChangeSet& changes = branch.changes();
  std::vector<RelationId> seen;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const RelationId relation = changes[i].relation;
    if (std::find(seen.rbegin(), seen.rend(), relation) != seen.rend()) continue;
    seen.push_back(relation);
    if (const auto table = catalog.table(relation); table != nullptr && deferrable(*table)) return true;
    for (const auto& child : catalog.referrers(relation))
      if (deferrable(*child)) return true;
  }
  return false;
}

void validate_foreign_key(const ConstraintContext& context, const TableEntry& table, const ForeignKey& key) {
  Keys keys(context);
  const storage::TableVersion* version = context.branch.view().table(table.id());
  GYRE_CHECK(version != nullptr);
  storage::Cursor cursor(version->rows);
  for (cursor.seek_first(); cursor.valid(); cursor.next()) {
    keys.check_stopped();
    Row row(table.schema->columns.size());
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = table.schema->layout.get(cursor.value().data(), i);
    keys.check_child(table, key, row);
  }
}

}  // namespace gyre::adapter
