// For each scan the key that its conditions pin down best: the whole primary key first, then the key with the
// most leading columns given by equality, then one with a range on the column after those. Conditions that
// the key answers exactly are taken out of the filter.
//
// A condition serves if the other side reads no column, and keys of its type's values order like the
// column's: the same type, both integers (the scan checks the range), or text and varchar.
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/scalar/casts.h"
#include "storage/scalar/nodes.h"

namespace gyre::adapter::rewrite {

using logical::AccessPath;
using logical::ExpressionPtr;
using logical::Kind;
using logical::Scan;
using storage::Comparison;
using storage::TypeId;

namespace {

bool is_integer(TypeId type) {
  return type == TypeId::int2 || type == TypeId::int4 || type == TypeId::int8;
}
bool is_text(TypeId type) {
  return type == TypeId::text || type == TypeId::varchar;
}
bool keys_agree(TypeId column, TypeId value) {
  return column == value || (is_integer(column) && is_integer(value)) || (is_text(column) && is_text(value));
}

// What one condition says about a column of the table.
struct Fact {
  std::size_t condition;  // in the scan's filter
  std::uint16_t column;   // of the table
  Comparison comparison;
  const storage::Expression* value;
};

// column op value, seen through a relabelling of varchar as text.
std::vector<Fact> facts_of(const Scan& scan) {
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < scan.filter.size(); ++i) {
    const auto found = storage::as_column_comparison(*scan.filter[i]);
    if (!found || found->comparison == Comparison::none || found->comparison == Comparison::not_equal)
      continue;
    const auto output = static_cast<std::size_t>(found->column);
    if (output >= scan.source.size()) continue;
    if (!keys_agree(found->column_type.id, found->value->type().id)) continue;
    if (storage::volatility_of(*found->value) == storage::Volatility::volatile_) continue;
    facts.push_back({i, scan.source[output], found->comparison, found->value});
  }
  return facts;
}

// A way to use one key.
struct Candidate {
  int index = AccessPath::kPrimaryKey;
  std::vector<const Fact*> equal;
  const Fact* from = nullptr;
  const Fact* to = nullptr;
  bool unique = false;  // at most one row

  int worth() const {
    return (unique ? 1000 : 0) + 10 * static_cast<int>(equal.size()) + (from ? 2 : 0) + (to ? 2 : 0) +
           (index == AccessPath::kPrimaryKey ? 1 : 0);
  }
  bool useful() const { return !equal.empty() || from || to; }
};

Candidate use_key(int index, const std::vector<std::uint16_t>& columns, bool unique,
                  const std::vector<Fact>& facts) {
  Candidate candidate;
  candidate.index = index;
  for (const std::uint16_t column : columns) {
    const Fact* equal = nullptr;
    for (const Fact& fact : facts)
      if (fact.column == column && fact.comparison == Comparison::equal && !equal) equal = &fact;
    if (equal) {
      candidate.equal.push_back(equal);
      continue;
    }
    for (const Fact& fact : facts) {
      if (fact.column != column) continue;
      const bool lower =
          fact.comparison == Comparison::greater || fact.comparison == Comparison::greater_equal;
      const Fact*& end = lower ? candidate.from : candidate.to;
      if (!end) end = &fact;
    }
    break;
  }
  candidate.unique = unique && candidate.equal.size() == columns.size();
  return candidate;
}

void take(Scan& scan, const Candidate& candidate) {
  std::vector<bool> answered(scan.filter.size());
  const auto value = [&](const Fact& fact) {
    answered[fact.condition] = true;
    ExpressionPtr taken = storage::clone(*fact.value);
    // Widening cannot fail, and gives the key's value the column's own type.
    const TypeId column = scan.table->schema->columns[fact.column].type.id;
    if (is_integer(column) && taken->type().id < column)
      taken = storage::make_cast(std::move(taken), column, storage::CastContext::implicit);
    return storage::fold(std::move(taken));
  };
  scan.path.index = candidate.index;
  for (const Fact* fact : candidate.equal) scan.path.equal.push_back(value(*fact));
  if (candidate.from)
    scan.path.from = {value(*candidate.from), candidate.from->comparison == Comparison::greater_equal};
  if (candidate.to) scan.path.to = {value(*candidate.to), candidate.to->comparison == Comparison::less_equal};
  std::vector<ExpressionPtr> rest;
  for (std::size_t i = 0; i < scan.filter.size(); ++i)
    if (!answered[i]) rest.push_back(std::move(scan.filter[i]));
  scan.filter = std::move(rest);
}

void choose(Scan& scan) {
  const std::vector<Fact> facts = facts_of(scan);
  if (facts.empty()) return;
  const storage::TableSchema& schema = *scan.table->schema;
  Candidate best;
  if (!schema.primary_key.empty()) best = use_key(AccessPath::kPrimaryKey, schema.primary_key, true, facts);
  for (std::size_t i = 0; i < schema.indexes.size(); ++i) {
    Candidate candidate =
        use_key(static_cast<int>(i), schema.indexes[i].columns, schema.indexes[i].unique, facts);
    if (candidate.useful() && (!best.useful() || candidate.worth() > best.worth()))
      best = std::move(candidate);
  }
  if (best.useful()) take(scan, best);
}

}  // namespace

NodePtr choose_access_paths(NodePtr plan) {
  for (NodePtr& input : plan->inputs) input = choose_access_paths(std::move(input));
  if (plan->kind == Kind::scan) choose(static_cast<Scan&>(*plan));
  return plan;
}

}  // namespace gyre::adapter::rewrite
