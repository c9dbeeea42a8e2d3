#include "adapter/catalog/denied.h"

#include <fmt/format.h>

namespace gyre::adapter {

SqlError permission_denied(ObjectKind kind, std::string_view name, int at) {
  return SqlError("42501", fmt::format("permission denied for {} {}", noun_of(kind), name), at);
}

}  // namespace gyre::adapter
