// FROM: tables, joins, subqueries, WITH queries. Each item brings its rows and what its names mean.
#include <iterator>

#include "adapter/plan/binder.h"
#include "adapter/plan/relations.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using logical::Join;
using logical::JoinKind;
using logical::Project;
using storage::CastContext;

namespace {

// A WITH query is planned anew wherever it is mentioned, so queries that mention each other twice would grow
// without end.
constexpr int kMostExpansions = 10'000;

void rename_columns(std::vector<ScopeColumn>& columns, const std::vector<std::string>& names,
                    const std::string& relation, int location) {
  if (names.size() > columns.size())
    throw SqlError("42P10",
                   "table \"" + relation + "\" has " + std::to_string(columns.size()) +
                       " columns available but " + std::to_string(names.size()) + " columns specified",
                   location);
  for (std::size_t i = 0; i < names.size(); ++i) columns[i].name = names[i];
}

logical::NodePtr one_row() {
  auto values = std::make_unique<logical::Values>(std::vector<storage::Type>{});
  values->rows.emplace_back();
  return values;
}

Scope scope_of(ScopeRelation relation) {
  Scope scope;
  scope.columns = relation.columns;
  scope.relations.push_back(std::move(relation));
  return scope;
}

void make_nullable(Scope& scope) {
  for (ScopeRelation& relation : scope.relations) relation.nullable = true;
  for (ScopeRelation& relation : scope.covered) relation.nullable = true;
}

logical::NodePtr join(JoinKind kind, logical::NodePtr left, logical::NodePtr right) {
  return std::make_unique<Join>(kind, std::move(left), std::move(right));
}

}  // namespace

void Binder::merge_into(Scope& scope, Scope more, int location) const {
  for (const ScopeRelation& relation : more.relations)
    for (const ScopeRelation& other : scope.relations)
      if (relation.name == other.name && !relation.name.empty() &&
          (relation.schema == other.schema || relation.schema.empty() || other.schema.empty()))
        throw SqlError("42712", "table name \"" + relation.name + "\" specified more than once", location);
  for (ScopeRelation& relation : more.relations) scope.relations.push_back(std::move(relation));
  for (ScopeColumn& column : more.columns) scope.columns.push_back(std::move(column));
  for (ScopeRelation& relation : more.covered) scope.covered.push_back(std::move(relation));
}

Binder::NodePtr Binder::bind_from(const std::vector<ast::FromPtr>& from) {
  if (from.empty()) return one_row();
  NodePtr all;
  for (const ast::FromPtr& item : from) {
    const auto* function = std::get_if<ast::FunctionRef>(&item->node);
    if (all && function != nullptr) {
      all = join_function(std::move(all), *function, item->location);
      continue;
    }
    auto [node, scope] = bind_item(*item);
    if (!all) {
      all = std::move(node);
      scope_ = std::move(scope);
      continue;
    }
    shift(scope, static_cast<int>(all->width()));
    merge_into(scope_, std::move(scope), item->location);
    all = join(JoinKind::inner, std::move(all), std::move(node));
  }
  row_width_ = static_cast<int>(all->width());
  return all;
}

std::pair<Binder::NodePtr, Scope> Binder::bind_item(const ast::FromItem& item) {
  if (const auto* table = std::get_if<ast::TableRef>(&item.node)) return bind_table(*table, item.location);
  if (const auto* joined = std::get_if<ast::JoinRef>(&item.node)) return bind_join(*joined, item.location);
  if (const auto* query = std::get_if<ast::SubqueryRef>(&item.node))
    return bind_derived(*query, item.location);
  return bind_function(std::get<ast::FunctionRef>(item.node), parent_, item.location);
}

