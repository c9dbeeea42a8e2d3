#include "adapter/durability/data_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <functional>
#include <thread>

#include "oracle/wal/format.h"
#include "oracle/wal/mark.h"

namespace gyre::adapter {

namespace {

constexpr std::chrono::milliseconds kLockPoll(20);
constexpr std::string_view kSuffix = ".checkpoint";
constexpr std::string_view kUnfinished = ".tmp";
constexpr std::string_view kVersionText = "gyre data directory, format ";

// Names in a data directory beside gyre-data.
bool is_ours(std::string_view name) {
  static constexpr std::string_view kOurs[] = {"lock", "backup",        "checkpoints",
                                               "wal",  "gyre-data.tmp", "lost+found"};
  return std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
}

DataDirectory::Done done(const reactor::DiskDone& result) {
  if (!result) return Unexpected{from_disk(result.error())};
  return std::monostate{};
}

}  // namespace

StartError from_disk(const reactor::DiskError& error) {
  ExitStatus status = ExitStatus::disk;
  if (error.code == EACCES || error.code == EPERM || error.code == EROFS) status = ExitStatus::forbidden;
  if (error.code == ENOENT || error.code == ENOTDIR) status = ExitStatus::missing;
  return {status, error.message};
}

std::string checkpoint_name(Timestamp timestamp) {
  return fmt::format("{:016x}{}", timestamp.value, kSuffix);
}

std::optional<Timestamp> checkpoint_timestamp(std::string_view name) {
  std::uint64_t value = 0;
  const char* const digits_end = name.data() + std::min<std::size_t>(name.size(), 16);
  const auto [end, error] = std::from_chars(name.data(), digits_end, value, 16);
  if (error != std::errc() || checkpoint_name(Timestamp(value)) != name) return std::nullopt;
  return Timestamp(value);
}

// Null: somebody else had it all the time.
Result<std::unique_ptr<reactor::DiskLock>, StartError> DataDirectory::try_lock(
    const std::string& path, std::chrono::milliseconds patience) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto locked = disk_.lock(path);
    if (locked) return std::move(*locked);
    if (locked.error().code != EWOULDBLOCK && locked.error().code != EAGAIN)
      return Unexpected{from_disk(locked.error())};
    if (std::chrono::steady_clock::now() >= end) return std::unique_ptr<reactor::DiskLock>();
    std::this_thread::sleep_for(kLockPoll);
  }
}

DataDirectory::Done DataDirectory::lock(std::chrono::milliseconds patience) {
  if (auto made = disk_.make_directory(path_); !made) {
    StartError error = from_disk(made.error());
    if (error.status != ExitStatus::forbidden) error.status = ExitStatus::cannot_make;
    return Unexpected{std::move(error)};
  }
  auto locked = try_lock(path_ + "/lock", patience);
  if (!locked) return Unexpected{locked.error()};
  if (*locked == nullptr)
    return Unexpected{StartError{ExitStatus::in_use,
                                 fmt::format("data directory \"{}\" is in use by another server", path_)}};
  lock_ = std::move(*locked);
  return std::monostate{};
}

Result<std::unique_ptr<reactor::DiskLock>, StartError> DataDirectory::hold_files(
    std::chrono::milliseconds patience) const {
  return try_lock(path_ + "/backup", patience);
}

Result<std::vector<std::string>, StartError> DataDirectory::names_in(const std::string& directory) const {
  auto names = disk_.list(directory);
  if (!names) return Unexpected{from_disk(names.error())};
  return std::move(*names);
}

