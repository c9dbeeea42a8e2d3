#include "reactor/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "reactor/fail_point.h"

namespace gyre::reactor {

namespace {

// A system call again until no signal interrupts it.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Unexpected<DiskError> failure(std::string_view action, const std::string& path) {
  return Unexpected{disk_error(errno, action, path)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

class PosixFile final : public DiskFile {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  DiskResult<std::size_t> read(std::uint64_t offset, char* into, std::size_t count) override {
    const ssize_t got =
        uninterrupted([&] { return ::pread(fd_.get(), into, count, static_cast<off_t>(offset)); });
    if (got < 0) return failure("read", path_);
    return static_cast<std::size_t>(got);
  }
  DiskResult<std::size_t> write(std::uint64_t offset, std::string_view bytes) override {
    if (fail_point("disk.write")) return Unexpected{disk_error(EIO, "write", path_)};
    const ssize_t put = uninterrupted(
        [&] { return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (put < 0) return failure("write", path_);
    return static_cast<std::size_t>(put);
  }
  DiskDone allocate(std::uint64_t offset, std::uint64_t count) override {
    // posix_fallocate returns its error, and writes zeros where the file system cannot allocate.
    int error = 0;
    do error = ::posix_fallocate(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(count));
    while (error == EINTR);
    if (error != 0) return Unexpected{disk_error(error, "extend", path_)};
    return std::monostate{};
  }
  DiskDone truncate(std::uint64_t size) override {
    if (uninterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) != 0)
      return failure("truncate", path_);
    return std::monostate{};
  }
  DiskResult<std::uint64_t> size() override {
    struct stat facts {};
    if (::fstat(fd_.get(), &facts) != 0) return failure("stat", path_);
    return static_cast<std::uint64_t>(facts.st_size);
  }
  DiskDone sync() override {
    if (fail_point("disk.sync")) return Unexpected{disk_error(EIO, "fsync", path_)};
    if (::fdatasync(fd_.get()) != 0) return failure("fsync", path_);
    return std::monostate{};
  }

 private:
  Descriptor fd_;
  const std::string path_;
};

class PosixLock final : public DiskLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

int flags_of(Disk::Open how, WriteThrough through) {
  int flags = O_CLOEXEC;
  switch (how) {
    case Disk::Open::read:
      flags |= O_RDONLY;
      break;
    case Disk::Open::write:
      flags |= O_RDWR;
      break;
    case Disk::Open::create:
      flags |= O_RDWR | O_CREAT | O_EXCL;
      break;
    case Disk::Open::truncate:
      flags |= O_RDWR | O_CREAT | O_TRUNC;
      break;
  }
  if (through != WriteThrough::none) flags |= O_DSYNC;
  if (through == WriteThrough::direct) flags |= O_DIRECT;
  return flags;
}

constexpr mode_t kFileMode = 0600;  // what is in the database is for the server's user only
constexpr mode_t kDirectoryMode = 0700;

}  // namespace

bool DiskError::no_room() const {
  return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

DiskError disk_error(int code, std::string_view action, const std::string& path) {
  std::string message = "could not ";
  message.append(action).append(" file \"").append(path).append("\": ").append(std::strerror(code));
  return {code, std::move(message)};
}

DiskResult<std::unique_ptr<DiskFile>> PosixDisk::open(const std::string& path, Open how,
                                                      WriteThrough through) {
  const int fd = uninterrupted([&] { return ::open(path.c_str(), flags_of(how, through), kFileMode); });
  if (fd < 0) return failure("open", path);
  return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(fd, path));
}

DiskDone PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failure("rename", from);
  return std::monostate{};
}

DiskDone PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return failure("remove", path);
  return std::monostate{};
}

// The names of those that are made are durable: nobody else may know in which directory to make them so.
DiskDone PosixDisk::make_directory(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    if (::mkdir(directory.c_str(), kDirectoryMode) == 0) {
      const std::string parent = std::filesystem::path(directory).parent_path();
      if (auto synced = sync_directory(parent.empty() ? "." : parent); !synced) return synced;
    } else if (errno != EEXIST) {
      return failure("create", path);
    }
    if (slash == std::string::npos) return std::monostate{};
  }
}

DiskResult<std::vector<std::string>> PosixDisk::list(const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(directory.c_str()), ::closedir);
  if (stream == nullptr) return failure("open", directory);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return failure("read", directory);
  std::sort(names.begin(), names.end());
  return names;
}

DiskDone PosixDisk::sync_directory(const std::string& directory) {
  const Descriptor fd(
      uninterrupted([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (fd.get() < 0) return failure("open", directory);
  if (::fsync(fd.get()) != 0) return failure("fsync", directory);
  return std::monostate{};
}

DiskResult<std::unique_ptr<DiskLock>> PosixDisk::lock(const std::string& path) {
  Descriptor fd(uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode); }));
  if (fd.get() < 0) return failure("open", path);
  if (uninterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) return failure("lock", path);
  return std::unique_ptr<DiskLock>(std::make_unique<PosixLock>(fd.release()));
}

DiskResult<std::size_t> read_fully(DiskFile& file, std::uint64_t offset, char* into, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const auto got = file.read(offset + done, into + done, count - done);
    if (!got) return got;
    if (*got == 0) break;
    done += *got;
  }
  return done;
}

DiskResult<std::string> read_file(Disk& disk, const std::string& path) {
  const auto file = disk.open(path, Disk::Open::read);
  if (!file) return Unexpected{file.error()};
  const auto size = (*file)->size();
  if (!size) return Unexpected{size.error()};
  std::string bytes(static_cast<std::size_t>(*size), '\0');
  const auto got = read_fully(**file, 0, bytes.data(), bytes.size());
  if (!got) return Unexpected{got.error()};
  bytes.resize(*got);
  return bytes;
}

DiskDone write_fully(DiskFile& file, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = file.write(offset, bytes);
    if (!put) return Unexpected{put.error()};
    if (*put == 0) return Unexpected{DiskError{ENOSPC, "could not write: no progress"}};
    offset += *put;
    bytes.remove_prefix(*put);
  }
  return std::monostate{};
}

}  // namespace gyre::reactor