std::pair<Binder::NodePtr, Scope> Binder::bind_table(const ast::TableRef& reference, int location) {
  const ast::QualifiedName& name = reference.name;
  if (name.schema.empty())
    for (const VisibleQuery* query = queries_; query; query = query->outer)
      if (query->table->name == name.name) return bind_common_table(*query, reference, location);

  ScopeRelation relation;
  relation.name = reference.alias ? reference.alias->name : name.name;
  const auto add_column = [&](std::string_view column, Type type, std::uint32_t oid) {
    const int index = static_cast<int>(relation.columns.size());
    relation.columns.push_back({std::string(column), type, index, oid, static_cast<std::int16_t>(index + 1)});
  };
  NodePtr node;
  std::vector<Type> row;
  const RelationLookup found = look_up_relation(name, statement_.context);
  if (found.system) {
    check_may_read(*found.system, statement_.context);
    for (const SystemColumn& column : found.system->columns) {
      add_column(column.name, column.type, found.system->oid);
      row.emplace_back(column.type);
    }
    if (!reference.alias) relation.schema = found.system->schema;
    if (found.system->needs_locks) statement_.needs_locks = true;
    if (found.system->needs_sessions) statement_.needs_sessions = true;
    if (found.system->needs_history) statement_.needs_history = true;
    node = std::make_unique<logical::SystemScan>(found.system, std::move(row));
  } else {
    relation.table = found.table;
    statement_.use(*found.table);
    statement_.need(*found.table, Privilege::select);
    for (const storage::ColumnDef& column : found.table->schema->columns) {
      add_column(column.name, column.type, oid_of(found.table->id()));
      row.push_back(column.type);
    }
    if (!reference.alias) relation.schema = found.table->schema_name;
    auto scan = std::make_unique<logical::Scan>(found.table, row);
    for (std::size_t i = 0; i < row.size(); ++i) scan->source.push_back(static_cast<std::uint16_t>(i));
    if (!locking_of(relation.name).empty()) {
      scan->with_key = true;
      scan->columns.emplace_back(TypeId::bytea);
    }
    node = std::move(scan);
  }
  if (reference.alias) rename_columns(relation.columns, reference.alias->columns, relation.name, location);
  return {std::move(node), scope_of(std::move(relation))};
}

std::pair<Binder::NodePtr, Scope> Binder::derived(BoundQuery query, ScopeRelation::Kind kind, std::string name,
                                                  const ast::Alias* alias, int location) {
  ScopeRelation relation;
  relation.kind = kind;
  relation.name = std::move(name);
  for (const OutputColumn& column : query.columns) {
    const int index = static_cast<int>(relation.columns.size());
    relation.columns.push_back({column.name, column.type, index, column.table_oid, column.column_number});
  }
  if (alias) rename_columns(relation.columns, alias->columns, relation.name, location);
  return {std::move(query.plan), scope_of(std::move(relation))};
}

std::pair<Binder::NodePtr, Scope> Binder::bind_common_table(const VisibleQuery& query,
                                                            const ast::TableRef& reference, int location) {
  if (++statement_.expansions > kMostExpansions) throw SqlError("54001", "statement too complex", location);
  if (query.being_bound) throw SqlError("0A000", "WITH RECURSIVE is not supported", location);
  Binder inner(statement_, parent_, query.recursive ? &query : query.outer);
  query.being_bound = query.recursive;
  BoundQuery bound = inner.bind_query(*query.table->query, true);
  query.being_bound = false;
  const std::vector<std::string>& names = query.table->columns;
  if (names.size() > bound.columns.size())
    throw SqlError("42P10",
                   "WITH query \"" + query.table->name + "\" has " + std::to_string(bound.columns.size()) +
                       " columns available but " + std::to_string(names.size()) + " columns specified",
                   location);
  for (std::size_t i = 0; i < names.size(); ++i) bound.columns[i].name = names[i];
  const ast::Alias* alias = reference.alias ? &*reference.alias : nullptr;
  return derived(std::move(bound), ScopeRelation::Kind::with_query, alias ? alias->name : reference.name.name,
                 alias, location);
}

std::pair<Binder::NodePtr, Scope> Binder::bind_derived(const ast::SubqueryRef& reference, int location) {
  if (reference.lateral) throw SqlError("0A000", "LATERAL is not supported", location);
  Binder inner(statement_, parent_, queries_);
  const ast::Alias* alias = reference.alias ? &*reference.alias : nullptr;
  const std::string name = alias ? alias->name : std::string();
  inner.locking_ = locking_of(name);
  return derived(inner.bind_query(*reference.query, true), ScopeRelation::Kind::subquery, name, alias, location);
}

