// The table of all system relations, found by (schema, name) in a hash map that is made once.
#include <string>
#include <unordered_map>

#include "adapter/catalog/system_groups.h"

namespace gyre::adapter {

namespace {

struct Directory {
  std::vector<SystemRelation> relations;
  std::unordered_map<std::string, const SystemRelation*> by_name;  // "pg_catalog.pg_class"

  Directory() {
    for (auto* group :
         {system::type_relations, system::class_relations, system::index_relations, system::sequence_relations,
          system::role_relations, system::access_relations, system::server_relations, system::view_relations,
          system::information_schema_relations,
          system::mz_relations, system::lock_relations, system::session_relations,
          system::statement_relations, system::empty_relations})
      for (SystemRelation& relation : group()) relations.push_back(std::move(relation));
    for (const SystemRelation& relation : relations)
      by_name.emplace(std::string(relation.schema) + "." + std::string(relation.name), &relation);
  }
};

const Directory& directory() {
  static const Directory made;
  return made;
}

}  // namespace

const SystemRelation* find_system_relation(std::string_view schema, std::string_view name) {
  std::string key(schema.empty() ? "pg_catalog" : schema);
  key += '.';
  key += name;
  const auto found = directory().by_name.find(key);
  return found == directory().by_name.end() ? nullptr : found->second;
}

std::span<const SystemRelation> system_relations() {
  return directory().relations;
}

}  // namespace gyre::adapter
