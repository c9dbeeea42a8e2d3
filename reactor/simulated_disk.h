// A disk in memory that fails as real ones do, drawn from a seed. What was not synced is, after a power loss,
// sector by sector as it was before, as it was written at some time, or anything between; names that were not
// synced are there or not. For tests and simulations.
//
// Differences that make it harsher than most file systems: sectors and names are lost independently of each
// other; a sync of a file says nothing of its name; a failed sync forgets what it should have written, and
// the next one succeeds without it, as on Linux.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/disk.h"

namespace gyre::reactor {

class SimulatedDisk final : public Disk {
 public:
  static constexpr std::size_t kSectorSize = 512;
  static constexpr std::size_t kBlockSize = 4096;  // room is given out in these

  enum class Operation : std::uint8_t {
    open,  // of any kind
    read,
    write,
    allocate,
    truncate,
    sync,  // of a file
    rename,
    remove,
    list,
    sync_directory,
    count_,
  };
  enum class Times : std::uint8_t { once, forever };

  explicit SimulatedDisk(std::uint64_t seed);
  ~SimulatedDisk() override;

  DiskResult<std::unique_ptr<DiskFile>> open(const std::string& path, Open how,
                                             WriteThrough through = WriteThrough::none) override;
  DiskDone rename(const std::string& from, const std::string& to) override;
  DiskDone remove(const std::string& path) override;
  DiskDone make_directory(const std::string& path) override;
  DiskResult<std::vector<std::string>> list(const std::string& directory) override;
  DiskDone sync_directory(const std::string& directory) override;
  DiskResult<std::unique_ptr<DiskLock>> lock(const std::string& path) override;

  // The n-th operation of the kind from now on (1: the next) fails with the errno, and with Times::forever
  // all later ones of that kind, too. Of a write that fails a seeded part may have happened.
  void fail(Operation kind, std::uint64_t n, int error, Times times = Times::once);
  // The n-th write from now on writes less than it was given, and says so.
  void write_short(std::uint64_t n);
  // No failures any more, power stays as it is.
  void heal();
  // How many operations of the kind were asked for since the beginning, also in vain; of all kinds.
  std::uint64_t asked(Operation kind) const;
  std::uint64_t asked() const;

  // Bytes that may still be allocated; UINT64_MAX: no limit, as at first. Then ENOSPC.
  void set_room(std::uint64_t bytes);
  // Bytes that files occupy.
  std::uint64_t occupied() const;

  // Power is lost now, or at the n-th operation of any kind from now on, of which a write may happen in part.
  // From then on every operation fails with EIO and open files and locks are dead, until power_on() settles
  // what has survived.
  void power_off();
  void power_off_at(std::uint64_t n);
  void power_on();
  bool is_on() const;
  // The process is gone, the machine is not: open files and locks are dead, all that was written is there.
  void kill();

  // A file as a reader would find it, and damage to it: contents set so are durable. Empty where there is
  // none.
  std::string content(const std::string& path) const;
  void set_content(const std::string& path, std::string bytes);

 private:
  struct Inode;
  struct Directory;
  class File;
  class Lock;

  // Counts the operation; an errno if it must fail.
  int begin(Operation kind);
  bool alive(std::uint64_t life) const { return on_ && life == life_; }
  Directory* directory_of(const std::string& path, std::string& name);
  std::shared_ptr<Inode> find(const std::string& path) const;

  // Whether the inode may have blocks up to `end`; takes them from the room.
  bool take_room(Inode& inode, std::uint64_t begin, std::uint64_t end);
  void give_back(Inode& inode, std::uint64_t first);
  void settle(Inode& inode);
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  struct Fault {
    std::uint64_t at = 0;  // the count of operations of the kind at which it happens; 0: none
    int error = 0;
    Times times = Times::once;
  };
  static constexpr std::size_t kOperations = static_cast<std::size_t>(Operation::count_);

  mutable std::mutex lock_;  // guards everything; files may be used by several threads
  std::mt19937_64 random_;
  std::map<std::string, std::unique_ptr<Directory>> directories_;
  std::vector<std::string> locked_;
  std::array<std::uint64_t, kOperations> asked_{};
  std::array<Fault, kOperations> faults_{};
  std::uint64_t short_write_at_ = 0;
  std::uint64_t power_off_at_ = 0;  // in operations of all kinds; 0: never
  std::uint64_t room_ = UINT64_MAX;
  std::uint64_t life_ = 0;  // open files are of one life, which ends with the power or the process
  bool on_ = true;
};

}  // namespace gyre::reactor