// A function may read what stands before it; then it is called for each of those rows.
Binder::NodePtr Binder::join_function(NodePtr before, const ast::FunctionRef& reference, int location) {
  std::vector<std::pair<int, ExpressionPtr>> outer;
  outer_lists_.push_back(&outer);
  auto [node, scope] = bind_function(reference, this, location);
  outer_lists_.pop_back();
  shift(scope, static_cast<int>(before->width()));
  merge_into(scope_, std::move(scope), location);
  if (outer.empty()) return join(JoinKind::inner, std::move(before), std::move(node));
  auto apply = std::make_unique<logical::Apply>(std::move(before), std::move(node));
  apply->outer = std::move(outer);
  return apply;
}

std::pair<Binder::NodePtr, Scope> Binder::bind_function(const ast::FunctionRef& reference, Binder* around,
                                                        int location) {
  const auto* call = std::get_if<ast::FunctionCall>(&reference.call->node);
  const std::string name = call != nullptr ? call->name.name : std::string();
  if (reference.ordinality && (name == "generate_series" || name == "unnest" || name == "aclexplode"))
    throw SqlError("0A000", "WITH ORDINALITY is not supported", location);
  Binder inner(statement_, around, queries_);
  if (name == "aclexplode") return bind_acl_rows(reference, inner, location);
  if (name != "generate_series") return bind_value_function(reference, inner, location);
  if (call->arguments.size() < 2 || call->arguments.size() > 3)
    throw SqlError("42883", "function generate_series does not exist with these arguments", location);
  Expressions bounds;
  for (const ast::ExprPtr& argument : call->arguments)
    bounds.push_back(inner.bind_at(Place::from_function, *argument));
  const Type type = inner.unify(bounds, "generate_series", location);
  if (type.id != TypeId::int4 && type.id != TypeId::int8)
    throw SqlError("0A000", "generate_series is supported for integers only", location);
  auto series = std::make_unique<logical::Series>(Type(type.id));
  const auto as_int8 = [&](ExpressionPtr& value) {
    return inner.coerce_or_throw(std::move(value), TypeId::int8, CastContext::implicit, location);
  };
  series->start = as_int8(bounds[0]);
  series->stop = as_int8(bounds[1]);
  if (bounds.size() == 3) series->step = as_int8(bounds[2]);
  return {std::move(series), function_scope(reference, Type(type.id), location)};
}

Scope Binder::function_scope(const ast::FunctionRef& reference, Type type, int location) const {
  ScopeRelation relation;
  relation.kind = ScopeRelation::Kind::function;
  relation.name = reference.alias ? reference.alias->name : column_name_of(*reference.call);
  // A function of one column gives it the alias's name.
  relation.columns.push_back({relation.name, type, 0});
  if (reference.alias) rename_columns(relation.columns, reference.alias->columns, relation.name, location);
  return scope_of(std::move(relation));
}

// unnest(array), one row for each element; any other function is one row of its value.
std::pair<Binder::NodePtr, Scope> Binder::bind_value_function(const ast::FunctionRef& reference,
                                                              Binder& inner, int location) {
  const auto* call = std::get_if<ast::FunctionCall>(&reference.call->node);
  if (!call || call->name.name != "unnest") {
    Expressions value;
    value.push_back(inner.resolved(inner.bind_at(Place::from_function, *reference.call), location));
    const Type type = value.front()->type();
    if (!reference.ordinality) {
      Scope scope = function_scope(reference, type, location);
      return {std::make_unique<Project>(one_row(), std::move(value)), std::move(scope)};
    }
    value.push_back(storage::make_constant(TypeId::int8, storage::Datum::of_integer(1)));
    ScopeRelation relation;
    relation.kind = ScopeRelation::Kind::function;
    relation.name = reference.alias ? reference.alias->name : column_name_of(*reference.call);
    relation.columns = {{relation.name, type, 0}, {"ordinality", TypeId::int8, 1}};
    if (reference.alias) rename_columns(relation.columns, reference.alias->columns, relation.name, location);
    return {std::make_unique<Project>(one_row(), std::move(value)), scope_of(std::move(relation))};
  }
  if (call->arguments.size() != 1)
    throw SqlError("0A000", "unnest of several arrays is not supported", location);
  ExpressionPtr array = inner.bind_at(Place::from_function, *call->arguments.front());
  const TypeId type = array->type().id;
  if (type == TypeId::unknown) throw SqlError("42725", "function unnest(unknown) is not unique", location);
  if (!storage::is_array(type))
    throw SqlError("42883", "function unnest(" + type_name(type) + ") does not exist", location);
  const Type element(storage::element_type(type));
  auto series = std::make_unique<logical::Series>(element);
  series->array = std::move(array);
  return {std::move(series), function_scope(reference, element, location)};
}

