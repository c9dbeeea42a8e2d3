// What an access list says, one privilege at a time: the rows of aclexplode().
#pragma once

#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"

namespace gyre::adapter {

struct AclRow {
  RoleId grantor;
  RoleId grantee;
  std::string_view privilege;  // "SELECT"; static
  bool grantable;
};

// `printed`: an array of items, {alice=r*w/bob,=U/bob}. Throws what PostgreSQL's aclitem type throws: 22P02
// for what is no item, 42704 for roles that are not there.
std::vector<AclRow> acl_rows(std::string_view printed, const Catalog& catalog);

}  // namespace gyre::adapter
