#include "oracle/remote_oracle.h"

namespace gyre::oracle {

const char* verb_name(Verb verb) {
  static constexpr std::array<const char*, kVerbs> kNames = {"write_ts", "peek_write_ts", "read_ts", "apply_write"};
  return kNames[static_cast<std::size_t>(verb)];
}

}  // namespace gyre::oracle
