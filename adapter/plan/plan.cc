// A statement's way to a plan: bind, rewrite, choose operators; and the small entrances that DDL uses.
#include "adapter/plan/plan.h"

#include <algorithm>
#include <set>

#include "adapter/plan/ast_walk.h"
#include "adapter/plan/binder.h"
#include "adapter/plan/datum_kind.h"
#include "adapter/plan/direct_read.h"
#include "adapter/plan/hoist_expressions.h"
#include "adapter/plan/physical.h"
#include "adapter/plan/planning.h"
#include "adapter/plan/print_expression.h"
#include "adapter/plan/relations.h"
#include "adapter/plan/rewrite/rewrite.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

Plan::Plan() = default;
Plan::~Plan() = default;

namespace {

BoundQuery bind_statement(const ast::Statement& statement, StatementBinding& binding, Plan::Kind& kind) {
  Binder binder(binding, nullptr, nullptr);
  if (const auto* select = std::get_if<ast::SelectPtr>(&statement.node)) {
    kind = Plan::Kind::select;
    return binder.bind_query(**select, true);
  }
  if (const auto* insert = std::get_if<ast::InsertStatement>(&statement.node)) {
    kind = Plan::Kind::insert;
    return binder.bind_insert(*insert);
  }
  if (const auto* update = std::get_if<ast::UpdateStatement>(&statement.node)) {
    kind = Plan::Kind::update;
    return binder.bind_update(*update);
  }
  if (const auto* erase = std::get_if<ast::DeleteStatement>(&statement.node)) {
    kind = Plan::Kind::delete_;
    return binder.bind_delete(*erase);
  }
  if (const auto* truncate = std::get_if<ast::TruncateStatement>(&statement.node)) {
    kind = Plan::Kind::truncate;
    return binder.bind_truncate(*truncate);
  }
  throw SqlError("0A000", "this statement cannot be planned");
}

std::size_t count_nodes(const physical::Node& node) {
  std::size_t count = 1;
  for (const physical::NodePtr& input : node.inputs) count += count_nodes(*input);
  return count;
}

// Text for literals that nothing typed (a literal that a discarded binding mentioned, for instance).
void settle_literals(StatementBinding& binding) {
  for (std::size_t slot = 0; slot < binding.literal_types.size(); ++slot)
    if (binding.literal_types[slot].id == storage::TypeId::unknown) {
      binding.literal_types[slot] = storage::TypeId::text;
      if (!binding.literal_bound[slot]) binding.literal_fixed[slot] = true;
    }
}

std::unique_ptr<Plan> finish_plan(BoundQuery bound, StatementBinding& binding, std::unique_ptr<Plan> plan,
                                  std::span<const rewrite::Rewrite> rewrites) {
  binding.finish();
  settle_literals(binding);
  for (const rewrite::Rewrite& rewrite : rewrites) bound.plan = rewrite.apply(std::move(bound.plan));
  const int given = binding.parameter_count + binding.literal_count;
  hoist_expressions(*bound.plan, given, plan->hoisted_places);
  auto root = physical::plan_physically(std::move(bound.plan));
  root->extra_parameters = binding.outer_parameters;
  plan->has_volatile = binding.has_volatile;
  plan->needs_locks = binding.needs_locks;
  plan->locks_rows = binding.locks_rows;
  plan->columns = std::move(bound.columns);
  plan->parameter_types = std::move(binding.parameter_types);
  plan->literal_types = std::move(binding.literal_types);
  plan->literal_fixed = std::move(binding.literal_fixed);
  plan->relations = std::move(binding.relations);
  plan->rights = std::move(binding.rights);
  if (plan->kind == Plan::Kind::select && binding.outer_parameters == 0 && !plan->needs_locks)
    plan->direct = make_direct_read(*root);
  plan->footprint = 1024 + 512 * count_nodes(*root) + 64 * plan->columns.size();
  plan->root = std::move(root);
  return plan;
}

// 'it''s'
std::string quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

std::unique_ptr<Plan> plan_once(const ast::Statement& statement, const PlanContext& context,
                                std::span<const storage::Type> declared, bool literals_as_parameters,
                                StatementFacts facts, const std::set<int>& fixed,
                                std::span<const rewrite::Rewrite> rewrites) {
  StatementBinding binding(context, declared, facts.parameters, facts.literals, literals_as_parameters,
                           fixed);
  auto plan = std::make_unique<Plan>();
  BoundQuery bound = bind_statement(statement, binding, plan->kind);
  return finish_plan(std::move(bound), binding, std::move(plan), rewrites);
}

// The columns of COPY, all of them where it names none.
std::vector<std::size_t> copied_columns(const ast::CopyStatement& copy, const TableEntry& table) {
  const auto& columns = table.schema->columns;
  std::vector<std::size_t> positions;
  if (copy.columns.empty())
    for (std::size_t i = 0; i < columns.size(); ++i) positions.push_back(i);
  for (const std::string& name : copy.columns) {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const auto& column) { return column.name == name; });
    if (found == columns.end())
      throw SqlError("42703", "column \"" + name + "\" of relation \"" + table.name() + "\" does not exist");
    const auto position = static_cast<std::size_t>(found - columns.begin());
    if (std::find(positions.begin(), positions.end(), position) != positions.end())
      throw SqlError("42701", "column \"" + name + "\" specified more than once");
    positions.push_back(position);
  }
  return positions;
}

