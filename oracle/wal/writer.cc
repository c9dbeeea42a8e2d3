// The log thread takes the whole queue at once, so how many records share a sync follows from how long the
// last one took: no timer, and no wait for a client that is alone.
//
//   append (oracle core)   copy the record, wake the thread
//   step (log thread)      take the queue; give each record its place, number and checksum, in one block of
//                          memory per segment; write the block; sync; answer
//
// Why append() can say that there is room, while files belong to the log thread: it counts along in room_,
// which the thread sets right after every step.
//
// A record without room ends its *attempt*: what the oracle core appends until it has heard of the refusal is
// built on a state that will not be, and is refused, too. deliver() begins the next attempt.
//
// What is behind the last record of a block is zeroed with it, as far as a header reaches: a reader that
// comes there finds the end, also in a segment that was used before. With O_DIRECT a block begins with what
// the last one left in its last 4 KiB, written again: the same bytes, so that a torn sector cannot harm them.
//
// Writing lazily: with fdatasync a lazy record is written at once, so that it survives the process, and
// synced with the next one that is waited for, or in time. Where each write is a sync, it waits in memory.

#include "oracle/wal/writer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "reactor/base/check.h"
#include "reactor/fail_point.h"

namespace gyre::oracle::wal {

using reactor::fail_point;
using reactor::WriteThrough;

namespace {

constexpr std::uint64_t kNever = UINT64_MAX;
constexpr std::uint64_t kWriteBytesMax = 1 << 30;  // the kernel takes less than 2 GiB in one call
constexpr std::uint64_t kRetryPreparingUs = 1'000'000;
constexpr std::uint64_t kAnswersFullUs = 100;
constexpr std::size_t kBufferKept = 4 << 20;  // bytes

std::uint64_t steady_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

constexpr std::uint64_t round_down(std::uint64_t value, std::uint64_t alignment) {
  return value / alignment * alignment;
}
constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
  return round_down(value + alignment - 1, alignment);
}

}  // namespace

// The bytes of one write, from some place of the segment on. Aligned for O_DIRECT.
class Writer::Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(bytes_); }

  std::uint64_t begin() const { return begin_; }
  char* data() { return bytes_; }
  std::size_t size() const { return size_; }
  void append(const void* from, std::size_t count) {
    reserve(count);
    std::memcpy(bytes_ + size_, from, count);
    size_ += count;
  }
  // As many zeros.
  char* extend(std::size_t count) {
    reserve(count);
    char* const at = bytes_ + size_;
    if (count != 0) std::memset(at, 0, count);
    size_ += count;
    return at;
  }
  // Empties it.
  void begin_at(std::uint64_t offset) {
    begin_ = offset;
    size_ = 0;
    if (capacity_ > kBufferKept) reallocate(reactor::kDirectAlignment);
  }
  // Begins at `offset` from now on, with what stands from there to `end`.
  void keep(std::uint64_t offset, std::uint64_t end) {
    std::memmove(bytes_, bytes_ + (offset - begin_), end - offset);
    begin_ = offset;
    size_ = end - offset;
    if (capacity_ > kBufferKept) reallocate(reactor::kDirectAlignment);
  }

 private:
  void reserve(std::size_t more) {
    if (capacity_ - size_ < more) reallocate(std::max(size_ + more, capacity_ * 2));
  }
  void reallocate(std::size_t capacity) {
    capacity = round_up(capacity, reactor::kDirectAlignment);
    auto* const bytes = static_cast<char*>(std::aligned_alloc(reactor::kDirectAlignment, capacity));
    if (bytes == nullptr) throw std::bad_alloc();
    if (size_ != 0) std::memcpy(bytes, bytes_, size_);
    std::free(bytes_);
    bytes_ = bytes;
    capacity_ = capacity;
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::uint64_t begin_ = 0;
};

bool Writer::Room::take(std::uint64_t size) {
  if (exceeded) return false;
  if (size <= current) {
    current -= size;
    return true;
  }
  if (size <= prepared) {
    current = std::exchange(prepared, 0) - size;
    return true;
  }
  exceeded = true;
  return false;
}

Writer::Writer(reactor::Disk& disk, WriterOptions options)
    : options_(std::move(options)),
      segments_(disk, options_.directory, options_.segment_size, options_.through),
      block_(std::make_unique<Block>()) {}

Writer::~Writer() = default;

