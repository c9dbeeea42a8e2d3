// Names of columns: PostgreSQL manual, section 4.2.1, and the order in which its parser looks.
#include <algorithm>
#include <utility>

#include "adapter/plan/binder.h"
#include "adapter/sql_error.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter {

void shift(Scope& scope, int offset) {
  for (ScopeColumn& column : scope.columns) column.index += offset;
  for (std::vector<ScopeRelation>* relations : {&scope.relations, &scope.covered})
    for (ScopeRelation& relation : *relations)
      for (ScopeColumn& column : relation.columns) column.index += offset;
}

namespace {

std::string dotted(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += '.';
    text += part;
  }
  return text;
}

constexpr std::size_t kFarthestMeant = 3;  // as PostgreSQL's MAX_FUZZY_DISTANCE

// Levenshtein's: letters to insert, remove or exchange.
std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t exchanged = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchanged, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

const ScopeRelation* Binder::find_relation(std::string_view schema, std::string_view name,
                                           int location) const {
  const ScopeRelation* found = nullptr;
  for (const ScopeRelation& relation : scope_.relations) {
    if (relation.name != name) continue;
    if (!schema.empty() && relation.schema != schema) continue;
    if (found)
      throw SqlError("42P09", "table reference \"" + std::string(name) + "\" is ambiguous", location);
    found = &relation;
  }
  return found;
}

std::optional<Binder::FoundColumn> Binder::find_column(const ast::ColumnRef& reference, int location) {
  const auto ambiguous = [&] {
    return SqlError("42702", "column reference \"" + reference.parts.back() + "\" is ambiguous", location);
  };
  if (reference.parts.size() > 4)
    throw SqlError("42601", "improper qualified name (too many dotted names): " + dotted(reference.parts),
                   location);
  FoundColumn found;
  const std::vector<ScopeColumn>* columns = &scope_.columns;
  if (reference.parts.size() > 1) {
    const std::string_view schema =
        reference.parts.size() > 2 ? std::string_view(reference.parts[reference.parts.size() - 3]) : "";
    found.relation = find_relation(schema, reference.parts[reference.parts.size() - 2], location);
    if (!found.relation) return std::nullopt;
    columns = &found.relation->columns;
  }
  for (const ScopeColumn& column : *columns) {
    if (column.name != reference.parts.back()) continue;
    if (found.column) throw ambiguous();
    found.column = &column;
  }
  if (!found.column) {
    if (found.relation)
      throw SqlError("42703", "column " + dotted(reference.parts) + " does not exist", location);
    return std::nullopt;
  }
  return found;
}

void Binder::throw_unknown_column(const ast::ColumnRef& reference, int location) {
  if (reference.parts.size() > 1) {
    const std::string& name = reference.parts[reference.parts.size() - 2];
    for (const ScopeRelation& relation : scope_.relations)
      if (relation.table && relation.table->name() == name)
        throw SqlError("42P01", "invalid reference to FROM-clause entry for table \"" + name + "\"", location)
            .with_hint("Perhaps you meant to reference the table alias \"" + relation.name + "\".");
    throw SqlError("42P01", "missing FROM-clause entry for table \"" + name + "\"", location);
  }
  const std::string& name = reference.parts.back();
  SqlError error("42703", "column \"" + name + "\" does not exist", location);
  if (hidden_target_)
    for (const storage::ColumnDef& column : hidden_target_->schema->columns)
      if (column.name == name)
        throw std::move(error).with_hint("There is a column named \"" + name + "\" in table \"" +
                                         hidden_target_->name() +
                                         "\", but it cannot be referenced from this part of the query.");
  // The columns whose names are nearest to it, if one or two are near enough.
  std::size_t nearest = std::min(kFarthestMeant, name.size() / 2) + 1;
  std::vector<std::string> meant;
  for (const ScopeRelation& relation : scope_.relations)
    for (const ScopeColumn& column : relation.columns) {
      const std::size_t distance = edit_distance(name, column.name);
      if (distance > nearest || distance == std::min(kFarthestMeant, name.size() / 2) + 1) continue;
      if (distance < nearest) meant.clear();
      nearest = distance;
      meant.push_back("\"" + relation.name + "." + column.name + "\"");
    }
  if (meant.size() == 1)
    throw std::move(error).with_hint("Perhaps you meant to reference the column " + meant[0] + ".");
  if (meant.size() == 2)
    throw std::move(error).with_hint("Perhaps you meant to reference the column " + meant[0] +
                                     " or the column " + meant[1] + ".");
  throw error;
}

Binder::ExpressionPtr Binder::column_value(const FoundColumn& found, int location) {
  if (found.column->table_oid != 0) read_columns_ = true;
  statement_.note_read(*found.column);
  if (grouping_) return grouped_column(found.column->index, found.column->type, found, location);
  return storage::make_column(found.column->index, found.column->type);
}

// The value of an enclosing query's column, which the Apply of that query passes as a parameter.
Binder::ExpressionPtr Binder::outer_value(Binder& owner, const FoundColumn& found, int location) {
  ExpressionPtr value = owner.column_value(found, location);
  const Type type = value->type();
  auto& list = *owner.outer_lists_.back();
  for (const auto& [parameter, passed] : list)
    if (storage::same_expression(*passed, *value)) return storage::make_parameter(parameter, type);
  const int parameter = statement_.next_outer_parameter();
  list.emplace_back(parameter, std::move(value));
  return storage::make_parameter(parameter, type);
}

Binder::ExpressionPtr Binder::bind_column(const ast::ColumnRef& reference, int location) {
  if (auto found = find_column(reference, location)) return column_value(*found, location);
  for (Binder* outer = parent_; outer; outer = outer->parent_)
    if (auto found = outer->find_column(reference, location)) return outer_value(*outer, *found, location);
  throw_unknown_column(reference, location);
}

std::vector<const ScopeColumn*> Binder::star_columns(const ast::ColumnRef& reference, int location) const {
  const std::vector<ScopeColumn>* columns = &scope_.columns;
  if (!reference.parts.empty()) {
    const std::string_view schema =
        reference.parts.size() > 1 ? std::string_view(reference.parts[reference.parts.size() - 2]) : "";
    const ScopeRelation* relation = find_relation(schema, reference.parts.back(), location);
    if (!relation)
      throw SqlError("42P01", "missing FROM-clause entry for table \"" + reference.parts.back() + "\"",
                     location);
    columns = &relation->columns;
  } else if (scope_.relations.empty()) {
    throw SqlError("42601", "SELECT * with no tables specified is not valid", location);
  }
  std::vector<const ScopeColumn*> all;
  for (const ScopeColumn& column : *columns) all.push_back(&column);
  return all;
}

}  // namespace gyre::adapter