Result<DataDirectory::Content, StartError> DataDirectory::look() {
  const auto names = names_in(path_);
  if (!names) return Unexpected{names.error()};
  const auto has = [&](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  if (has("gyre-data")) {
    const auto text = reactor::read_file(disk_, version_path());
    if (!text) return Unexpected{from_disk(text.error())};
    if (*text == fmt::format("{}{}\n", kVersionText, kDataFormat)) return Content::data;
    if (text->starts_with(kVersionText))
      return Unexpected{StartError{
          ExitStatus::not_ours,
          fmt::format("data directory \"{}\" is of another version of Gyre: it has {}, this is format {}",
                      path_,
                      text->substr(kVersionText.size() - 7, text->find('\n') - kVersionText.size() + 7),
                      kDataFormat)}};
    return Unexpected{StartError{ExitStatus::damaged, fmt::format("file \"{}\" is damaged", version_path())}};
  }
  for (const std::string& name : *names)
    if (!is_ours(name))
      return Unexpected{StartError{
          ExitStatus::not_ours,
          fmt::format("directory \"{}\" is not empty and not a data directory of Gyre: it has \"{}\"", path_,
                      name)}};
  // A log with records was begun after gyre-data was written: somebody removed that.
  if (has("wal")) {
    const auto segments = names_in(wal_directory());
    if (!segments) return Unexpected{segments.error()};
    const auto is_segment = [](const std::string& name) { return oracle::wal::segment_number(name) != 0; };
    if (std::any_of(segments->begin(), segments->end(), is_segment))
      return Unexpected{StartError{
          ExitStatus::damaged,
          fmt::format("data directory \"{}\" has a log, but its file gyre-data is missing", path_)}};
  }
  return Content::none;
}

DataDirectory::Done DataDirectory::begin() {
  for (const std::string& directory : {checkpoint_directory(), wal_directory()})
    if (auto made = done(disk_.make_directory(directory)); !made) return made;
  const auto names = names_in(checkpoint_directory());
  if (!names) return Unexpected{names.error()};
  for (const std::string& name : *names)
    if (auto removed = done(disk_.remove(checkpoint_directory() + "/" + name)); !removed) return removed;
  if (auto marked = done(oracle::wal::write_first_mark(disk_, wal_directory())); !marked) return marked;
  return done(disk_.sync_directory(path_));
}

// What makes it a data directory goes first: cut short, this leaves an unfinished one, to be cleared again.
DataDirectory::Done DataDirectory::clear() {
  const auto names = names_in(path_);
  if (!names) return Unexpected{names.error()};
  const auto has = [&](std::string_view name) {
    return std::find(names->begin(), names->end(), name) != names->end();
  };
  if (has("gyre-data")) {
    if (auto removed = done(disk_.remove(version_path())); !removed) return removed;
    if (auto synced = done(disk_.sync_directory(path_)); !synced) return synced;
  } else if (!std::all_of(names->begin(), names->end(), is_ours)) {
    return std::monostate{};
  }
  for (const std::string& directory : {std::string("wal"), std::string("checkpoints")}) {
    if (!has(directory)) continue;
    const std::string path = path_ + "/" + directory;
    const auto files = names_in(path);
    if (!files) return Unexpected{files.error()};
    for (const std::string& file : *files)
      if (auto removed = done(disk_.remove(path + "/" + file)); !removed) return removed;
    if (auto synced = done(disk_.sync_directory(path)); !synced) return synced;
  }
  return std::monostate{};
}

DataDirectory::Done DataDirectory::finish() {
  const std::string unfinished = version_path() + std::string(kUnfinished);
  auto file = disk_.open(unfinished, reactor::Disk::Open::truncate);
  if (!file) return Unexpected{from_disk(file.error())};
  const std::string text = fmt::format("{}{}\n", kVersionText, kDataFormat);
  if (auto written = done(reactor::write_fully(**file, 0, text)); !written) return written;
  if (auto synced = done((*file)->sync()); !synced) return synced;
  if (auto renamed = done(disk_.rename(unfinished, version_path())); !renamed) return renamed;
  return done(disk_.sync_directory(path_));
}

Result<std::vector<Timestamp>, StartError> DataDirectory::checkpoints() const {
  const auto names = names_in(checkpoint_directory());
  if (!names) return Unexpected{names.error()};
  std::vector<Timestamp> timestamps;
  for (const std::string& name : *names)
    if (const auto timestamp = checkpoint_timestamp(name)) timestamps.push_back(*timestamp);
  std::sort(timestamps.begin(), timestamps.end(), std::greater<>());
  return timestamps;
}

DataDirectory::Done DataDirectory::remove_unfinished() {
  const auto names = names_in(checkpoint_directory());
  if (!names) return Unexpected{names.error()};
  for (const std::string& name : *names)
    if (name.ends_with(kUnfinished))
      if (auto removed = done(disk_.remove(checkpoint_directory() + "/" + name)); !removed) return removed;
  return std::monostate{};
}

}  // namespace gyre::adapter
