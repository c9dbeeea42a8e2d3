// Two catalogs that were changed from a common one, made one: what a transaction with definitions does at
// COMMIT where others have changed definitions meanwhile. Entry by entry: only what both have changed, or
// what one relies on and the other took away, stands in the way.
#pragma once

#include <optional>

#include "adapter/catalog/catalog.h"

namespace gyre::adapter {

// `theirs` with the changes that lead from `base` to `mine`; nothing where the two do not fit together. Its
// version is theirs. The oracle core's.
std::optional<Catalog> merge_catalogs(const Catalog& base, const Catalog& mine, const Catalog& theirs);

// Whether somebody who could define something by `base` may not be able to any more: a role has lost a
// membership or an attribute, or someone a right on a schema or the database, or these have another owner. (What
// is revoked on a table meets the definitions that change the table's entry.)
bool has_lost_powers(const Catalog& base, const Catalog& now);

// Whether the same foreign keys refer to the table.
bool has_same_referrers(const Catalog& a, const Catalog& b, RelationId table);

}  // namespace gyre::adapter
