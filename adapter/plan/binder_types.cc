// Coercions, and how parameters and literals of unknown type get one: the first context that wants a type
// gives it (PostgreSQL manual, sections 10.1 to 10.5 and PREPARE).
#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

using storage::CastContext;

std::string type_name(storage::Type type) {
  if (type.id == storage::TypeId::unknown) return "unknown";
  return std::string(storage::traits(type.id).name);
}

StatementBinding::StatementBinding(const PlanContext& plan_context, std::span<const storage::Type> declared,
                                   int parameters, int literals, bool literals_are_parameters,
                                   const std::set<int>& fixed)
    : context(plan_context),
      parameter_count(std::max(parameters, static_cast<int>(declared.size()))),
      literal_count(literals),
      literals_as_parameters(literals_are_parameters),
      parameter_types(declared.begin(), declared.end()) {
  const auto slots = static_cast<std::size_t>(literal_count);
  if (parameter_count > 65535)  // as many as a Bind can bring
    throw SqlError("42P02", "there is no parameter $" + std::to_string(parameter_count));
  parameter_types.resize(static_cast<std::size_t>(parameter_count));
  literal_types.resize(slots);
  literal_bound.resize(slots, false);
  literal_fixed.resize(slots, !literals_as_parameters);
  for (const int slot : fixed) literal_fixed[static_cast<std::size_t>(slot)] = true;
}

void StatementBinding::fix(int slot) {
  if (slot < 0) return;
  const auto at = static_cast<std::size_t>(slot);
  if (literal_bound[at] && !literal_fixed[at]) throw LiteralMustBeFixed{slot};
  literal_fixed[at] = true;
}

void StatementBinding::use(const TableEntry& table) {
  if (std::find(relations.begin(), relations.end(), table.id()) == relations.end())
    relations.push_back(table.id());
}

void StatementBinding::need(const TableEntry& table, Privilege right) {
  const auto found = std::find_if(rights.begin(), rights.end(),
                                  [&](const NeededRight& needed) { return needed.table == table.id(); });
  NeededRight& needed =
      found != rights.end() ? *found : rights.emplace_back(NeededRight{table.id(), 0, {}, {}, {}});
  needed.rights |= bit(right);
}

void StatementBinding::note_read(const ScopeColumn& column) {
  if (column.table_oid >= kFirstUserOid && column.column_number > 0)
    read[RelationId(column.table_oid - kFirstUserOid)].insert(
        static_cast<std::uint16_t>(column.column_number - 1));
}

void StatementBinding::finish() {
  for (std::size_t i = 0; i < parameter_types.size(); ++i)
    if (parameter_types[i].id == storage::TypeId::unknown)
      throw SqlError("42P18", "could not determine data type of parameter $" + std::to_string(i + 1));
  for (NeededRight& right : rights) {
    right.read.assign(read[right.table].begin(), read[right.table].end());
    right.inserted.assign(inserted[right.table].begin(), inserted[right.table].end());
    right.updated.assign(updated[right.table].begin(), updated[right.table].end());
    if (holds_right(context.catalog, context.role, right)) continue;
    const auto table = context.catalog.table(right.table);
    throw permission_denied(table->object_kind(), table->name());
  }
}

namespace {

bool holds_on_columns(const Catalog& catalog, RoleId role, const TableEntry& table, Privilege privilege,
                      std::span<const std::uint16_t> columns) {
  return std::all_of(columns.begin(), columns.end(), [&](std::uint16_t column) {
    return catalog.allows_column(role, table, column, privilege);
  });
}

bool holds_on_some_column(const Catalog& catalog, RoleId role, const TableEntry& table, Privilege privilege) {
  return std::any_of(table.column_acl.begin(), table.column_acl.end(), [&](const auto& item) {
    return catalog.allows_column(role, table, item.first, privilege);
  });
}

}  // namespace

bool holds_right(const Catalog& catalog, RoleId role, const NeededRight& right) {
  const auto found = catalog.table(right.table);
  if (found == nullptr) return false;
  const TableEntry& table = *found;
  if (catalog.allows(role, table, right.rights)) return true;
  if (table.column_acl.empty()) return false;
  for (const PrivilegeFacts& fact : privilege_facts()) {
    if ((right.rights & bit(fact.privilege)) == 0 || catalog.allows(role, table, bit(fact.privilege)))
      continue;
    if ((privileges_on(ObjectKind::column) & bit(fact.privilege)) == 0) return false;
    const auto& columns = fact.privilege == Privilege::select   ? right.read
                          : fact.privilege == Privilege::insert ? right.inserted
                                                                : right.updated;
    if (columns.empty() ? !holds_on_some_column(catalog, role, table, fact.privilege)
                        : !holds_on_columns(catalog, role, table, fact.privilege, columns))
      return false;
  }
  return true;
}