Result<std::unique_ptr<Writer>, std::string> Writer::open(reactor::Disk& disk, WriterOptions options,
                                                          const Tail& tail) {
  std::unique_ptr<Writer> writer(new Writer(disk, std::move(options)));
  if (auto opened = writer->segments_.open(tail); !opened) return Unexpected{opened.error().message};
  if (auto begun = writer->begin(disk, tail); !begun) return Unexpected{begun.error().message};
  return writer;
}

reactor::DiskDone Writer::begin(reactor::Disk& disk, const Tail& tail) {
  const bool fresh = tail.segment == 0;
  written_ = offset_ = fresh ? sizeof(SegmentHeader) : tail.offset;
  sequence_ = durable_sequence_ = tail.sequence;
  checksum_ = tail.checksum;
  timestamp_ = durable_timestamp_ = appended_ = tail.timestamp;
  block_->begin_at(offset_);
  if (options_.through == WriteThrough::direct) {
    block_->begin_at(round_down(offset_, reactor::kDirectAlignment));
    const std::size_t count = offset_ - block_->begin();
    const auto file = disk.open(options_.directory + "/" + segment_name(fresh ? 1 : tail.segment),
                                reactor::Disk::Open::read);
    if (!file) return Unexpected{file.error()};
    const auto got = read_fully(**file, block_->begin(), block_->extend(count), count);
    if (!got) return Unexpected{got.error()};
  }
  end_step();
  return std::monostate{};
}

// ---- The oracle core's side

Acceptance Writer::append(std::string_view record, Timestamp timestamp, Urgency urgency, LogCompletion done) {
  completions_.push_back(done);
  const std::uint64_t size = record_size(record.size());
  bool first = false, certain = false;
  {
    const std::lock_guard guard(lock_);
    Entry entry{queue_.bytes.size(), record.size(), timestamp, urgency, attempt_};
    char* const at = queue_.bytes.reserve(size);
    std::memcpy(at + sizeof(RecordHeader), record.data(), record.size());
    std::memset(at + sizeof(RecordHeader) + record.size(), 0, size - sizeof(RecordHeader) - record.size());
    queue_.bytes.commit(size);
    first = queue_.entries.empty() || (urgency == Urgency::now && !queue_.urgent);
    queue_.entries.push_back(entry);
    appended_ = timestamp;
    queue_.urgent = queue_.urgent || urgency == Urgency::now;
    certain = room_.take(size);
  }
  if (first) arrived_.notify_one();
  return certain ? Acceptance::certain : Acceptance::pending;
}

std::size_t Writer::deliver(std::size_t bound) {
  return answers_.drain(bound, [this](const Answer& answer) {
    if (answer.outcome == Durability::no_room) {
      const std::lock_guard guard(lock_);
      attempt_ = std::max(attempt_, answer.attempt + 1);
    }
    const LogCompletion done = completions_.front();
    completions_.pop_front();
    done(answer.outcome);
  });
}

std::string Writer::failure() const {
  const std::lock_guard guard(lock_);
  return failure_;
}

bool Writer::is_durable_through(Timestamp timestamp) const {
  const std::lock_guard guard(lock_);
  return std::min(timestamp, appended_) <= durable_through_;
}

WriterStats Writer::stats() const {
  const std::lock_guard guard(lock_);
  return stats_;
}

void Writer::remove_through(Timestamp timestamp) {
  {
    const std::lock_guard guard(lock_);
    remove_through_ = std::max(remove_through_, timestamp);
    remove_requested_ = true;
  }
  arrived_.notify_one();
}

// ---- The log thread's side

void Writer::wait_us(std::uint64_t at_most_us) {
  std::unique_lock guard(lock_);
  // Lazy records that step() has left in the queue are no news.
  const auto news = [this] {
    return interrupted_ || remove_requested_ ||
           (!queue_.entries.empty() && (queued_since_us_ == 0 || queue_.urgent));
  };
  if (at_most_us == kNever)
    arrived_.wait(guard, news);
  else
    arrived_.wait_for(guard, std::chrono::microseconds(at_most_us), news);
}

void Writer::interrupt() {
  {
    const std::lock_guard guard(lock_);
    interrupted_ = true;
  }
  arrived_.notify_one();
}

