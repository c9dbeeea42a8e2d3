// A file is what readers see, what is surely on the disk, and the changes in between that no sync has covered
// yet. A sync carries the changes out on the durable image; a power loss chooses, for each sector that they
// touch, among the image and the state after each of the changes, and for the size likewise. A sync
// that fails throws the changes away but leaves what readers see: so later syncs cannot save them, which is
// what Linux does to pages that it could not write.
//
// A directory is the same with names instead of sectors.

#include "reactor/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "reactor/base/check.h"

namespace gyre::reactor {

struct SimulatedDisk::Inode {
  // A write, or with no bytes a truncation to `offset`.
  struct Change {
    std::uint64_t offset;
    std::string bytes;
    bool truncation = false;
  };
  static void carry_out(const Change& change, std::string& image) {
    if (change.truncation) {
      image.resize(change.offset);
      return;
    }
    if (image.size() < change.offset + change.bytes.size()) image.resize(change.offset + change.bytes.size());
    image.replace(change.offset, change.bytes.size(), change.bytes);
  }

  std::string seen;
  std::string durable;
  std::vector<Change> pending;
  std::set<std::uint64_t> blocks;  // that it has room for
};

struct SimulatedDisk::Directory {
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  // What one call does to the names: atomic. A null inode removes the name.
  using Change = std::vector<std::pair<std::string, std::shared_ptr<Inode>>>;
  static void carry_out(const Change& change, Names& names) {
    for (const auto& [name, inode] : change) {
      if (inode == nullptr)
        names.erase(name);
      else
        names[name] = inode;
    }
  }

  void apply(Change change) {
    carry_out(change, seen);
    pending.push_back(std::move(change));
  }

  Names seen;
  Names durable;
  std::vector<Change> pending;
};

namespace {

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

class SimulatedDisk::File final : public DiskFile {
 public:
  File(SimulatedDisk& disk, std::shared_ptr<Inode> inode, std::string path, WriteThrough through)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), through_(through), life_(disk.life_) {}

  DiskResult<std::size_t> read(std::uint64_t offset, char* into, std::size_t count) override {
    const std::lock_guard guard(disk_.lock_);
    if (const int error = begin(Operation::read)) return failure(error, "read");
    const std::string& bytes = inode_->seen;
    if (offset >= bytes.size()) return std::size_t{0};
    count = std::min(count, bytes.size() - static_cast<std::size_t>(offset));
    std::memcpy(into, bytes.data() + offset, count);
    return count;
  }

  DiskResult<std::size_t> write(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard guard(disk_.lock_);
    if (through_ == WriteThrough::direct)
      GYRE_CHECK(offset % kDirectAlignment == 0 && bytes.size() % kDirectAlignment == 0 &&
                 reinterpret_cast<std::uintptr_t>(bytes.data()) % kDirectAlignment == 0);
    const bool was_on = disk_.alive(life_);
    if (const int error = begin(Operation::write)) {
      // The part of it that happened, if power was there when it began.
      if (was_on) put(offset, bytes.substr(0, disk_.draw(bytes.size() + 1)));
      return failure(error, "write");
    }
    std::size_t count = bytes.size();
    if (disk_.asked_[static_cast<std::size_t>(Operation::write)] == disk_.short_write_at_)
      count = disk_.draw(bytes.size());
    if (!disk_.take_room(*inode_, offset, offset + count)) return failure(ENOSPC, "write");
    put(offset, bytes.substr(0, count));
    if (through_ != WriteThrough::none) make_durable();
    return count;
  }

  DiskDone allocate(std::uint64_t offset, std::uint64_t count) override {
    const std::lock_guard guard(disk_.lock_);
    if (const int error = begin(Operation::allocate)) return failure(error, "extend");
    if (!disk_.take_room(*inode_, offset, offset + count)) return failure(ENOSPC, "extend");
    if (inode_->seen.size() < offset + count) change({offset + count, {}, true});
    return std::monostate{};
  }

  DiskDone truncate(std::uint64_t size) override {
    const std::lock_guard guard(disk_.lock_);
    if (const int error = begin(Operation::truncate)) return failure(error, "truncate");
    change({size, {}, true});
    disk_.give_back(*inode_, (size + kBlockSize - 1) / kBlockSize);
    return std::monostate{};
  }

  DiskResult<std::uint64_t> size() override {
    const std::lock_guard guard(disk_.lock_);
    if (!disk_.alive(life_)) return failure(EIO, "stat");
    return static_cast<std::uint64_t>(inode_->seen.size());
  }

