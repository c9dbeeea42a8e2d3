// A statement's way to a plan: bind, rewrite, choose operators; and the small entrances that DDL uses.
#include "adapter/plan/plan.h"

#include <algorithm>
#include <set>

#include "adapter/catalog/deparse.h"
#include "adapter/catalog/surroundings.h"
#include "adapter/metrics.h"
#include "adapter/plan/ast_walk.h"
#include "adapter/plan/binder.h"
#include "adapter/plan/datum_kind.h"
#include "adapter/plan/direct_read.h"
#include "adapter/plan/hoist_expressions.h"
#include "adapter/plan/physical.h"
#include "adapter/plan/planning.h"
#include "adapter/plan/relations.h"
#include "adapter/plan/rewrite/rewrite.h"
#include "adapter/sql/parser.h"
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
  plan->needs_sessions = binding.needs_sessions;
  plan->needs_history = binding.needs_history;
  plan->moves_sequences = binding.moves_sequences;
  plan->notices = std::move(binding.notices);
  plan->columns = std::move(bound.columns);
  plan->parameter_types = std::move(binding.parameter_types);
  plan->literal_types = std::move(binding.literal_types);
  plan->literal_fixed = std::move(binding.literal_fixed);
  plan->relations = std::move(binding.relations);
  plan->rights = std::move(binding.rights);
  if (plan->runs_at_once() && binding.outer_parameters == 0)
    plan->direct = make_direct_read(*root);
  plan->footprint = 1024 + 512 * count_nodes(*root) + 64 * plan->columns.size();
  plan->root = std::move(root);
  return plan;
}