// A literal that does not read as its type is an error even where it would never be evaluated. Its value is
// not kept: 'now' must be read by each execution.
void Binder::check_reads(const storage::Expression& literal) const {
  Arena arena;
  storage::EvalContext eval;
  eval.arena = &arena;
  eval.style = &statement_.context.style;
  eval.session = &statement_.context.session;
  literal.evaluate(eval);
}

Binder::ExpressionPtr Binder::coerce_unknown(ExpressionPtr value, TypeId target, int location) {
  if (storage::is_null_constant(*value)) return storage::make_null(target);
  const auto index = storage::parameter_index(*value);
  if (!index) {
    const bool literal = storage::is_constant(*value);
    ExpressionPtr cast = storage::make_cast(std::move(value), target, CastContext::explicit_);
    if (literal && cast) check_reads(*cast);
    return cast;
  }
  if (*index < statement_.parameter_count) {
    Type& type = statement_.parameter_types[static_cast<std::size_t>(*index)];
    if (type.id == TypeId::unknown) type = target;
    if (type.id != target)
      throw SqlError("42P08", "inconsistent types deduced for parameter $" + std::to_string(*index + 1),
                     location)
          .with_detail(type_name(type) + " versus " + type_name(target));
    return storage::make_parameter(*index, target);
  }
  const int slot = *index - statement_.parameter_count;
  Type& type = statement_.literal_types[static_cast<std::size_t>(slot)];
  if (type.id == TypeId::unknown) type = target;
  if (type.id != target) throw LiteralMustBeFixed{slot};
  return storage::make_parameter(*index, target);
}

Binder::ExpressionPtr Binder::coerce(ExpressionPtr value, Type target, CastContext context, int location) {
  if (target.id == TypeId::unknown) return value;
  if (value->type().id == TypeId::unknown) {
    value = coerce_unknown(std::move(value), target.id, location);
    if (!value) return nullptr;
  }
  const Type type = value->type();
  if (type.id == target.id) {
    if (target.typmod < 0 || target.typmod == type.typmod) return value;
    return storage::make_typmod(std::move(value), target, context == CastContext::explicit_);
  }
  if (!storage::can_coerce(type.id, target.id, context)) return nullptr;
  return storage::make_cast(std::move(value), target, context);
}

Binder::ExpressionPtr Binder::coerce_or_throw(ExpressionPtr value, Type target, CastContext context,
                                              int location) {
  const Type from = value->type();
  ExpressionPtr coerced = coerce(std::move(value), target, context, location);
  if (!coerced)
    throw SqlError("42846", "cannot cast type " + type_name(from) + " to " + type_name(target), location);
  return coerced;
}

Binder::ExpressionPtr Binder::resolved(ExpressionPtr value, int location) {
  if (value->type().id != TypeId::unknown) return value;
  return coerce_unknown(std::move(value), TypeId::text, location);
}

Binder::Type Binder::unify(Expressions& values, std::string_view what, int location) {
  std::vector<TypeId> types;
  for (const ExpressionPtr& value : values) types.push_back(value->type().id);
  const auto common = storage::common_type(types);
  if (!common) {
    // The words name the first pair that does not fit.
    TypeId left = TypeId::unknown;
    TypeId right = TypeId::unknown;
    for (const TypeId type : types) {
      if (type == TypeId::unknown) continue;
      if (left == TypeId::unknown) left = type;
      const TypeId pair[] = {left, type};
      if (!storage::common_type(pair)) {
        right = type;
        break;
      }
    }
    throw SqlError(
        "42804",
        std::string(what) + " types " + type_name(left) + " and " + type_name(right) + " cannot be matched",
        location);
  }
  // One modifier for all, if they agree.
  std::int32_t typmod = -1;
  bool first = true;
  for (const ExpressionPtr& value : values) {
    const Type type = value->type();
    const std::int32_t own = type.id == *common ? type.typmod : -1;
    typmod = first || own == typmod ? own : -1;
    first = false;
  }
  for (ExpressionPtr& value : values)
    value = coerce_or_throw(std::move(value), Type(*common), CastContext::implicit, location);
  return {*common, typmod};
}

Binder::ExpressionPtr Binder::assign(ExpressionPtr value, Type target, std::string_view column,
                                     int location) {
  const Type from = value->type();
  ExpressionPtr assigned = coerce(std::move(value), target, CastContext::assignment, location);
  if (!assigned)
    throw SqlError("42804",
                   "column \"" + std::string(column) + "\" is of type " + type_name(target) +
                       " but expression is of type " + type_name(from),
                   location)
        .with_hint("You will need to rewrite or cast the expression.");
  return assigned;
}

}  // namespace gyre::adapter