  DiskDone sync() override {
    const std::lock_guard guard(disk_.lock_);
    const bool was_on = disk_.alive(life_);
    if (const int error = begin(Operation::sync)) {
      if (was_on && disk_.on_) {
        // Some of it reached the disk, and nothing will bring the rest there.
        const std::string seen = inode_->seen;
        disk_.settle(*inode_);
        inode_->seen = seen;
      }
      return failure(error, "fsync");
    }
    make_durable();
    return std::monostate{};
  }

 private:
  int begin(Operation kind) {
    if (!disk_.alive(life_)) return EIO;
    const int error = disk_.begin(kind);
    return error != 0 ? error : disk_.on_ ? 0 : EIO;
  }
  Unexpected<DiskError> failure(int error, std::string_view action) const {
    return Unexpected{disk_error(error, action, path_)};
  }
  void put(std::uint64_t offset, std::string_view bytes) {
    if (!bytes.empty()) change({offset, std::string(bytes), false});
  }
  void change(Inode::Change change) {
    Inode::carry_out(change, inode_->seen);
    inode_->pending.push_back(std::move(change));
  }
  void make_durable() {
    for (const Inode::Change& change : inode_->pending) Inode::carry_out(change, inode_->durable);
    inode_->pending.clear();
  }

  SimulatedDisk& disk_;
  const std::shared_ptr<Inode> inode_;
  const std::string path_;
  const WriteThrough through_;
  const std::uint64_t life_;
};

class SimulatedDisk::Lock final : public DiskLock {
 public:
  Lock(SimulatedDisk& disk, std::string path) : disk_(disk), path_(std::move(path)), life_(disk.life_) {}
  ~Lock() override {
    const std::lock_guard guard(disk_.lock_);
    if (life_ == disk_.life_) std::erase(disk_.locked_, path_);
  }

 private:
  SimulatedDisk& disk_;
  const std::string path_;
  const std::uint64_t life_;
};

SimulatedDisk::SimulatedDisk(std::uint64_t seed) : random_(seed) {
  directories_[""] = std::make_unique<Directory>();
}

SimulatedDisk::~SimulatedDisk() = default;

// ---- Files and names

int SimulatedDisk::begin(Operation kind) {
  if (!on_) return EIO;
  const auto index = static_cast<std::size_t>(kind);
  const std::uint64_t count = ++asked_[index];
  if (power_off_at_ != 0 && --power_off_at_ == 0) {
    on_ = false;
    return EIO;
  }
  const Fault& fault = faults_[index];
  if (fault.at == 0 || count < fault.at) return 0;
  return count == fault.at || fault.times == Times::forever ? fault.error : 0;
}

SimulatedDisk::Directory* SimulatedDisk::directory_of(const std::string& path, std::string& name) {
  name = name_of(path);
  const auto found = directories_.find(parent_of(path));
  return found == directories_.end() ? nullptr : found->second.get();
}

std::shared_ptr<SimulatedDisk::Inode> SimulatedDisk::find(const std::string& path) const {
  const auto directory = directories_.find(parent_of(path));
  if (directory == directories_.end()) return nullptr;
  const auto found = directory->second->seen.find(name_of(path));
  return found == directory->second->seen.end() ? nullptr : found->second;
}

bool SimulatedDisk::take_room(Inode& inode, std::uint64_t begin, std::uint64_t end) {
  std::vector<std::uint64_t> fresh;
  for (std::uint64_t block = begin / kBlockSize; block * kBlockSize < end; ++block)
    if (!inode.blocks.contains(block)) fresh.push_back(block);
  const std::uint64_t bytes = fresh.size() * kBlockSize;
  if (room_ != UINT64_MAX) {
    if (bytes > room_) return false;
    room_ -= bytes;
  }
  inode.blocks.insert(fresh.begin(), fresh.end());
  return true;
}

// The blocks from `first` on.
void SimulatedDisk::give_back(Inode& inode, std::uint64_t first) {
  const auto begin = inode.blocks.lower_bound(first);
  if (room_ != UINT64_MAX)
    room_ += static_cast<std::uint64_t>(std::distance(begin, inode.blocks.end())) * kBlockSize;
  inode.blocks.erase(begin, inode.blocks.end());
}

DiskResult<std::unique_ptr<DiskFile>> SimulatedDisk::open(const std::string& path, Open how,
                                                          WriteThrough through) {
  const std::lock_guard guard(lock_);
  if (const int error = begin(Operation::open)) return Unexpected{disk_error(error, "open", path)};
  std::string name;
  Directory* const directory = directory_of(path, name);
  std::shared_ptr<Inode> inode = find(path);
  const bool must_exist = how == Open::read || how == Open::write;
  if (directory == nullptr || (inode == nullptr && must_exist))
    return Unexpected{disk_error(ENOENT, "open", path)};
  if (inode != nullptr && how == Open::create) return Unexpected{disk_error(EEXIST, "open", path)};
  if (inode == nullptr) {
    inode = std::make_shared<Inode>();
    directory->apply({{name, inode}});
  } else if (how == Open::truncate) {
    const Inode::Change emptied{0, {}, true};
    Inode::carry_out(emptied, inode->seen);
    inode->pending.push_back(emptied);
    give_back(*inode, 0);
  }
  return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, std::move(inode), path, through));
}

