// Plans as text: one line per operator. Expressions are printed in a prefix form that shows how they were
// bound: every cast, column numbers (c0), parameter numbers (p0).
#include "adapter/plan/physical.h"
#include "adapter/plan/print_expression.h"
#include "reactor/base/out_buffer.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

namespace {

const char* word_for(storage::NodeKind kind) {
  using Kind = storage::NodeKind;
  switch (kind) {
    case Kind::and_:
      return "and";
    case Kind::or_:
      return "or";
    case Kind::not_:
      return "not";
    case Kind::null_test:
      return "null_test";
    case Kind::boolean_test:
      return "boolean_test";
    case Kind::case_:
      return "case";
    case Kind::coalesce:
      return "coalesce";
    case Kind::null_if:
      return "nullif";
    case Kind::min_max:
      return "min_max";
    case Kind::in_list:
      return "in";
    case Kind::distinct:
      return "distinct_from";
    case Kind::typmod:
      return "typmod";
    case Kind::input_cast:
      return "input";
    case Kind::text_of:
      return "text_of";
    case Kind::relabel:
      return "relabel";
    case Kind::any_array:
      return "any";
    case Kind::array:
      return "array";
    default:
      return "expression";
  }
}

std::string print_constant(const storage::Expression& constant) {
  const storage::Datum value = storage::constant_value(constant);
  const storage::TypeId type = constant.type().id;
  if (value.null) return "NULL";
  if (type == storage::TypeId::unknown) return "'" + std::string(value.bytes()) + "'";
  OutBuffer text;
  storage::traits(type).print(value, {}, text);
  const bool bare = storage::traits(type).category == 'N' || type == storage::TypeId::boolean;
  return bare ? std::string(text.view()) : "'" + std::string(text.view()) + "'";
}

}  // namespace

std::string print_expression(const storage::Expression& expression) {
  if (storage::is_constant(expression)) return print_constant(expression);
  if (const auto column = storage::column_index(expression)) return "c" + std::to_string(*column);
  if (const auto parameter = storage::parameter_index(expression)) {
    const storage::TypeId type = expression.type().id;
    return "p" + std::to_string(*parameter) + ":" +
           std::string(type == storage::TypeId::unknown ? "unknown" : storage::traits(type).short_name);
  }
  if (storage::kind_of(expression) == storage::NodeKind::hoisted)
    return print_expression(*storage::children_of(expression).front());
  const storage::FunctionDef* function = storage::called_function(expression);
  std::string text = function ? std::string(function->name) : word_for(storage::kind_of(expression));
  if (storage::kind_of(expression) == storage::NodeKind::relabel ||
      storage::kind_of(expression) == storage::NodeKind::input_cast)
    text = storage::traits(expression.type()).short_name;
  if (storage::kind_of(expression) == storage::NodeKind::typmod)
    text = storage::format_type(expression.type());
  text += "(";
  bool first = true;
  for (const storage::Expression* child : storage::children_of(expression)) {
    if (!first) text += ", ";
    first = false;
    text += print_expression(*child);
  }
  return text + ")";
}

