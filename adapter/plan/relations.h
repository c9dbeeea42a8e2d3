// How a statement's name for a relation finds it, and what a plan has to do with relations.
#pragma once

#include <memory>

#include "adapter/catalog/system_relation.h"
#include "adapter/plan/plan.h"

namespace gyre::adapter {

struct RelationLookup {
  std::shared_ptr<const TableEntry> table;
  const SystemRelation* system = nullptr;
};

// Along the search path, pg_catalog first unless listed. Throws 42P01.
RelationLookup look_up_relation(const ast::QualifiedName& name, const PlanContext& context);
// A block plans by the catalog of its snapshot, or one of its own: `before`. Throws 42501 for what the role
// could do by that and cannot do any more by `now`, and 42P01 where a relation is gone.
void check_rights_are_left(const Plan& plan, RoleId role, const Catalog& before, const Catalog& now);
// Whether it is a SELECT without a FROM: its answer is as long as its text. (Functions may look at what they like.)
bool has_no_relations(const Plan& plan);
// Throws 42501 for what is superusers' alone.
void check_may_read(const SystemRelation& relation, const PlanContext& context);

}  // namespace gyre::adapter
