#include "adapter/plan/rewrite/rewrite.h"

namespace gyre::adapter::rewrite {
namespace {

constexpr Rewrite kRewrites[] = {
    {"fold_constants", fold_constants},
    {"push_filters", push_filters},
    {"choose_access_paths", choose_access_paths},
    {"drop_sorts", drop_sorts},
    {"limit_sorts", limit_sorts},
    {"prune_columns", prune_columns},
};

}  // namespace

std::span<const Rewrite> rewrites() {
  return kRewrites;
}

}  // namespace gyre::adapter::rewrite
