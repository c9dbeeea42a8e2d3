// Where the order of commits gets its timestamps from: an oracle next door or far away. Nothing here blocks, so
// a slow oracle holds up what is to be committed and nothing else on the core.
//
// Who asks is the timeline's only writer (a remote oracle fences all others, see remote_oracle.h). So a
// timestamp that was fetched ahead is above all that any read has returned whenever it is used: reads move by
// apply() alone, and that has only been given what was taken before.
#pragma once

#include <string>

#include "reactor/base/ids.h"

namespace gyre::oracle {

// Owned by the oracle core.
class CommitTimestamps {
 public:
  enum class Supply : std::uint8_t {
    ready,    // take() may be called
    awaited,  // one is on its way
    refused,  // none will come as things stand: why_refused()
  };
  virtual Supply supply() const = 0;
  virtual std::string why_refused() const { return {}; }
  // Above all that were taken and all that any read has returned. Only while ready.
  virtual Timestamp take() = 0;

  // All writes up to `timestamp` are durable: later reads are to be at or above it. Says nothing when it is done;
  // applied() does.
  virtual void apply(Timestamp timestamp) = 0;
  virtual Timestamp applied() const = 0;
  // Another server owns the timeline now: nothing more will ever be applied.
  virtual bool fenced() const { return false; }
  // Whether a server elsewhere may take the timeline over. Where it may not, what is published here is the newest
  // there is.
  virtual bool shared() const { return false; }

 protected:
  ~CommitTimestamps() = default;
};

}  // namespace gyre::oracle