DiskDone SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard(lock_);
  if (const int error = begin(Operation::rename)) return Unexpected{disk_error(error, "rename", from)};
  GYRE_CHECK(parent_of(from) == parent_of(to));
  std::string name;
  Directory* const directory = directory_of(from, name);
  const std::shared_ptr<Inode> inode = find(from);
  if (inode == nullptr) return Unexpected{disk_error(ENOENT, "rename", from)};
  directory->apply({{name, nullptr}, {name_of(to), inode}});
  return std::monostate{};
}

DiskDone SimulatedDisk::remove(const std::string& path) {
  const std::lock_guard guard(lock_);
  if (const int error = begin(Operation::remove)) return Unexpected{disk_error(error, "remove", path)};
  std::string name;
  Directory* const directory = directory_of(path, name);
  const std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) return Unexpected{disk_error(ENOENT, "remove", path)};
  directory->apply({{name, nullptr}});
  if (room_ != UINT64_MAX) room_ += inode->blocks.size() * kBlockSize;
  return std::monostate{};
}

// Directories themselves are durable at once.
DiskDone SimulatedDisk::make_directory(const std::string& path) {
  const std::lock_guard guard(lock_);
  if (!on_) return Unexpected{disk_error(EIO, "create", path)};
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    auto& slot = directories_[at];
    if (slot == nullptr) slot = std::make_unique<Directory>();
  }
  return std::monostate{};
}

DiskResult<std::vector<std::string>> SimulatedDisk::list(const std::string& directory) {
  const std::lock_guard guard(lock_);
  if (const int error = begin(Operation::list)) return Unexpected{disk_error(error, "open", directory)};
  const auto found = directories_.find(directory);
  if (found == directories_.end()) return Unexpected{disk_error(ENOENT, "open", directory)};
  std::set<std::string> names;
  for (const auto& [name, inode] : found->second->seen) names.insert(name);
  for (const auto& [path, child] : directories_)
    if (!path.empty() && parent_of(path) == directory) names.insert(name_of(path));
  return std::vector<std::string>(names.begin(), names.end());
}

DiskDone SimulatedDisk::sync_directory(const std::string& directory) {
  const std::lock_guard guard(lock_);
  if (const int error = begin(Operation::sync_directory))
    return Unexpected{disk_error(error, "fsync", directory)};
  const auto found = directories_.find(directory);
  if (found == directories_.end()) return Unexpected{disk_error(ENOENT, "open", directory)};
  found->second->durable = found->second->seen;
  found->second->pending.clear();
  return std::monostate{};
}

DiskResult<std::unique_ptr<DiskLock>> SimulatedDisk::lock(const std::string& path) {
  const std::lock_guard guard(lock_);
  if (!on_) return Unexpected{disk_error(EIO, "lock", path)};
  if (std::find(locked_.begin(), locked_.end(), path) != locked_.end())
    return Unexpected{disk_error(EWOULDBLOCK, "lock", path)};
  locked_.push_back(path);
  return std::unique_ptr<DiskLock>(std::make_unique<Lock>(*this, path));
}

// ---- Failures

void SimulatedDisk::fail(Operation kind, std::uint64_t n, int error, Times times) {
  const std::lock_guard guard(lock_);
  const auto index = static_cast<std::size_t>(kind);
  faults_[index] = {asked_[index] + n, error, times};
}

void SimulatedDisk::write_short(std::uint64_t n) {
  const std::lock_guard guard(lock_);
  short_write_at_ = asked_[static_cast<std::size_t>(Operation::write)] + n;
}

void SimulatedDisk::heal() {
  const std::lock_guard guard(lock_);
  faults_ = {};
  short_write_at_ = 0;
  power_off_at_ = 0;
}

std::uint64_t SimulatedDisk::asked(Operation kind) const {
  const std::lock_guard guard(lock_);
  return asked_[static_cast<std::size_t>(kind)];
}

