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

}  // namespace gyre::adapter
