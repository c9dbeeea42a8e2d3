// Carrying out DDL: tables, indexes, roles, privileges, system parameters. Works on a copy of the catalog and
// on a branch of the database, both of which the caller publishes or drops. The oracle core's.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/coordinator/lock_mode.h"
#include "adapter/plan/plan.h"
#include "adapter/sql/ast.h"
#include "pgwire/diagnostic.h"
#include "reactor/stop_flag.h"
#include "storage/branch.h"

namespace gyre::adapter {

class StatementLocks;    // statement_locks.h
struct ConstraintModes;  // foreign_keys.h

struct Definition {
  Catalog& catalog;            // a copy, to be changed
  storage::Branch& branch;     // the database, to be changed with it
  const PlanContext& context;  // who asks; `context.catalog` is `catalog`
  std::vector<pgwire::Diagnostic>& notices;
  // Tables whose rows were all looked at or written anew: a transaction that did so cannot be merged onto
  // a head in which they have changed.
  std::set<RelationId>& exclusive;
  StatementLocks* locks;                // null: nobody else has locked anything
  const reactor::StopFlag& stop;
  const ConstraintModes* constraint_modes;  // of the transaction block; null: there is none
  std::size_t memory_limit = SIZE_MAX;  // of what CREATE TABLE AS keeps, in bytes
  bool shared_timeline = false;         // other servers may take the timeline over
};

// Before a definition looks at the rows of a table that is there already, or changes it. May throw LockWait.
void lock_table(Definition& definition, RelationId table, TableLockMode mode);

// Returns the command tag. Throws SqlError or storage::Failure; catalog and branch are then to be dropped or
// rolled back.
std::string carry_out(const ast::Statement& statement, Definition& definition);

}  // namespace gyre::adapter
