#include "adapter/access/access.h"

namespace gyre::adapter {

const Access& default_access() {
  static const Access access{default_access_rules(), nullptr};
  return access;
}

}  // namespace gyre::adapter
