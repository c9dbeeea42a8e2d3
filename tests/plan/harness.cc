#include "tests/plan/harness.h"

#include <algorithm>

#include "adapter/plan/ast_walk.h"
#include "adapter/plan/physical.h"
#include "adapter/plan/planning.h"
#include "adapter/sql/parser.h"
#include "adapter/sql_error.h"
#include "storage/failure.h"
#include "storage/table.h"

namespace gyre::test {

using namespace adapter;
using storage::Datum;

namespace {

std::string error_text(const SqlError& error) {
  std::string text = "ERROR " + std::string(error.sql_state.text()) + ": " + error.message;
  if (error.location >= 0) text += " @" + std::to_string(error.location);
  return text + "\n";
}

std::string row_text(const Plan& plan, const Datum* row, const storage::TextStyle& style) {
  OutBuffer line;
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    if (i > 0) line.append_byte('|');
    if (row[i].null)
      line.append("NULL");
    else
      storage::traits(plan.columns[i].type).print(row[i], style, line);
  }
  return std::string(line.view()) + "\n";
}

// The values of the statement's literals, in the types that the plan gives them.
class LiteralValues : public std::vector<Datum> {
 public:
  LiteralValues(const Plan& plan, Arena& arena) : plan_(plan), arena_(arena) {
    resize(plan.literal_types.size());
  }
  void set(const ast::Literal& literal) {
    if (literal.slot < 0) return;
    const auto slot = static_cast<std::size_t>(literal.slot);
    if (plan_.literal_fixed[slot]) return;
    (*this)[slot] = storage::traits(plan_.literal_types[slot]).parse(literal.text, {}, arena_);
  }

 private:
  const Plan& plan_;
  Arena& arena_;
};

}  // namespace

Harness::Harness() : catalog_(Catalog::initial()), branch_(std::make_unique<storage::Branch>(base_)) {
  role_ = catalog_.find_role("mz_system")->id;
  session_.current_user = session_.session_user = "mz_system";
  session_.database = "materialize";
}
Harness::~Harness() = default;

PlanContext Harness::context() const {
  return {catalog_, search_path_, role_, style_, session_};
}

void Harness::create_table(const ast::CreateTableStatement& statement) {
  auto schema = std::make_shared<storage::TableSchema>();
  auto entry = std::make_shared<TableEntry>();
  schema->id = RelationId(static_cast<std::uint32_t>(100 + catalog_.tables().size()));
  schema->name = statement.name.name;
  for (const ast::ColumnDefinition& column : statement.columns) {
    const storage::Type type = resolve_type(column.type, context());
    const auto position = static_cast<std::uint16_t>(schema->columns.size());
    bool primary = false;
    for (const ast::KeyConstraint& key : column.keys) {
      primary = primary || key.primary;
      if (key.primary)
        schema->primary_key.push_back(position);
      else
        schema->indexes.push_back(
            {RelationId(1000 + position), column.name + "_key", {position}, true, true});
    }
    schema->columns.push_back({column.name, type, column.not_null || primary});
    entry->defaults.push_back(column.default_value
                                  ? bind_default(*column.default_value, type, column.name, context())
                                  : ColumnDefault{});
  }
  for (const ast::KeyConstraint& key : statement.keys)
    for (const std::string& name : key.columns)
      for (std::uint16_t i = 0; i < schema->columns.size(); ++i)
        if (schema->columns[i].name == name) {
          schema->primary_key.push_back(i);
          schema->columns[i].not_null = true;
        }
  if (!schema->primary_key.empty()) schema->primary_key_name = schema->name + "_pkey";
  schema->layout = storage::layout_of(schema->columns);
  entry->schema = schema;
  entry->schema_name = "public";
  entry->owner = catalog_.find_role("mz_system")->id;
  catalog_.put_table(entry);
  branch_->create_table(schema);
}

