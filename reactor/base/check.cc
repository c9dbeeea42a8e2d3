#include "reactor/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gyre {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "gyre: check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace gyre