// aclexplode(list). Lists are arrays of text.
std::pair<Binder::NodePtr, Scope> Binder::bind_acl_rows(const ast::FunctionRef& reference, Binder& inner,
                                                        int location) {
  const auto& call = std::get<ast::FunctionCall>(reference.call->node);
  Expressions arguments;
  for (const ast::ExprPtr& argument : call.arguments)
    arguments.push_back(inner.bind_at(Place::from_function, *argument));
  if (arguments.size() == 1 && arguments.front()->type().id == TypeId::unknown)
    arguments.front() = inner.coerce_or_throw(std::move(arguments.front()), TypeId::text_array,
                                              CastContext::implicit, location);
  if (arguments.size() != 1 || arguments.front()->type().id != TypeId::text_array) {
    std::string types;
    for (const ExpressionPtr& argument : arguments)
      types += (types.empty() ? "" : ", ") + type_name(argument->type());
    throw SqlError("42883", "function aclexplode(" + types + ") does not exist", location)
        .with_hint(
            "No function matches the given name and argument types. You might need to add explicit type "
            "casts.");
  }
  const std::vector<Type> row = {TypeId::oid, TypeId::oid, TypeId::text, TypeId::boolean};
  auto series = std::make_unique<logical::Series>(row);
  series->acl = std::move(arguments.front());
  ScopeRelation relation;
  relation.kind = ScopeRelation::Kind::function;
  relation.name = reference.alias ? reference.alias->name : "aclexplode";
  for (const char* name : {"grantor", "grantee", "privilege_type", "is_grantable"}) {
    const int index = static_cast<int>(relation.columns.size());
    relation.columns.push_back({name, row[static_cast<std::size_t>(index)], index});
  }
  if (reference.alias) rename_columns(relation.columns, reference.alias->columns, relation.name, location);
  return {std::move(series), scope_of(std::move(relation))};
}

std::pair<Binder::NodePtr, Scope> Binder::bind_join(const ast::JoinRef& reference, int location) {
  auto [node, scope] = bind_joined(reference, location);
  if (!reference.alias) return {std::move(node), std::move(scope)};
  ScopeRelation relation;
  relation.kind = ScopeRelation::Kind::join;
  relation.name = reference.alias->name;
  relation.columns = scope.columns;
  rename_columns(relation.columns, reference.alias->columns, relation.name, location);
  std::vector<ScopeRelation> covered = std::move(scope.covered);
  std::move(scope.relations.begin(), scope.relations.end(), std::back_inserter(covered));
  scope = scope_of(std::move(relation));
  scope.covered = std::move(covered);
  return {std::move(node), std::move(scope)};
}

Binder::Expressions Binder::bind_join_conditions(const ast::Expr& on, Scope& scope) {
  std::swap(scope_, scope);
  const Place before = place_;
  place_ = Place::join_on;
  Expressions conditions = storage::split_and(bind_boolean(on, "JOIN/ON"));
  place_ = before;
  std::swap(scope_, scope);
  return conditions;
}

// An inner join with a function, which may read the left side.
std::pair<Binder::NodePtr, Scope> Binder::join_with_function(const ast::JoinRef& reference, NodePtr left,
                                                             Scope left_scope) {
  std::swap(scope_, left_scope);
  NodePtr node = join_function(std::move(left), std::get<ast::FunctionRef>(reference.right->node),
                               reference.right->location);
  std::swap(scope_, left_scope);
  if (reference.on)
    node =
        std::make_unique<logical::Filter>(std::move(node), bind_join_conditions(*reference.on, left_scope));
  return {std::move(node), std::move(left_scope)};
}

