// Why a data directory cannot be used, and the status that the process ends with.
#pragma once

#include <string>

#include "reactor/disk.h"

namespace gyre::adapter {

// After sysexits.h, so that scripts can tell what to do.
enum class ExitStatus : int {
  damaged = 65,      // EX_DATAERR: what is on the disk is not what was written
  missing = 66,      // EX_NOINPUT: there is no such directory
  cannot_make = 73,  // EX_CANTCREAT
  disk = 74,         // EX_IOERR
  in_use = 75,       // EX_TEMPFAIL: another server has it
  forbidden = 77,    // EX_NOPERM
  not_ours = 78,     // EX_CONFIG: somebody else's directory, or another version's
};

struct StartError {
  ExitStatus status;
  std::string message;  // a sentence
};

StartError from_disk(const reactor::DiskError& error);

}  // namespace gyre::adapter
