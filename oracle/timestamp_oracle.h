// Who gives out timestamps, and the promise by which reads and writes are strictly serializable.
//
// O1  write_ts() is above every timestamp that any earlier read_ts() or write_ts() returned.
// O2  read_ts() is at or above the argument of every apply_write() that returned before it was called.
// O3  read_ts() is below every later write_ts(), and never below an earlier read_ts().
// O4  apply_write(t) moves time forward only: read_ts to at least t, and later write_ts above it.
// O5  an answer may not be kept and given to a later caller: it would predate that caller's arrival.
//
// Beyond one call: a write is answered only after apply_write() of its timestamp returned, so whoever reads
// after the answer sees it.
#pragma once

#include "reactor/base/ids.h"

namespace gyre::oracle {

class TimestampOracle {
 public:
  virtual ~TimestampOracle() = default;

  // A timestamp for a batch of writes. Taking one and not using it is harmless.
  virtual Timestamp write_ts() = 0;
  // The newest timestamp that write_ts or apply_write brought about; advances nothing.
  virtual Timestamp peek_write_ts() = 0;
  // The timestamp at which to read now.
  virtual Timestamp read_ts() = 0;
  // The writes at `timestamp` are durable and applied; later reads see them.
  virtual void apply_write(Timestamp timestamp) = 0;
};

}  // namespace gyre::oracle
