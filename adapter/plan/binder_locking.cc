// FOR UPDATE and the like. The tables of FROM that are to be locked deliver their rows' keys, which travel as
// hidden columns to a LockRows. A subquery in FROM has clauses of its own.
#include <algorithm>

#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

namespace {

std::string words_of(RowLockMode mode) {
  switch (mode) {
    case RowLockMode::for_key_share:
      return "FOR KEY SHARE";
    case RowLockMode::for_share:
      return "FOR SHARE";
    case RowLockMode::for_no_key_update:
      return "FOR NO KEY UPDATE";
    case RowLockMode::for_update:
      break;
  }
  return "FOR UPDATE";
}

bool is_of(const ast::LockingClause& clause, std::string_view relation) {
  return clause.tables.empty() ||
         std::any_of(clause.tables.begin(), clause.tables.end(),
                     [relation](const auto& table) { return table.first == relation; });
}

}  // namespace

void Binder::check_lockable(const ast::SelectStatement& select, bool grouped) const {
  if (select.locking.empty()) return;
  const std::string words = words_of(select.locking.front().mode);
  const auto refuse = [&](bool present, const char* what) {
    if (present) throw SqlError("0A000", words + " is not allowed with " + what);
  };
  refuse(select.operation != ast::SelectStatement::SetOperation::none, "UNION/INTERSECT/EXCEPT");
  if (!select.values.empty()) throw SqlError("0A000", words + " cannot be applied to VALUES");
  refuse(select.distinct || !select.distinct_on.empty(), "DISTINCT clause");
  refuse(!select.group_by.empty(), "GROUP BY clause");
  refuse(select.having != nullptr, "HAVING clause");
  refuse(grouped, "aggregate functions");
}

const ast::LockingClause* Binder::locking_of(std::string_view relation) const {
  if (locking_ == nullptr) return nullptr;
  for (const ast::LockingClause& clause : *locking_)
    if (is_of(clause, relation)) return &clause;
  return nullptr;
}

std::vector<logical::LockRows::Lock> Binder::bind_locking(const ast::SelectStatement& select,
                                                          Targets& targets) {
  for (const ast::LockingClause& clause : select.locking)
    for (const auto& [name, location] : clause.tables)
      if (std::none_of(scope_.relations.begin(), scope_.relations.end(),
                       [&name = name](const ScopeRelation& relation) { return relation.name == name; }))
        throw SqlError(
            "42P01",
            "relation \"" + name + "\" in " + words_of(clause.mode) + " clause not found in FROM clause",
            location);
  std::vector<logical::LockRows::Lock> locks;
  for (const ScopeRelation& relation : scope_.relations) {
    if (relation.table == nullptr || relation.columns.empty()) continue;
    std::optional<logical::LockRows::Lock> lock;
    // The strongest of the modes; failing is preferred to skipping, and that to waiting.
    for (const ast::LockingClause& clause : select.locking) {
      if (!is_of(clause, relation.name)) continue;
      if (!lock) lock = {relation.table->id(), 0, clause.mode, clause.policy};
      lock->mode = std::max(lock->mode, clause.mode);
      if (lock->policy != LockWaitPolicy::error && clause.policy != LockWaitPolicy::block)
        lock->policy = clause.policy;
    }
    if (!lock) continue;
    statement_.need(*relation.table, Privilege::update);
    const int key = relation.columns.front().index + static_cast<int>(relation.table->schema->columns.size());
    lock->key = static_cast<int>(targets.values.size());
    targets.values.push_back(storage::make_column(key, TypeId::bytea));
    locks.push_back(*lock);
  }
  if (!select.locking.empty()) statement_.needs_locks = statement_.locks_rows = true;
  return locks;
}

}  // namespace gyre::adapter
