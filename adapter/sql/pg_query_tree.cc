// Queries and changes of the raw tree.

#include <algorithm>

#include "adapter/sql/pg_nodes.h"
#include "adapter/sql_error.h"

namespace gyre::adapter::pg {
namespace {

// LIMIT_OPTION_WITH_TIES of the library. The server's headers of later 15.x number this enumeration
// differently; it is the only one of those used here that differs.
constexpr int kWithTies = 2;

// The ROW (or parenthesised list) behind one column of SET (a, b) = (1, 2).
const void* multi_assign_element(const MultiAssignRef& ref) {
  const bool row = tag(ref.source) == T_RowExpr && size(as<RowExpr>(ref.source).args) == ref.ncolumns;
  if (!row) throw Unsupported{"assignment of a subquery to several columns"};
  return at(as<RowExpr>(ref.source).args, ref.colno - 1);
}

}  // namespace

ast::QualifiedName relation_name(const RangeVar& r) {
  return {text_of(r.catalogname), text_of(r.schemaname), text_of(r.relname), r.location};
}

std::optional<ast::Alias> alias_of(const Alias* alias) {
  if (alias == nullptr) return std::nullopt;
  return ast::Alias{text_of(alias->aliasname), strings(alias->colnames)};
}

ast::SelectPtr Walker::select(const void* node) {
  const Level level(*this);
  if (tag(node) != T_SelectStmt) throw Unsupported{"data-modifying statements in WITH"};
  const auto& s = as<SelectStmt>(node);
  auto out = std::make_unique<ast::SelectStatement>();
  out->with = with(s.withClause);
  if (s.op == SETOP_NONE) {
    select_body(s, *out);
  } else {
    using Operation = ast::SelectStatement::SetOperation;
    out->operation = s.op == SETOP_UNION       ? Operation::union_
                     : s.op == SETOP_INTERSECT ? Operation::intersect
                                               : Operation::except;
    out->all = s.all;
    out->left = select(s.larg);
    out->right = select(s.rarg);
  }
  if (static_cast<int>(s.limitOption) == kWithTies) throw Unsupported{"FETCH FIRST ... WITH TIES"};
  out->order_by = sort_items(s.sortClause);
  out->limit = expr(s.limitCount);
  out->offset = expr(s.limitOffset);
  out->locking = locking_clauses(s.lockingClause);
  return out;
}

std::vector<ast::LockingClause> Walker::locking_clauses(const List* list) {
  std::vector<ast::LockingClause> out;
  for (int i = 0; i < size(list); ++i) out.push_back(locking_clause(as<LockingClause>(at(list, i))));
  return out;
}

ast::LockingClause Walker::locking_clause(const LockingClause& clause) {
  ast::LockingClause out{};
  out.mode = clause.strength == LCS_FORKEYSHARE      ? RowLockMode::for_key_share
             : clause.strength == LCS_FORSHARE       ? RowLockMode::for_share
             : clause.strength == LCS_FORNOKEYUPDATE ? RowLockMode::for_no_key_update
                                                     : RowLockMode::for_update;
  out.policy = clause.waitPolicy == LockWaitSkip    ? adapter::LockWaitPolicy::skip
               : clause.waitPolicy == LockWaitError ? adapter::LockWaitPolicy::error
                                                    : adapter::LockWaitPolicy::block;
  for (int i = 0; i < size(clause.lockedRels); ++i) {
    const auto& relation = as<RangeVar>(at(clause.lockedRels, i));
    if (relation.schemaname != nullptr)
      throw SqlError("42601", std::string(words_of(out.mode)) + " must specify unqualified relation names",
                     relation.location);
    out.tables.emplace_back(text_of(relation.relname), relation.location);
  }
  return out;
}

void Walker::select_body(const SelectStmt& s, ast::SelectStatement& out) {
  if (size(s.windowClause) > 0) throw Unsupported{"the WINDOW clause"};
  if (s.groupDistinct) throw Unsupported{"GROUP BY DISTINCT"};
  for (int i = 0; i < size(s.valuesLists); ++i) out.values.push_back(exprs(&as<List>(at(s.valuesLists, i))));
  out.targets = targets(s.targetList);
  const bool plain_distinct = size(s.distinctClause) == 1 && at(s.distinctClause, 0) == nullptr;
  out.distinct = size(s.distinctClause) > 0;
  if (!plain_distinct) out.distinct_on = exprs(s.distinctClause);
  out.from = from_items(s.fromClause);
  out.where = expr(s.whereClause);
  out.group_by = exprs(s.groupClause);
  out.having = expr(s.havingClause);
}

ast::WithClause Walker::with(const WithClause* clause) {
  ast::WithClause out;
  if (clause == nullptr) return out;
  out.recursive = clause->recursive;
  for (int i = 0; i < size(clause->ctes); ++i) {
    const auto& cte = as<CommonTableExpr>(at(clause->ctes, i));
    if (cte.search_clause != nullptr || cte.cycle_clause != nullptr) throw Unsupported{"SEARCH and CYCLE"};
    out.tables.push_back({text_of(cte.ctename), strings(cte.aliascolnames), select(cte.ctequery)});
  }
  return out;
}

std::vector<ast::FromPtr> Walker::from_items(const List* list) {
  std::vector<ast::FromPtr> out;
  for (int i = 0; i < size(list); ++i) out.push_back(from_item(at(list, i)));
  return out;
}

ast::FromPtr Walker::from_item(const void* node) {
  const Level level(*this);
  switch (tag(node)) {
    case T_RangeVar: {
      const auto& r = as<RangeVar>(node);
      return std::make_unique<ast::FromItem>(
          ast::FromItem{ast::TableRef{relation_name(r), alias_of(r.alias)}, r.location});
    }
    case T_JoinExpr:
      return join(as<JoinExpr>(node));
    case T_RangeSubselect: {
      const auto& s = as<RangeSubselect>(node);
      ast::SubqueryRef out{select(s.subquery), s.lateral, alias_of(s.alias)};
      return std::make_unique<ast::FromItem>(ast::FromItem{std::move(out), -1});
    }
    case T_RangeFunction:
      return from_function(as<RangeFunction>(node));
    case T_RangeTableSample:
      throw Unsupported{"TABLESAMPLE"};
    case T_RangeTableFunc:
      throw Unsupported{"XMLTABLE"};
    default:
      throw Unsupported{"this item of FROM"};
  }
}

ast::FromPtr Walker::join(const JoinExpr& j) {
  using Kind = ast::JoinRef::Kind;
  ast::JoinRef out;
  const bool bare = j.quals == nullptr && size(j.usingClause) == 0 && !j.isNatural;
  switch (j.jointype) {
    case JOIN_LEFT:
      out.kind = Kind::left;
      break;
    case JOIN_RIGHT:
      out.kind = Kind::right;
      break;
    case JOIN_FULL:
      out.kind = Kind::full;
      break;
    default:
      out.kind = bare ? Kind::cross : Kind::inner;
      break;
  }
  if (j.join_using_alias != nullptr) throw Unsupported{"an alias for JOIN USING"};
  out.left = from_item(j.larg);
  out.right = from_item(j.rarg);
  out.on = expr(j.quals);
  out.using_columns = strings(j.usingClause);
  out.natural = j.isNatural;
  out.alias = alias_of(j.alias);
  return std::make_unique<ast::FromItem>(ast::FromItem{std::move(out), -1});
}

ast::FromPtr Walker::from_function(const RangeFunction& f) {
  if (f.is_rowsfrom) throw Unsupported{"ROWS FROM"};
  const auto& pair = as<List>(at(f.functions, 0));
  if (size(f.coldeflist) > 0 || at(&pair, 1) != nullptr) throw Unsupported{"a column definition list"};
  ast::FunctionRef out;
  out.call = expr(at(&pair, 0));
  out.ordinality = f.ordinality;
  out.lateral = f.lateral;
  out.alias = alias_of(f.alias);
  const ast::Location where = out.call->location;
  return std::make_unique<ast::FromItem>(ast::FromItem{std::move(out), where});
}

std::vector<ast::Target> Walker::targets(const List* list) {
  std::vector<ast::Target> out;
  for (int i = 0; i < size(list); ++i) {
    const auto& target = as<ResTarget>(at(list, i));
    out.push_back({expr(target.val), text_of(target.name)});
  }
  return out;
}

std::vector<ast::Assignment> Walker::assignments(const List* list) {
  std::vector<ast::Assignment> out;
  for (int i = 0; i < size(list); ++i) {
    const auto& target = as<ResTarget>(at(list, i));
    if (size(target.indirection) > 0) throw Unsupported{"assignment to a part of a column"};
    const void* value = target.val;
    if (tag(value) == T_MultiAssignRef) value = multi_assign_element(as<MultiAssignRef>(value));
    out.push_back({text_of(target.name), expr(value), target.location});
  }
  return out;
}

ast::OnConflict Walker::on_conflict(const OnConflictClause& c) {
  ast::OnConflict out;
  out.update = c.action == ONCONFLICT_UPDATE;
  out.location = c.location;
  if (c.infer != nullptr) {
    out.target_location = c.infer->location;
    out.constraint = text_of(c.infer->conname);
    out.predicate = expr(c.infer->whereClause);
    for (int i = 0; i < size(c.infer->indexElems); ++i) {
      const auto& element = as<IndexElem>(at(c.infer->indexElems, i));
      if (element.ordering != SORTBY_DEFAULT) out.unsupported_order = "ASC/DESC";
      if (element.nulls_ordering != SORTBY_NULLS_DEFAULT) out.unsupported_order = "NULLS FIRST/LAST";
      if (element.collation != nullptr || element.opclass != nullptr)
        throw Unsupported{"a collation or an operator class in ON CONFLICT"};
      out.targets.push_back(element.name != nullptr
                                ? make(ast::ColumnRef{{text_of(element.name)}}, c.infer->location)
                                : expr(element.expr));
    }
  }
  out.assignments = assignments(c.targetList);
  out.where = expr(c.whereClause);
  return out;
}

ast::InsertStatement Walker::insert(const InsertStmt& s) {
  ast::InsertStatement out;
  using Overriding = ast::InsertStatement::Overriding;
  if (s.override != OVERRIDING_NOT_SET)
    out.overriding = s.override == OVERRIDING_USER_VALUE ? Overriding::user : Overriding::system;
  out.table = relation_name(*s.relation);
  if (s.relation->alias != nullptr) out.alias = text_of(s.relation->alias->aliasname);
  for (int i = 0; i < size(s.cols); ++i) {
    const auto& column = as<ResTarget>(at(s.cols, i));
    if (size(column.indirection) > 0) throw Unsupported{"assignment to a part of a column"};
    out.columns.emplace_back(text_of(column.name), column.location);
  }
  if (s.selectStmt != nullptr) out.source = select(s.selectStmt);
  out.with = with(s.withClause);
  if (s.onConflictClause != nullptr) out.on_conflict = on_conflict(*s.onConflictClause);
  out.returning = targets(s.returningList);
  return out;
}

ast::UpdateStatement Walker::update(const UpdateStmt& s) {
  ast::UpdateStatement out;
  out.with = with(s.withClause);
  out.table = relation_name(*s.relation);
  if (s.relation->alias != nullptr) out.alias = text_of(s.relation->alias->aliasname);
  out.assignments = assignments(s.targetList);
  out.from = from_items(s.fromClause);
  out.where = expr(s.whereClause);
  out.returning = targets(s.returningList);
  return out;
}

ast::DeleteStatement Walker::erase(const DeleteStmt& s) {
  ast::DeleteStatement out;
  out.with = with(s.withClause);
  out.table = relation_name(*s.relation);
  if (s.relation->alias != nullptr) out.alias = text_of(s.relation->alias->aliasname);
  out.using_items = from_items(s.usingClause);
  out.where = expr(s.whereClause);
  out.returning = targets(s.returningList);
  return out;
}

}  // namespace gyre::adapter::pg