std::uint64_t Writer::step(std::uint64_t now_us) {
  now_us_ = std::max<std::uint64_t>(now_us, 1);
  if (take_queue()) write_queue();
  const bool lazy_is_due = now_us_ >= unsynced_since_us_ + options_.lazy_us_max;
  if (unsynced_since_us_ != 0 && (lazy_is_due || unsynced_bytes_ >= options_.lazy_bytes_max)) sync();
  std::uint64_t again = tidy();
  if (unsynced_since_us_ != 0) again = std::min(again, unsynced_since_us_ + options_.lazy_us_max);
  end_step();
  if (answers_.overflowed()) again = std::min(again, now_us_ + kAnswersFullUs);
  const std::lock_guard guard(lock_);
  return queued_since_us_ == 0 ? again : std::min(again, queued_since_us_ + options_.lazy_us_max);
}

void Writer::flush() {
  {
    const std::lock_guard guard(lock_);
    queue_.urgent = true;
  }
  if (take_queue()) write_queue();
  sync();
  mark();
  end_step();
}

// False: there is nothing to write now.
bool Writer::take_queue() {
  taken_.bytes.clear();
  taken_.bytes.release_above(kBufferKept);
  taken_.entries.clear();
  taken_.urgent = false;
  const std::lock_guard guard(lock_);
  if (queue_.entries.empty()) return false;
  const bool may_wait = options_.through != WriteThrough::none && !queue_.urgent && !failed_;
  if (may_wait && queue_.bytes.size() < options_.lazy_bytes_max) {
    if (queued_since_us_ == 0) queued_since_us_ = now_us_;
    if (now_us_ < queued_since_us_ + options_.lazy_us_max) return false;
  }
  queued_since_us_ = 0;
  std::swap(taken_, queue_);
  return true;
}

void Writer::write_queue() {
  for (const Entry& entry : taken_.entries) {
    if (place(entry))
      put(entry);
    else
      refuse(entry);
  }
  write_block();
  if (taken_.urgent || options_.through != WriteThrough::none) sync();
}

// Whether the current segment has room for the record now.
bool Writer::place(const Entry& entry) {
  if (failed_ || entry.attempt < first_attempt_) return false;
  return offset_ + record_size(entry.length) <= segments_.size() || enter_segment(entry);
}

// Only the newest segment may ever hold what is not durable, so the one that is left is synced first.
bool Writer::enter_segment(const Entry& entry) {
  if (fail_point("wal.before_segment")) return fail("could not make a segment: a fail point was reached");
  const auto made = segments_.make_room(record_size(entry.length));
  if (!made) return made.error().no_room() ? false : fail(made.error().message);
  write_block();
  sync();
  if (failed_) return false;
  const SegmentHeader header = segments_.enter(sequence_ + 1, checksum_, timestamp_.value);
  block_->begin_at(0);
  block_->append(&header, sizeof header);
  offset_ = sizeof header;
  written_ = 0;
  (void)fail_point("wal.after_segment");
  return true;
}

void Writer::put(const Entry& entry) {
  GYRE_CHECK(timestamp_ < entry.timestamp);
  const std::uint64_t size = record_size(entry.length);
  char* const record = taken_.bytes.data() + entry.at;
  RecordHeader header{};
  header.length = entry.length;
  header.previous_checksum = checksum_;
  header.sequence = sequence_ + 1;
  header.timestamp = entry.timestamp.value;
  header.durable_sequence = durable_sequence_;
  std::memcpy(record, &header, sizeof header);
  header.checksum = record_checksum(record, entry.length, segments_.log_id());
  std::memcpy(record, &header, sizeof header);
  block_->append(record, size);
  offset_ += size;
  sequence_ = header.sequence;
  checksum_ = header.checksum;
  timestamp_ = entry.timestamp;
  ++unanswered_;
  unsynced_bytes_ += size;
  if (unsynced_since_us_ == 0) unsynced_since_us_ = now_us_;
  ++counted_.records;
  counted_.bytes += size;
}

// There is no room for the record, or the log has failed. Answers are in order: what came before is made
// durable first.
void Writer::refuse(const Entry& entry) {
  write_block();
  sync();
  if (failed_) {
    ++unanswered_;
    return;
  }
  first_attempt_ = std::max(first_attempt_, entry.attempt + 1);
  ++counted_.refused;
  answers_.push({Durability::no_room, entry.attempt});
}