void Harness::create_index(const ast::CreateIndexStatement& statement) {
  const auto table = resolve_table(statement.table, context());
  auto schema = std::make_shared<storage::TableSchema>(*table->schema);
  storage::IndexSchema index;
  index.id = RelationId(2000 + static_cast<std::uint32_t>(schema->indexes.size()));
  index.name = statement.name;
  index.unique = statement.unique;
  for (const std::string& name : statement.columns)
    for (std::uint16_t i = 0; i < schema->columns.size(); ++i)
      if (schema->columns[i].name == name) index.columns.push_back(i);
  schema->indexes.push_back(index);
  branch_->create_index(schema);
  auto entry = std::make_shared<TableEntry>(*table);
  entry->schema = schema;
  catalog_.put_table(entry);
}

std::unique_ptr<const Plan> Harness::plan(const ast::Statement& statement, const RunOptions& options) const {
  return make_plan_with(statement, context(), {}, options.literals_as_parameters,
                        options.rewrites ? rewrite::rewrites() : std::span<const rewrite::Rewrite>());
}

std::string Harness::run_statement(const ast::Statement& statement, const RunOptions& options) {
  if (const auto* create = std::get_if<ast::CreateTableStatement>(&statement.node))
    return create_table(*create), "";
  if (const auto* create = std::get_if<ast::CreateIndexStatement>(&statement.node))
    return create_index(*create), "";
  const auto made = plan(statement, options);
  Arena arena;
  LiteralValues literals(*made, arena);
  for_each_literal(statement, [&](const ast::Literal& literal) { literals.set(literal); });
  std::vector<Datum> parameters;
  for (std::size_t i = 0; i < made->parameter_types.size(); ++i) {
    const std::string& text = options.parameters.at(i);
    parameters.push_back(
        text == "\\N" ? Datum() : storage::traits(made->parameter_types[i]).parse(text, style_, arena));
  }
  parameters.insert(parameters.end(), literals.begin(), literals.end());
  ExecutionContext execution;
  execution.database = &branch_->view();
  execution.catalog = &catalog_;
  execution.branch = branch_.get();
  execution.parameters = parameters;
  execution.style = &style_;
  execution.session = &session_;
  execution.memory_limit = options.memory_limit;
  const auto mark = branch_->mark();
  std::string text;
  try {
    const auto running = execute(*made, execution);
    while (true) {
      TimeSlice slice = options.slices ? TimeSlice::of_us(-1) : TimeSlice::unlimited();
      const Datum* row = nullptr;
      const Step step = running->next(slice, row);
      if (step == Step::end) break;
      if (step == Step::row) text += row_text(*made, row, style_);
    }
    if (!made->reads_only()) text += "affected " + std::to_string(running->affected()) + "\n";
  } catch (...) {
    branch_->rollback_to(mark);
    throw;
  }
  return text;
}

std::string Harness::run(std::string_view sql, const RunOptions& options) {
  auto parsed = parse_sql(sql);
  if (!parsed) return "SYNTAX " + parsed.error().message + "\n";
  std::string text;
  try {
    for (const ast::StatementPtr& statement : *parsed) text += run_statement(*statement, options);
  } catch (const SqlError& error) {
    return error_text(error);
  } catch (const storage::Failure& failure) {
    return "FAILURE: " + failure.message + "\n";
  }
  return text;
}

std::vector<std::string> Harness::rows(std::string_view sql, const RunOptions& options) {
  const std::string text = run(sql, options);
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string Harness::plan_of(std::string_view sql, const RunOptions& options) {
  auto parsed = parse_sql(sql);
  if (!parsed) return "SYNTAX " + parsed.error().message + "\n";
  try {
    const auto made = plan(*parsed->front(), options);
    std::string text = physical::print(*made->root);
    if (made->direct) text += "direct\n";
    return text;
  } catch (const SqlError& error) {
    return error_text(error);
  } catch (const storage::Failure& failure) {
    return "FAILURE: " + failure.message + "\n";
  }
}

}  // namespace gyre::test
