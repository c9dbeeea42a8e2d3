// Oids of things that the catalog does not number itself but clients want numbered.
#pragma once

#include <cstdint>

#include "reactor/base/ids.h"

namespace gyre::adapter {

// Below 2^31, since clients read oids into signed integers.
inline constexpr std::uint32_t kPrimaryKeyOids = 0x40000000;
inline constexpr std::uint32_t kDefaultOids = 0x20000000;

// The primary key of a table as an index and as a constraint; `table_oid` is the table's.
constexpr std::uint32_t primary_key_oid(std::uint32_t table_oid) {
  return kPrimaryKeyOids | table_oid;
}

}  // namespace gyre::adapter