// Roughly as pg_get_expr prints a default: constants with their type where it is not obvious, calls by name.
std::string print_default(const storage::Expression& value, storage::Type column,
                          const storage::TextStyle& style) {
  if (storage::is_null_constant(value)) return "NULL::" + storage::format_type(column);
  if (const storage::FunctionDef* function = storage::called_function(value)) {
    if (storage::children_of(value).empty()) return std::string(function->name) + "()";
    return print_expression(value);
  }
  if (!storage::is_constant(value)) return print_expression(value);
  const storage::Datum datum = storage::constant_value(value);
  if (value.type().id == storage::TypeId::unknown)
    return quoted(datum.bytes()) + "::" + storage::format_type(storage::Type(column.id));
  OutBuffer text;
  storage::traits(value.type()).print(datum, style, text);
  if (value.type().id == storage::TypeId::boolean) return datum.truth() ? "true" : "false";
  return std::string(text.view());
}

}  // namespace

std::unique_ptr<const Plan> make_plan(const ast::Statement& statement, const PlanContext& context,
                                      std::span<const storage::Type> declared, bool literals_as_parameters) {
  return make_plan_with(statement, context, declared, literals_as_parameters, rewrite::rewrites());
}

std::unique_ptr<const Plan> make_plan_with(const ast::Statement& statement, const PlanContext& context,
                                           std::span<const storage::Type> declared,
                                           bool literals_as_parameters,
                                           std::span<const rewrite::Rewrite> rewrites) {
  const StatementFacts facts = facts_of(statement);
  std::set<int> fixed;
  while (true) {
    try {
      return plan_once(statement, context, declared, literals_as_parameters, facts, fixed, rewrites);
    } catch (const LiteralMustBeFixed& literal) {
      // Each round fixes one more literal, so this ends.
      fixed.insert(literal.slot);
    }
  }
}

CopyFromPlan plan_copy_from(const ast::CopyStatement& copy, const PlanContext& context) {
  CopyFromPlan made;
  made.table = resolve_table(copy.table, context);
  made.columns = copied_columns(copy, *made.table);
  StatementBinding binding(context, {}, 0, copy.where ? facts_of(*copy.where).literals : 0, false, {});
  Binder binder(binding, nullptr, nullptr);
  auto plan = std::make_unique<Plan>();
  plan->kind = Plan::Kind::insert;
  BoundQuery bound = binder.bind_copy_from(copy, made.columns, made.table);
  made.plan = finish_plan(std::move(bound), binding, std::move(plan), rewrite::rewrites());
  return made;
}