namespace physical {
namespace {

std::string list(const std::vector<ExpressionPtr>& expressions) {
  std::string text;
  for (const ExpressionPtr& expression : expressions)
    text += (text.empty() ? "" : ", ") + print_expression(*expression);
  return text;
}

std::string print_path(const TableScan& scan) {
  const storage::TableSchema& schema = *scan.table->schema;
  std::string text;
  const bool primary = scan.path.index < 0;
  const auto& columns =
      primary ? schema.primary_key : schema.indexes[static_cast<std::size_t>(scan.path.index)].columns;
  if (!primary) text += " by " + schema.indexes[static_cast<std::size_t>(scan.path.index)].name;
  if (scan.point) text += " point";
  for (std::size_t i = 0; i < scan.path.equal.size(); ++i)
    text += " " + schema.columns[columns[i]].name + " = " + print_expression(*scan.path.equal[i]);
  const std::size_t next = scan.path.equal.size();
  if (scan.path.from.value)
    text += " " + schema.columns[columns[next]].name + (scan.path.from.inclusive ? " >= " : " > ") +
            print_expression(*scan.path.from.value);
  if (scan.path.to.value)
    text += " " + schema.columns[columns[next]].name + (scan.path.to.inclusive ? " <= " : " < ") +
            print_expression(*scan.path.to.value);
  if (scan.path.descending) text += " backwards";
  return text;
}

std::string print_scan(const TableScan& scan) {
  std::string text = "scan " + scan.table->name() + print_path(scan) + " [";
  for (std::size_t i = 0; i < scan.source.size(); ++i)
    text += (i == 0 ? "" : ", ") + scan.table->schema->columns[scan.source[i]].name;
  if (scan.with_key) text += scan.source.empty() ? "key" : ", key";
  text += "]";
  if (!scan.filter.empty()) text += " where " + list(scan.filter);
  return text;
}

std::string print_counts(const ExpressionPtr& limit, const ExpressionPtr& offset) {
  std::string text;
  if (limit) text += " limit " + print_expression(*limit);
  if (offset) text += " offset " + print_expression(*offset);
  return text;
}

std::string print_sort(const Sort& sort) {
  std::string text = "sort";
  for (const SortKey& key : sort.keys) {
    text += (&key == sort.keys.data() ? " c" : ", c") + std::to_string(key.column);
    if (key.descending) text += " desc";
    if (key.nulls_first != key.descending) text += key.nulls_first ? " nulls first" : " nulls last";
  }
  return text + print_counts(sort.limit, sort.offset);
}

std::string print_aggregate(const Aggregate& aggregate) {
  std::string text = "aggregate";
  if (!aggregate.keys.empty()) text += " by " + list(aggregate.keys);
  text += ":";
  for (const logical::AggregateCall& call : aggregate.calls) {
    text += " " + std::string(call.function->name) + "(" + (call.distinct ? "distinct " : "") +
            list(call.arguments) + ")";
    if (call.filter) text += " filter " + print_expression(*call.filter);
  }
  return text;
}

std::string print_join(const Join& join) {
  static constexpr const char* kNames[] = {"inner", "left", "right", "full"};
  std::string text = std::string(join.kind == Kind::hash_join ? "hash join " : "nested loop join ") +
                     kNames[static_cast<std::size_t>(join.join)];
  for (std::size_t i = 0; i < join.left_keys.size(); ++i)
    text += (i == 0 ? " on " : ", ") + print_expression(*join.left_keys[i]) + " = right " +
            print_expression(*join.right_keys[i]);
  if (!join.conditions.empty()) text += " where " + list(join.conditions);
  return text;
}

std::string print_apply(const Apply& apply) {
  static constexpr const char* kNames[] = {"scalar", "exists", "any", "all", "rows"};
  std::string text = std::string("apply ") + kNames[static_cast<std::size_t>(apply.form)];
  if (apply.test) text += " " + print_expression(*apply.test);
  for (const auto& [parameter, value] : apply.outer)
    text += " p" + std::to_string(parameter) + " := " + print_expression(*value);
  return text;
}

std::string print_insert(const Insert& insert) {
  std::string text = "insert " + insert.table->name();
  if (insert.on_conflict) {
    const logical::OnConflict& conflict = *insert.on_conflict;
    text += std::string(" on conflict do ") + (conflict.update ? "update" : "nothing");
    if (!conflict.conditions.empty()) text += " where " + list(conflict.conditions);
  }
  if (!insert.returning.empty()) text += " returning " + list(insert.returning);
  return text;
}

std::string print_change(const char* word, const Change& change) {
  std::string text = std::string(word) + " " + change.table->name();
  if (!change.returning.empty()) text += " returning " + list(change.returning);
  return text;
}

std::string print_one(const Node& node) {
  switch (node.kind) {
    case Kind::table_scan:
      return print_scan(static_cast<const TableScan&>(node));
    case Kind::system_scan:
      return "system scan " + std::string(static_cast<const SystemScan&>(node).relation->name);
    case Kind::series:
      return "series";
    case Kind::values: {
      const auto& rows = static_cast<const Values&>(node).rows;
      if (node.columns.empty()) return "one row";
      std::string text = "values";
      for (const auto& row : rows) text += " (" + list(row) + ")";
      return text;
    }
    case Kind::given_rows:
      return "given rows";
    case Kind::filter:
      return "filter " + list(static_cast<const Filter&>(node).conditions);
    case Kind::project:
      return "project " + list(static_cast<const Project&>(node).expressions);
    case Kind::sort:
      return print_sort(static_cast<const Sort&>(node));
    case Kind::limit: {
      const auto& limit = static_cast<const Limit&>(node);
      return print_counts(limit.limit, limit.offset).substr(1);
    }
    case Kind::distinct:
      return static_cast<const Distinct&>(node).sorted ? "distinct of sorted" : "distinct";
    case Kind::aggregate:
      return print_aggregate(static_cast<const Aggregate&>(node));
    case Kind::nested_loop_join:
    case Kind::hash_join:
      return print_join(static_cast<const Join&>(node));
    case Kind::set_operation: {
      const auto& operation = static_cast<const SetOperation&>(node);
      static constexpr const char* kNames[] = {"union", "intersect", "except"};
      return std::string(kNames[static_cast<std::size_t>(operation.set)]) + (operation.all ? " all" : "");
    }
    case Kind::apply:
      return print_apply(static_cast<const Apply&>(node));
    case Kind::lock_rows:
      return "lock rows";
    case Kind::insert:
      return print_insert(static_cast<const Insert&>(node));
    case Kind::update:
      return print_change("update", static_cast<const Change&>(node));
    case Kind::delete_:
      return print_change("delete", static_cast<const Change&>(node));
    case Kind::truncate:
      break;
  }
  return "truncate";
}

void print_tree(const Node& node, std::size_t depth, std::string& text) {
  text += std::string(2 * depth, ' ') + print_one(node) + "\n";
  for (const NodePtr& input : node.inputs) print_tree(*input, depth + 1, text);
}

}  // namespace

std::string print_node(const Node& node) {
  return print_one(node);
}

std::string_view node_type(Kind kind) {
  static constexpr std::string_view kNames[] = {
      "Table Scan", "System Scan", "Function Scan", "Values Scan", "Given Rows", "Filter",       "Result",
      "Sort",       "Limit",       "Unique",        "Aggregate",   "Nested Loop", "Hash Join",   "SetOp",
      "Subquery",   "LockRows",    "Insert",        "Update",      "Delete",     "Truncate"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(Kind::truncate) + 1);
  return kNames[static_cast<std::size_t>(kind)];
}

std::string print(const Node& node) {
  std::string text;
  print_tree(node, 0, text);
  return text;
}

}  // namespace physical
}  // namespace gyre::adapter
