// Whether what a transaction has read is still so: its snapshot and the newest state are compared over the
// ranges that it read. Runs on the oracle core when the transaction commits, on the state that its writes are
// about to be merged onto; if nothing has changed, all the transaction did could as well have been done now,
// at once, and so it is.
#pragma once

#include "reactor/stop_flag.h"
#include "storage/database.h"
#include "storage/read_set.h"

namespace gyre::storage {

// Whether rows of one table are rows of the other: same columns, same primary key.
bool same_rows(const TableSchema& a, const TableSchema& b);

// `snapshot` is the state that was read. Costs what the differences within the ranges cost, and one descent
// per range; an index range that was read together with its rows costs at most a look at each of them.
// Throws reactor::Stopped.
bool is_unchanged(const ReadSet& reads, const Database& snapshot, const Database& newest,
                  const reactor::StopFlag& stop = {});

}  // namespace gyre::storage