// Writes what was put since the last write.
void Writer::write_block() {
  if (failed_ || written_ == offset_) return;
  Block& block = *block_;
  GYRE_CHECK(block.begin() + block.size() == offset_);
  if (group_started_ns_ == 0) group_started_ns_ = steady_ns();
  block.extend(std::min<std::uint64_t>(segments_.size() - offset_, sizeof(RecordHeader)));
  if (options_.through == WriteThrough::direct)
    block.extend(round_up(block.size(), reactor::kDirectAlignment) - block.size());
  if (fail_point("wal.before_write")) {
    fail("could not write the log: a fail point was reached");
    return;
  }
  for (std::size_t at = 0; at < block.size();) {
    const std::string_view part(block.data() + at,
                                std::min<std::uint64_t>(block.size() - at, kWriteBytesMax));
    const auto put = segments_.file().write(block.begin() + at, part);
    ++counted_.writes;
    if (!put) {
      fail(put.error().message);
      return;
    }
    if (*put != part.size()) {
      fail("could not write the log: only " + std::to_string(*put) + " of " + std::to_string(part.size()) +
           " bytes were written");
      return;
    }
    at += part.size();
  }
  written_ = offset_;
  if (options_.through == WriteThrough::direct)
    block.keep(round_down(offset_, reactor::kDirectAlignment), offset_);
  else
    block.begin_at(offset_);
}

// Makes durable what is written, and answers it. With a WriteThrough the write has done so.
void Writer::sync() {
  if (failed_ || unanswered_ == 0) return;
  GYRE_CHECK(written_ == offset_);
  if (fail_point("wal.after_write_before_sync")) {
    fail("could not fsync the log: a fail point was reached");
    return;
  }
  if (options_.through == WriteThrough::none) {
    if (const auto synced = segments_.file().sync(); !synced) {
      fail(synced.error().message);
      return;
    }
  }
  ++counted_.syncs;
  counted_.sync_ns.record(steady_ns() - group_started_ns_);
  group_started_ns_ = 0;
  (void)fail_point("wal.after_sync");
  durable_sequence_ = sequence_;
  durable_timestamp_ = timestamp_;
  if (!segments_.is_marked() && !mark()) return;
  unsynced_bytes_ = 0;
  unsynced_since_us_ = 0;
  for (; unanswered_ != 0; --unanswered_) answers_.push({Durability::durable, 0});
}

// Whether the log's mark says by now what is durable.
bool Writer::mark() {
  if (failed_) return false;
  const auto marked = segments_.mark(durable_sequence_);
  return marked || fail(marked.error().message);
}

// Always false.
bool Writer::fail(std::string reason) {
  failed_ = true;
  unsynced_since_us_ = 0;
  const std::lock_guard guard(lock_);
  failure_ = std::move(reason);
  return false;
}

// The newest segment must be durable, and known to be there, before older ones go.
void Writer::remove_segments(Timestamp through) {
  sync();
  if (!mark()) return;
  if (const auto removed = segments_.remove_through(through); !removed) fail(removed.error().message);
}

// What no record waits for. Returns when to go on.
std::uint64_t Writer::tidy() {
  bool remove = false;
  Timestamp through;
  {
    const std::lock_guard guard(lock_);
    remove = std::exchange(remove_requested_, false);
    through = remove_through_;
  }
  if (failed_) return kNever;
  if (remove) remove_segments(through);
  const bool half_full = offset_ > segments_.size() / 2;
  if (failed_ || segments_.prepared_room() != 0 || !(half_full || segments_.preparing())) return kNever;
  if (now_us_ < prepare_after_us_) return prepare_after_us_;
  const auto unfinished = segments_.prepare_some();
  if (unfinished) return *unfinished ? now_us_ : kNever;
  if (!unfinished.error().no_room()) {
    fail(unfinished.error().message);
    return kNever;
  }
  return prepare_after_us_ = now_us_ + kRetryPreparingUs;
}

// Tells the others what has become of the step.
void Writer::end_step() {
  if (failed_)
    for (; unanswered_ != 0; --unanswered_) answers_.push({Durability::failed, 0});
  counted_.segments = segments_.count();
  counted_.segment_bytes = segments_.bytes();
  counted_.segments_made = segments_.made();
  counted_.segments_reused = segments_.reused();
  counted_.durable_sequence = durable_sequence_;
  counted_.failed = failed_;
  {
    const std::lock_guard guard(lock_);
    stats_ = counted_;
    durable_through_ = durable_timestamp_;
    room_ = {segments_.size() - offset_, segments_.prepared_room(), failed_ || attempt_ < first_attempt_};
    for (const Entry& entry : queue_.entries) {
      if (entry.attempt < first_attempt_) room_.exceeded = true;
      room_.take(record_size(entry.length));
    }
  }
  answers_.publish();
}

}  // namespace gyre::oracle::wal
