// SASLprep (RFC 4013): the one form of a password whose spelling Unicode leaves open, so that clients and
// server hash the same bytes.
#pragma once

#include <string>
#include <string_view>

namespace gyre::pgwire {

// The password as SASLprep has it; as it stands where that is not defined (bytes that are no UTF-8, forbidden
// or unassigned characters, nothing left), which is what PostgreSQL's libraries do, too.
std::string sasl_prep(std::string_view password);

}  // namespace gyre::pgwire