std::unique_ptr<Plan> plan_once(const ast::Statement& statement, const PlanContext& context,
                                std::span<const storage::Type> declared, bool literals_as_parameters,
                                StatementFacts facts, const std::set<int>& fixed,
                                std::span<const rewrite::Rewrite> rewrites) {
  StatementBinding binding(context, declared, facts.parameters, facts.literals, literals_as_parameters,
                           fixed);
  auto plan = std::make_unique<Plan>();
  const std::uint64_t begin = SpanClock::ticks();
  BoundQuery bound = bind_statement(statement, binding, plan->kind);
  const std::uint64_t is_bound = SpanClock::ticks();
  plan = finish_plan(std::move(bound), binding, std::move(plan), rewrites);
  plan->bind_ticks = is_bound - begin;
  plan->plan_ticks = SpanClock::ticks() - is_bound;
  return plan;
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

// Names of relations become their oids, so that the expression means the same relation under another name.
storage::ExpressionPtr with_oids(storage::ExpressionPtr expression, const storage::TextStyle& style) {
  using storage::NodeKind;
  const NodeKind kind = storage::kind_of(*expression);
  if (kind == NodeKind::other) return expression;
  auto& node = static_cast<storage::Node&>(*expression);
  if (kind == NodeKind::input_cast && node.type().id == storage::TypeId::regclass &&
      storage::is_constant(*node.operands()[0])) {
    Arena arena;
    const std::string_view name = storage::constant_value(*node.operands()[0]).bytes();
    return storage::make_constant(storage::TypeId::regclass,
                                  storage::traits(storage::TypeId::regclass).parse(name, style, arena));
  }
  if (node.operands().empty()) return expression;
  std::vector<storage::ExpressionPtr> operands = node.release_operands();
  for (storage::ExpressionPtr& operand : operands) operand = with_oids(std::move(operand), style);
  return node.rebuild(std::move(operands));
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
  value = with_oids(std::move(value), context.style);
  const storage::Type from = value->type();
  // How the value becomes one of the column's type is not shown, unless it has no type of its own.
  const CatalogNames names(context.catalog);
  std::string text = deparse(*value, {}, &names);
  value = binder.try_assign(std::move(value), storage::Type(column.id));
  if (value && from.id == storage::TypeId::unknown) text = deparse(*value, {}, &names);
  if (!value)
    throw SqlError("42804", "column \"" + std::string(column_name) + "\" is of type " + type_name(column) +
                                " but default expression is of type " + type_name(from))
        .with_hint("You will need to rewrite or cast the expression.");
  // A literal that does not read as the type is wrong now, not when a row is inserted.
  if (from.id == storage::TypeId::unknown && storage::is_foldable(*value)) {
    Arena arena;
    storage::EvalContext eval;
    eval.arena = &arena;
    eval.style = &context.style;
    value->evaluate(eval);
  }
  value = binder.try_assign(std::move(value), column);
  return {std::shared_ptr<const storage::Expression>(std::move(value)), std::move(text)};
}

CheckConstraint bind_check(const ast::Expr& condition, const std::shared_ptr<const TableEntry>& table,
                           const PlanContext& context) {
  StatementBinding binding(context, {}, 0, facts_of(condition).literals, false, {});
  Binder binder(binding, nullptr, nullptr);
  storage::ExpressionPtr bound = with_oids(binder.bind_check(condition, table), context.style);
  CheckConstraint check{};
  const CatalogNames names(context.catalog);
  check.text = deparse(*bound, table->schema->columns, &names);
  check.expression = std::move(bound);
  check.validated = true;
  return check;
}

storage::ExpressionPtr bind_transform(const ast::Expr& expression, storage::Type to,
                                      const std::shared_ptr<const TableEntry>& table, std::string_view column,
                                      const PlanContext& context) {
  StatementBinding binding(context, {}, 0, facts_of(expression).literals, false, {});
  Binder binder(binding, nullptr, nullptr);
  storage::ExpressionPtr value = binder.bind_transform(expression, table);
  value = binder.try_assign(std::move(value), to);
  if (!value)
    throw SqlError("42804", "result of USING clause for column \"" + std::string(column) +
                                "\" cannot be cast automatically to type " + type_name(to))
        .with_hint("You might need to add an explicit cast.");
  return value;
}

namespace {

// The expression that is the only target of "SELECT text".
ast::ExprPtr parse_expression(const std::string& text) {
  auto parsed = parse_sql("SELECT " + text);
  if (!parsed || parsed->size() != 1)
    throw SqlError("XX000", "cannot read " + text);
  return std::move(std::get<ast::SelectPtr>(parsed->front()->node)->targets.front().value);
}

}  // namespace

std::shared_ptr<const TableEntry> bind_texts(const TableEntry& table, const PlanContext& context) {
  auto bound = std::make_shared<TableEntry>(table);
  for (std::size_t i = 0; i < bound->defaults.size(); ++i) {
    ColumnDefault& value = bound->defaults[i];
    if (value.text.empty()) continue;
    const storage::ColumnDef& column = table.schema->columns[i];
    value.expression =
        bind_default(*parse_expression(value.text), column.type, column.name, context).expression;
  }
  for (CheckConstraint& check : bound->checks)
    check.expression = bind_check(*parse_expression(check.text), bound, context).expression;
  return bound;
}

bool mentions_relation(const storage::Expression& expression, std::uint32_t oid) {
  if (storage::is_constant(expression) && expression.type().id == storage::TypeId::regclass &&
      !storage::is_null_constant(expression))
    return storage::constant_value(expression).integer == static_cast<std::int64_t>(oid);
  for (const storage::Expression* child : storage::children_of(expression))
    if (mentions_relation(*child, oid)) return true;
  return false;
}

storage::Datum evaluate_argument(const ast::Expr& expression, std::size_t number, storage::Type type,
                                 const PlanContext& context, Arena& arena) {
  StatementBinding binding(context, {}, 0, facts_of(expression).literals, false, {});
  Binder binder(binding, nullptr, nullptr);
  storage::ExpressionPtr value = binder.bind_argument(expression);
  const storage::Type from = value->type();
  value = binder.try_assign(std::move(value), type, expression.location);
  if (!value)
    throw SqlError("42804",
                   "parameter $" + std::to_string(number) + " of type " + type_name(from) +
                       " cannot be coerced to the expected type " + type_name(type),
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
