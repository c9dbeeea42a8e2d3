// The access rules as they were read last, with what is wrong in them.
#include "adapter/access/access_rules.h"
#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

Value array_or_null(SystemScan& scan, const std::vector<std::string>& elements) {
  return elements.empty() ? Value(nullptr) : Value(text_array(scan, elements));
}

void scan_access_rules(SystemScan& scan) {
  const auto* const rules = static_cast<const AccessRules*>(scan.session.access_rules);
  if (rules == nullptr) return;
  for (const AccessLine& line : rules->lines)
    emit(scan, {line.number, text_or_null(line.type), array_or_null(scan, line.databases),
                array_or_null(scan, line.roles), text_or_null(line.address), text_or_null(line.netmask),
                text_or_null(line.method), array_or_null(scan, line.options), text_or_null(line.error)});
}

}  // namespace

Relations access_relations() {
  return {
      {12107, "pg_catalog", "pg_hba_file_rules",
       columns_of(
           "line_number int4, type text, database text[], user_name text[], address text, netmask text, "
           "auth_method text, options text[], error text"),
       scan_access_rules, 'v', false, SystemRelation::Readers::superusers},
  };
}

}  // namespace gyre::adapter::system