std::pair<Binder::NodePtr, Scope> Binder::bind_joined(const ast::JoinRef& reference, int location) {
  auto [left, left_scope] = bind_item(*reference.left);
  using JoinWord = ast::JoinRef::Kind;
  const bool plain = (reference.kind == JoinWord::inner || reference.kind == JoinWord::cross) &&
                     !reference.natural && reference.using_columns.empty();
  if (plain && std::holds_alternative<ast::FunctionRef>(reference.right->node))
    return join_with_function(reference, std::move(left), std::move(left_scope));
  auto [right, right_scope] = bind_item(*reference.right);
  shift(right_scope, static_cast<int>(left->width()));
  if (reference.kind == JoinWord::left || reference.kind == JoinWord::full) make_nullable(right_scope);
  if (reference.kind == JoinWord::right || reference.kind == JoinWord::full) make_nullable(left_scope);
  Scope scope;
  NodePtr node;
  if (reference.natural || !reference.using_columns.empty()) {
    node = bind_using(reference, std::move(left), std::move(right), left_scope, right_scope, scope, location);
  } else {
    using Kind = ast::JoinRef::Kind;
    const JoinKind kind = reference.kind == Kind::left    ? JoinKind::left
                          : reference.kind == Kind::right ? JoinKind::right
                          : reference.kind == Kind::full  ? JoinKind::full
                                                          : JoinKind::inner;
    scope = std::move(left_scope);
    merge_into(scope, std::move(right_scope), location);
    auto joined = std::make_unique<Join>(kind, std::move(left), std::move(right));
    if (reference.on) joined->conditions = bind_join_conditions(*reference.on, scope);
    node = std::move(joined);
  }
  return {std::move(node), std::move(scope)};
}

// JOIN … USING: the named columns of both sides are equal and appear once, first.
Binder::NodePtr Binder::bind_using(const ast::JoinRef& reference, NodePtr left, NodePtr right,
                                   Scope& left_scope, Scope& right_scope, Scope& scope, int location) {
  using Kind = ast::JoinRef::Kind;
  const auto find = [&](const Scope& in, const std::string& name, const char* side) {
    const ScopeColumn* found = nullptr;
    for (const ScopeColumn& column : in.columns) {
      if (column.name != name) continue;
      if (found)
        throw SqlError("42702",
                       "common column name \"" + name + "\" appears more than once in " + side + " table",
                       location);
      found = &column;
    }
    return found;
  };
  std::vector<std::string> names = reference.using_columns;
  if (reference.natural) {
    for (const ScopeColumn& column : left_scope.columns)
      if (find(right_scope, column.name, "right")) names.push_back(column.name);
  }
  const JoinKind kind = reference.kind == Kind::left    ? JoinKind::left
                        : reference.kind == Kind::right ? JoinKind::right
                        : reference.kind == Kind::full  ? JoinKind::full
                                                        : JoinKind::inner;
  auto joined = std::make_unique<Join>(kind, std::move(left), std::move(right));
  Expressions merged_values;  // of a FULL JOIN: behind the joined row
  for (const std::string& name : names) {
    const ScopeColumn* left_column = find(left_scope, name, "left");
    const ScopeColumn* right_column = find(right_scope, name, "right");
    for (const auto& [column, side] : {std::pair(left_column, "left"), std::pair(right_column, "right")})
      if (!column)
        throw SqlError(
            "42703", "column \"" + name + "\" specified in USING clause does not exist in " + side + " table",
            location);
    const auto value = [&](const ScopeColumn& column) {
      statement_.note_read(column);
      return storage::make_column(column.index, column.type);
    };
    joined->conditions.push_back(call_operator("=", value(*left_column), value(*right_column), location));
    ScopeColumn merged = kind == JoinKind::right ? *right_column : *left_column;
    if (kind == JoinKind::full) {
      Expressions both;
      both.push_back(value(*left_column));
      both.push_back(value(*right_column));
      const Type type = unify(both, "JOIN/USING", location);
      merged = {name, type, static_cast<int>(joined->width() + merged_values.size())};
      merged_values.push_back(storage::make_coalesce(type, std::move(both)));
    }
    scope.columns.push_back(merged);
  }
  for (Scope* side : {&left_scope, &right_scope}) {
    std::erase_if(side->columns, [&](const ScopeColumn& column) {
      for (const std::string& name : names)
        if (name == column.name) return true;
      return false;
    });
    merge_into(scope, std::move(*side), location);
  }
  if (merged_values.empty()) return joined;
  Expressions row;
  for (std::size_t i = 0; i < joined->width(); ++i)
    row.push_back(storage::make_column(static_cast<int>(i), joined->columns[i]));
  for (ExpressionPtr& value : merged_values) row.push_back(std::move(value));
  return std::make_unique<Project>(std::move(joined), std::move(row));
}

}  // namespace gyre::adapter
