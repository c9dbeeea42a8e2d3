// FOR UPDATE and the like. The tables of FROM that are to be locked deliver their rows' keys, which travel as
// hidden columns to a LockRows. A clause that is about a subquery of FROM is handed on to that.
#include <algorithm>

#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

namespace {

bool is_of(const ast::LockingClause& clause, std::string_view relation) {
  return clause.tables.empty() ||
         std::any_of(clause.tables.begin(), clause.tables.end(),
                     [relation](const auto& table) { return table.first == relation; });
}

// What has no rows that could be locked; null: the relation has.
const char* words_of(ScopeRelation::Kind kind) {
  switch (kind) {
    case ScopeRelation::Kind::join:
      return "a join";
    case ScopeRelation::Kind::function:
      return "a function";
    case ScopeRelation::Kind::with_query:
      return "a WITH query";
    case ScopeRelation::Kind::table:
    case ScopeRelation::Kind::subquery:
      break;
  }
  return nullptr;
}

}  // namespace

void Binder::check_lockable(const ast::SelectStatement& select, bool grouped) const {
  if (locking_.empty()) return;
  const std::string words(words_of(locking_.front().mode));
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

std::vector<ast::LockingClause> Binder::locking_of(std::string_view relation) const {
  std::vector<ast::LockingClause> about;
  for (const ast::LockingClause& clause : locking_)
    if (is_of(clause, relation)) about.push_back({clause.mode, clause.policy, {}});
  return about;
}

// OF names relations of FROM that have rows.
void Binder::check_locked_names() const {
  for (const ast::LockingClause& clause : locking_)
    for (const auto& [name, location] : clause.tables) {
      const auto is_named = [&name = name](const ScopeRelation& relation) { return relation.name == name; };
      auto found = std::find_if(scope_.relations.begin(), scope_.relations.end(), is_named);
      if (found == scope_.relations.end()) {
        found = std::find_if(scope_.covered.begin(), scope_.covered.end(), is_named);
        if (found == scope_.covered.end())
          throw SqlError(
              "42P01",
              "relation \"" + name + "\" in " + std::string(words_of(clause.mode)) + " clause not found in FROM clause",
              location);
      }
      if (const char* what = words_of(found->kind))
        throw SqlError("0A000", std::string(words_of(clause.mode)) + " cannot be applied to " + what, location);
    }
}

std::vector<logical::LockRows::Lock> Binder::bind_locking(Targets& targets) {
  std::vector<logical::LockRows::Lock> locks;
  if (locking_.empty()) return locks;
  check_locked_names();
  for (const std::vector<ScopeRelation>* relations : {&scope_.relations, &scope_.covered})
    for (const ScopeRelation& relation : *relations) {
      const std::vector<ast::LockingClause> clauses = locking_of(relation.name);
      if (clauses.empty() || words_of(relation.kind) != nullptr) continue;
      if (relation.nullable)
        throw SqlError("0A000", std::string(words_of(clauses.front().mode)) +
                                    " cannot be applied to the nullable side of an outer join");
      if (relation.table == nullptr || relation.columns.empty()) continue;
      // The strongest of the modes; failing is preferred to skipping, and that to waiting.
      logical::LockRows::Lock lock{relation.table->id(), 0, clauses.front().mode, clauses.front().policy};
      for (const ast::LockingClause& clause : clauses) {
        lock.mode = std::max(lock.mode, clause.mode);
        if (lock.policy != LockWaitPolicy::error && clause.policy != LockWaitPolicy::block)
          lock.policy = clause.policy;
      }
      statement_.need(*relation.table, Privilege::update);
      const int key =
          relation.columns.front().index + static_cast<int>(relation.table->schema->columns.size());
      lock.key = static_cast<int>(targets.values.size());
      targets.values.push_back(storage::make_column(key, TypeId::bytea));
      locks.push_back(lock);
    }
  statement_.needs_locks = true;
  if (!statement_.locks_rows) statement_.locks_rows = locking_.front().mode;
  return locks;
}

}  // namespace gyre::adapter
