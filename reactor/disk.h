// The disk's seam: files by name, as calls that block. For the threads that keep the log and write
// checkpoints, and for start-up; a loop never calls any of this.
//
// PosixDisk is the file system, SimulatedDisk (simulated_disk.h) one that loses power, tears writes and runs
// full when a test says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reactor/base/result.h"

namespace gyre::reactor {

struct DiskError {
  int code = 0;         // errno
  std::string message;  // a sentence with the file's name: could not open file "x": No such file or directory

  // Nothing is broken, only no space is left for it: ENOSPC, EDQUOT, or EFBIG.
  bool no_room() const;
};
DiskError disk_error(int code, std::string_view action, const std::string& path);

template <class T>
using DiskResult = Result<T, DiskError>;
using DiskDone = DiskResult<std::monostate>;

// How a file's writes reach the disk.
enum class WriteThrough : std::uint8_t {
  none,    // with the next sync()
  dsync,   // O_DSYNC: each write is durable when it returns
  direct,  // O_DIRECT | O_DSYNC: the same, past the page cache; memory, offset and length in multiples of
           // kDirectAlignment
};
inline constexpr std::size_t kDirectAlignment = 4096;

// An open file; closed by its destructor. Used by one thread at a time.
class DiskFile {
 public:
  virtual ~DiskFile() = default;

  // One call each, which may transfer less than asked for; a read of 0 bytes is the file's end.
  virtual DiskResult<std::size_t> read(std::uint64_t offset, char* into, std::size_t count) = 0;
  virtual DiskResult<std::size_t> write(std::uint64_t offset, std::string_view bytes) = 0;
  // Gives the range blocks of its own, zeros where the file had none, and grows the file to its end: writing
  // there needs no more room.
  virtual DiskDone allocate(std::uint64_t offset, std::uint64_t count) = 0;
  virtual DiskDone truncate(std::uint64_t size) = 0;
  virtual DiskResult<std::uint64_t> size() = 0;
  // fdatasync: contents and size are durable; the name is not, see Disk::sync_directory. After a failure
  // nobody knows what is on the disk, and a second call would not tell: never call it again.
  virtual DiskDone sync() = 0;
};

// Holds a lock file until it is destroyed, or the process ends however it may.
class DiskLock {
 public:
  virtual ~DiskLock() = default;
};

// Any thread's. Paths are absolute or relative to the working directory.
class Disk {
 public:
  enum class Open : std::uint8_t {
    read,      // must exist
    write,     // must exist; reading and writing
    create,    // must not exist; reading and writing
    truncate,  // created where it does not exist, emptied where it does; reading and writing
  };

  virtual ~Disk() = default;

  virtual DiskResult<std::unique_ptr<DiskFile>> open(const std::string& path, Open how,
                                                     WriteThrough through = WriteThrough::none) = 0;
  // Replaces what stands under `to`. Atomic, durable with sync_directory().
  virtual DiskDone rename(const std::string& from, const std::string& to) = 0;
  virtual DiskDone remove(const std::string& path) = 0;
  // With its parents; one that exists is no error.
  virtual DiskDone make_directory(const std::string& path) = 0;
  // Names in it, without "." and "..", sorted.
  virtual DiskResult<std::vector<std::string>> list(const std::string& directory) = 0;
  // Makes durable which names the directory has.
  virtual DiskDone sync_directory(const std::string& directory) = 0;
  // flock on a file, made where there is none. EWOULDBLOCK: another process, or another lock here, has it.
  virtual DiskResult<std::unique_ptr<DiskLock>> lock(const std::string& path) = 0;
};

class PosixDisk final : public Disk {
 public:
  DiskResult<std::unique_ptr<DiskFile>> open(const std::string& path, Open how,
                                             WriteThrough through = WriteThrough::none) override;
  DiskDone rename(const std::string& from, const std::string& to) override;
  DiskDone remove(const std::string& path) override;
  DiskDone make_directory(const std::string& path) override;
  DiskResult<std::vector<std::string>> list(const std::string& directory) override;
  DiskDone sync_directory(const std::string& directory) override;
  DiskResult<std::unique_ptr<DiskLock>> lock(const std::string& path) override;
};

// Reads to the end of `into`, call by call; returns how much the file had.
DiskResult<std::size_t> read_fully(DiskFile& file, std::uint64_t offset, char* into, std::size_t count);
// The whole file, from its beginning.
DiskResult<std::string> read_file(Disk& disk, const std::string& path);
// Writes all of it, call by call. For files that are not in use yet: a log's write is one call, and a short
// one is a failure.
DiskDone write_fully(DiskFile& file, std::uint64_t offset, std::string_view bytes);

}  // namespace gyre::reactor
