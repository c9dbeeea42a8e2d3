// What a server's cores need to let clients in: the rules and the certificates. Made at start and anew at
// each SIGHUP, never changed; every one that was in force is kept until the end, as logins and TLS
// connections under way still look at it.
#pragma once

#include <memory>

#include "adapter/access/access_rules.h"
#include "pgwire/tls.h"

namespace gyre::adapter {

struct Access {
  AccessRules rules;
  std::shared_ptr<const pgwire::TlsContext> tls;  // null: connections are never encrypted
};

// The built-in rules, without TLS.
const Access& default_access();

}  // namespace gyre::adapter