std::uint64_t SimulatedDisk::asked() const {
  const std::lock_guard guard(lock_);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : asked_) sum += count;
  return sum;
}

void SimulatedDisk::set_room(std::uint64_t bytes) {
  const std::lock_guard guard(lock_);
  room_ = bytes;
}

std::uint64_t SimulatedDisk::occupied() const {
  const std::lock_guard guard(lock_);
  std::uint64_t blocks = 0;
  for (const auto& [path, directory] : directories_)
    for (const auto& [name, inode] : directory->seen) blocks += inode->blocks.size();
  return blocks * kBlockSize;
}

void SimulatedDisk::power_off() {
  const std::lock_guard guard(lock_);
  on_ = false;
}

void SimulatedDisk::power_off_at(std::uint64_t n) {
  const std::lock_guard guard(lock_);
  power_off_at_ = n;
}

bool SimulatedDisk::is_on() const {
  const std::lock_guard guard(lock_);
  return on_;
}

void SimulatedDisk::kill() {
  const std::lock_guard guard(lock_);
  ++life_;
  locked_.clear();
}

// Leaves in `durable` and `seen` what the disk has of the pending changes: each sector in one of the states
// that it went through, each as likely, drawn as the changes go by.
void SimulatedDisk::settle(Inode& inode) {
  enum class Mood : std::uint8_t { nothing_survives, everything_survives, anything };
  const Mood mood = draw(4) == 0   ? Mood::nothing_survives
                    : draw(4) == 0 ? Mood::everything_survives
                                   : Mood::anything;
  std::string now = inode.durable;
  std::string chosen = inode.durable;
  std::uint64_t size = now.size();
  std::uint64_t sizes = 1;
  std::map<std::uint64_t, std::uint64_t> versions;  // by sector, besides the durable one
  for (const Inode::Change& change : inode.pending) {
    const std::uint64_t size_before = now.size();
    Inode::carry_out(change, now);
    if (draw(++sizes) == 0) size = now.size();
    const std::uint64_t end = change.truncation ? size_before : change.offset + change.bytes.size();
    for (std::uint64_t sector = change.offset / kSectorSize; sector * kSectorSize < end; ++sector) {
      if (draw(++versions[sector] + 1) != 0) continue;
      const std::uint64_t at = sector * kSectorSize;
      if (chosen.size() < at + kSectorSize) chosen.resize(at + kSectorSize);
      const std::size_t has = at < now.size() ? std::min(kSectorSize, now.size() - at) : 0;
      std::memset(chosen.data() + at, 0, kSectorSize);
      if (has != 0) std::memcpy(chosen.data() + at, now.data() + at, has);
    }
  }
  inode.pending.clear();
  if (mood == Mood::everything_survives) inode.durable = std::move(now);
  if (mood == Mood::anything) {
    chosen.resize(size);
    inode.durable = std::move(chosen);
  }
  inode.seen = inode.durable;
}

void SimulatedDisk::power_on() {
  const std::lock_guard guard(lock_);
  for (auto& [path, directory] : directories_) {
    for (const Directory::Change& change : directory->pending)
      if (draw(2) == 0) Directory::carry_out(change, directory->durable);
    directory->pending.clear();
    directory->seen = directory->durable;
  }
  std::set<Inode*> settled;
  for (auto& [path, directory] : directories_)
    for (auto& [name, inode] : directory->seen)
      if (settled.insert(inode.get()).second) settle(*inode);
  on_ = true;
  power_off_at_ = 0;
  ++life_;
  locked_.clear();
}

// ---- Looking at it

std::string SimulatedDisk::content(const std::string& path) const {
  const std::lock_guard guard(lock_);
  const auto inode = find(path);
  return inode == nullptr ? std::string() : inode->seen;
}

void SimulatedDisk::set_content(const std::string& path, std::string bytes) {
  const std::lock_guard guard(lock_);
  std::string name;
  Directory* const directory = directory_of(path, name);
  GYRE_CHECK(directory != nullptr);
  std::shared_ptr<Inode> inode = find(path);
  if (inode == nullptr) inode = std::make_shared<Inode>();
  inode->pending.clear();
  inode->seen = inode->durable = std::move(bytes);
  for (std::uint64_t block = 0; block * kBlockSize < inode->seen.size(); ++block) inode->blocks.insert(block);
  Directory::carry_out({{name, inode}}, directory->seen);
  Directory::carry_out({{name, inode}}, directory->durable);
}

}  // namespace gyre::reactor
