#include "adapter/plan/relations.h"

#include <algorithm>

#include "adapter/catalog/denied.h"
#include "adapter/plan/physical.h"
#include "adapter/sql_error.h"

namespace gyre::adapter {
namespace {

RelationLookup find_in(std::string_view schema, const std::string& name, const PlanContext& context) {
  RelationLookup found;
  found.system = find_system_relation(schema, name);
  if (!found.system) found.table = context.catalog.find_table(schema, name);
  return found;
}

bool is_constant(const physical::Node& node) {
  using physical::Kind;
  if (node.extra_parameters != 0) return false;
  if (node.kind != Kind::values && node.kind != Kind::project && node.kind != Kind::filter) return false;
  for (const physical::NodePtr& input : node.inputs)
    if (!is_constant(*input)) return false;
  return true;
}

}  // namespace

bool has_no_relations(const Plan& plan) {
  return is_constant(*plan.root);
}

RelationLookup look_up_relation(const ast::QualifiedName& name, const PlanContext& context) {
  if (!name.catalog.empty() && name.catalog != context.session.database)
    throw SqlError("0A000",
                   "cross-database references are not implemented: \"" + name.catalog + "." + name.schema +
                       "." + name.name + "\"",
                   name.location);
  const Catalog& catalog = context.catalog;
  const auto usable = [&](std::string_view schema) {
    const Schema* found = catalog.find_schema(schema);
    return found == nullptr || catalog.allows(context.role, *found, Privilege::usage);
  };
  std::string full = name.name;
  if (!name.schema.empty()) {
    if (!usable(name.schema)) throw permission_denied(ObjectKind::schema, name.schema, name.location);
    full = name.schema + "." + name.name;
    RelationLookup found = find_in(name.schema, name.name, context);
    if (found.system || found.table) return found;
  } else {
    const auto& path = context.search_path;
    if (std::find(path.begin(), path.end(), "pg_catalog") == path.end()) {
      RelationLookup found = find_in("pg_catalog", name.name, context);
      if (found.system || found.table) return found;
    }
    for (const Schema* schema : catalog.usable_schemas(path, context.role)) {
      RelationLookup found = find_in(schema->name, name.name, context);
      if (found.system || found.table) return found;
    }
  }
  throw SqlError("42P01", "relation \"" + full + "\" does not exist", name.location);
}

void check_rights_are_left(const Plan& plan, RoleId role, const Catalog& before, const Catalog& now) {
  if (before.version == now.version) return;
  for (const RelationId id : plan.relations) {
    const auto had = before.table(id);
    if (had == nullptr) continue;  // the block's own
    const auto has = now.table(id);
    if (has == nullptr)
      throw SqlError("42P01", "a relation of this statement was dropped by another session");
    const Schema* const schema = now.find_schema(has->schema_name);
    if (schema != nullptr && !now.allows(role, *schema, Privilege::usage) &&
        before.allows(role, *before.find_schema(had->schema_name), Privilege::usage))
      throw permission_denied(ObjectKind::schema, has->schema_name);
  }
  for (const NeededRight& right : plan.rights)
    if (holds_right(before, role, right) && !holds_right(now, role, right))
      throw permission_denied(ObjectKind::table, now.table(right.table)->name());
}

void check_may_read(const SystemRelation& relation, const PlanContext& context) {
  if (relation.readers == SystemRelation::Readers::all) return;
  const Role* const role = context.catalog.role(context.role);
  if (role == nullptr || !role->superuser)
    throw SqlError("42501", std::string("permission denied for ") +
                                (relation.kind == 'v' ? "view " : "table ") + std::string(relation.name));
}

std::shared_ptr<const TableEntry> resolve_table(const ast::QualifiedName& name, const PlanContext& context) {
  RelationLookup found = look_up_relation(name, context);
  if (found.system)
    throw SqlError("42501", "permission denied: \"" + name.name + "\" is a system catalog", name.location);
  return found.table;
}

}  // namespace gyre::adapter
