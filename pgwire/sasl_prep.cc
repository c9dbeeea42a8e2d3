// The tables are libidn's, which are those of Unicode 3.2 that the RFC names.
#include "pgwire/sasl_prep.h"

#include <stringprep.h>

#include <algorithm>
#include <cstdlib>

#include "pgwire/utf8.h"

namespace gyre::pgwire {

std::string sasl_prep(std::string_view password) {
  const bool ascii =
      std::all_of(password.begin(), password.end(), [](char c) { return c >= ' ' && c <= '~'; });
  // The library takes texts that end with a zero byte, and trusts them to be UTF-8.
  if (ascii || password.find('\0') != std::string_view::npos || !is_valid_utf8(password))
    return std::string(password);
  char* prepared = nullptr;
  if (stringprep_profile(std::string(password).c_str(), &prepared, "SASLprep", Stringprep_profile_flags{}) !=
      STRINGPREP_OK)
    return std::string(password);
  std::string out(prepared);
  std::free(prepared);
  return out.empty() ? std::string(password) : out;
}

}  // namespace gyre::pgwire
