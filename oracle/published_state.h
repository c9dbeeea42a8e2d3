// What every reader reads: the newest database, the newest catalog, and the timestamp they are of. The oracle
// core stores it, once per commit; all shards load it.
//
// The pointers are opaque here. Who loads them may follow them as long as its read hold (read_holds.h) is at
// or below read_ts.
#pragma once

#include <cstdint>

#include "oracle/seqlock.h"
#include "reactor/base/ids.h"

namespace gyre::oracle {

struct Publication {
  Timestamp read_ts;
  const void* database = nullptr;
  const void* catalog = nullptr;
  std::uint64_t catalog_version = 0;  // grows with every change of a definition, a role or a privilege
};

class PublishedState {
 public:
  PublishedState() = default;
  explicit PublishedState(const Publication& first) : state_(first) {}

  // The oracle core's only. read_ts never decreases.
  void publish(const Publication& next) { state_.store(next); }
  // Any core's. At least as new as every publication that happened before.
  Publication load() const { return state_.load(); }

 private:
  Seqlock<Publication> state_;
};

}  // namespace gyre::oracle