ast::StatementPtr copy_to_query(const ast::CopyStatement& copy, const PlanContext& context) {
  auto select = std::make_unique<ast::SelectStatement>();
  const auto add = [&](std::string name) {
    ast::ColumnRef column;
    column.parts.push_back(std::move(name));
    select->targets.push_back({std::make_unique<ast::Expr>(std::move(column), -1), {}});
  };
  if (look_up_relation(copy.table, context).table) {
    const auto table = resolve_table(copy.table, context);
    for (const std::size_t column : copied_columns(copy, *table)) add(table->schema->columns[column].name);
  } else if (copy.columns.empty()) {
    ast::ColumnRef all;
    all.star = true;
    select->targets.push_back({std::make_unique<ast::Expr>(std::move(all), -1), {}});
  } else {
    for (const std::string& name : copy.columns) add(name);
  }
  select->from.push_back(
      std::make_unique<ast::FromItem>(ast::FromItem{ast::TableRef{copy.table, std::nullopt}, -1}));
  return std::make_unique<ast::Statement>(std::move(select));
}

ColumnDefault bind_default(const ast::Expr& expression, storage::Type column, std::string_view column_name,
                           const PlanContext& context) {
  StatementBinding binding(context, {}, 0, facts_of(expression).literals, false, {});
  Binder binder(binding, nullptr, nullptr);
  storage::ExpressionPtr value;
  try {
    value = binder.bind_default(expression);
  } catch (const SqlError& error) {
    if (error.sql_state == pgwire::sql_state::kUndefinedColumn)
      throw SqlError("0A000", "cannot use column reference in DEFAULT expression", error.location);
    throw;
  }
  const storage::Type from = value->type();
  const storage::TextStyle& style = context.style;
  std::string text = print_default(*value, column, style);
  value = binder.try_assign(std::move(value), column);
  if (!value)
    throw SqlError("42804", "column \"" + std::string(column_name) + "\" is of type " + type_name(column) +
                                " but default expression is of type " + type_name(from))
        .with_hint("You will need to rewrite or cast the expression.");
  value = storage::fold(std::move(value));
  // A literal that does not read as the type is wrong now, not when a row is inserted.
  if (from.id == storage::TypeId::unknown && storage::is_foldable(*value)) {
    Arena arena;
    storage::EvalContext eval;
    eval.arena = &arena;
    eval.style = &context.style;
    value->evaluate(eval);
  }
  return {std::shared_ptr<const storage::Expression>(std::move(value)), std::move(text)};
}

storage::Datum evaluate_constant(const ast::Expr& expression, storage::Type type, const PlanContext& context,
                                 Arena& arena) {
  StatementBinding binding(context, {}, 0, facts_of(expression).literals, false, {});
  Binder binder(binding, nullptr, nullptr);
  storage::ExpressionPtr value = binder.bind_constant(expression);
  const storage::Type from = value->type();
  value = binder.try_assign(std::move(value), type);
  if (!value)
    throw SqlError("42804",
                   "expression of type " + type_name(from) + " cannot be coerced to the expected type " +
                       type_name(type),
                   expression.location)
        .with_hint("You will need to rewrite or cast the expression.");
  storage::EvalContext eval;
  eval.arena = &arena;
  eval.style = &context.style;
  eval.session = &context.session;
  eval.transaction_us = context.style.now_us;
  eval.statement_us = context.style.now_us;
  storage::Datum datum = value->evaluate(eval);
  // The value may lie in the expression, which ends here.
  if (!datum.null && is_by_reference(type.id)) datum = storage::Datum::of_bytes(arena.copy(datum.bytes()));
  return datum;
}

}  // namespace gyre::adapter
