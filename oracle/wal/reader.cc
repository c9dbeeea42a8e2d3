// What comes behind the last good record decides between the two things that a damaged log may be. A machine
// that lost power leaves a tail of writes that no sync had covered: any of their sectors may be there, in any
// order, so a bad record may well have good ones behind it. But nobody was told of those. A record that was
// acknowledged and cannot be read is damage, and a server that went on without it would deny what it
// promised. The records themselves tell the two apart: each says up to which one everything was durable when
// it was written (RecordHeader::durable_sequence). So behind the tail every place where a record can begin is
// looked at: if one is intact and knows that the missing one was durable, the log is refused; if none does,
// the tail is cut.
//
// (Damage to the last write of all cannot be told from a torn one: there is nothing behind it that knows.)
//
// Checksums are seeded with a number that only the log's files know, so that a client cannot write a row that
// looks like such a record.

#include "oracle/wal/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gyre::oracle::wal {

namespace {

template <class Header>
Header load_header(std::string_view bytes, std::size_t at) {
  Header header;
  std::memcpy(&header, bytes.data() + at, sizeof header);
  return header;
}

bool all_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::string_view stop_name(Tail::Stop stop) {
  switch (stop) {
    case Tail::Stop::clean:
      return "clean end";
    case Tail::Stop::torn:
      return "torn record";
    case Tail::Stop::checksum:
      return "wrong checksum";
    case Tail::Stop::gap:
      return "gap";
    case Tail::Stop::bad_header:
      return "bad segment header";
    case Tail::Stop::unreadable:
      return "unreadable";
  }
  return "";
}

Reader::Reader(reactor::Disk& disk, std::string directory, Timestamp after)
    : disk_(disk), directory_(std::move(directory)), after_(after) {
  tail_.timestamp = after;
}

std::string Reader::path(std::uint64_t number) const {
  return directory_ + "/" + segment_name(number);
}

std::string Reader::place() const {
  return "\"" + path(tail_.segment) + "\", offset " + std::to_string(tail_.offset);
}

// ---- Segments

Reader::Segment Reader::look_at(const std::string& name, std::uint64_t number) {
  Segment segment;
  const auto bad = [&](std::string fault) {
    segment.fault = std::move(fault);
    return segment;
  };
  const auto file = disk_.open(directory_ + "/" + name, reactor::Disk::Open::read);
  if (!file) return bad(file.error().message);
  char bytes[sizeof(SegmentHeader)] = {};
  const auto got = read_fully(**file, 0, bytes, sizeof bytes);
  if (!got) return bad(got.error().message);
  if (all_zero({bytes, sizeof bytes})) {
    segment.use = Use::unused;
    return segment;
  }
  segment.header = load_header<SegmentHeader>({bytes, sizeof bytes}, 0);
  if (*got < sizeof bytes || segment.header.magic != kMagic) return bad("this is no segment of a log");
  if (segment.header.checksum != header_checksum(segment.header)) return bad("its checksum is wrong");
  if (segment.header.version != kFormatVersion) {
    segment.use = Use::other_version;
    return bad("its format version is " + std::to_string(segment.header.version) + ", this server reads " +
               std::to_string(kFormatVersion));
  }
  if (segment.header.header_size != sizeof(SegmentHeader) || segment.header.size % 8 != 0)
    return bad("its sizes are wrong");
  segment.use = segment.header.number == number ? Use::used : Use::unused;
  return segment;
}

// Finds the last segment that begins at or below the timestamp.
bool Reader::open() {
  const auto names = disk_.list(directory_);
  if (!names) {
    if (names.error().code == ENOENT) return finish(Tail::Stop::clean, {});
    return refuse(Tail::Stop::unreadable, names.error().message);
  }
  for (const std::string& name : *names)
    if (const std::uint64_t number = segment_number(name); number != 0)
      segments_[number] = look_at(name, number);
  std::uint64_t first = 0;
  bool any = false;
  for (const auto& [number, segment] : segments_) {
    if (segment.use == Use::other_version)
      return refuse(Tail::Stop::bad_header, "\"" + path(number) + "\": " + segment.fault);
    any = any || segment.use != Use::unused;
    if (segment.use == Use::used && Timestamp(segment.header.previous_timestamp) <= after_) first = number;
  }
  if (first == 0) {
    if (!any || never_used()) return finish(Tail::Stop::clean, {});
    const auto& [number, segment] = *std::find_if(
        segments_.begin(), segments_.end(), [](const auto& each) { return each.second.use != Use::unused; });
    if (segment.use == Use::bad)
      return refuse(Tail::Stop::bad_header, "\"" + path(number) + "\": " + segment.fault);
    return refuse(Tail::Stop::gap, "\"" + path(number) + "\": the log begins behind timestamp " +
                                       std::to_string(segment.header.previous_timestamp) +
                                       ", but what is after " + std::to_string(after_.value) + " is needed");
  }
  const SegmentHeader& header = segments_[first].header;
  tail_.log_id = header.log_id;
  tail_.sequence = header.first_sequence - 1;
  tail_.checksum = header.previous_checksum;
  tail_.timestamp = Timestamp(header.previous_timestamp);
  return load(first);
}

// A log whose very first header was being written when the power went: there is nothing else in it.
bool Reader::never_used() {
  if (segments_.size() != 1) return false;
  const auto bytes = reactor::read_file(disk_, path(segments_.begin()->first));
  return bytes && (bytes->size() < sizeof(SegmentHeader) ||
                   all_zero(std::string_view(*bytes).substr(sizeof(SegmentHeader))));
}

bool Reader::load(std::uint64_t number) {
  auto bytes = reactor::read_file(disk_, path(number));
  if (!bytes) return refuse(Tail::Stop::unreadable, bytes.error().message);
  bytes_ = std::move(*bytes);
  if (bytes_.size() > segments_[number].header.size) bytes_.resize(segments_[number].header.size);
  tail_.segment = number;
  tail_.offset = sizeof(SegmentHeader);
  tail_.segment_size = segments_[number].header.size;
  return true;
}

// The records of this segment are read. False: the log ends here, or is broken, and has been ended.
bool Reader::enter_next_segment() {
  const auto next = segments_.find(tail_.segment + 1);
  if (next == segments_.end() || next->second.use == Use::unused) return end(Tail::Stop::clean, {});
  const std::string name = "\"" + path(next->first) + "\"";
  if (next->second.use == Use::bad) return end(Tail::Stop::bad_header, name + ": " + next->second.fault);
  const SegmentHeader& header = next->second.header;
  if (header.log_id != tail_.log_id)
    return refuse(Tail::Stop::bad_header, name + ": it belongs to another log");
  if (header.first_sequence != tail_.sequence + 1 || header.previous_checksum != tail_.checksum)
    return end(Tail::Stop::gap, place() + ": the record of sequence " + std::to_string(tail_.sequence + 1) +
                                    " is missing, but the next segment begins with " +
                                    std::to_string(header.first_sequence));
  return load(next->first);
}

// ---- Records

bool Reader::next(Record& record) {
  if (ended_) return false;
  if (!opened_) {
    opened_ = true;
    if (!open()) return false;
  }
  for (;;) {
    const std::uint64_t left = bytes_.size() - std::min<std::uint64_t>(bytes_.size(), tail_.offset);
    if (left < sizeof(RecordHeader) ||
        all_zero(std::string_view(bytes_).substr(tail_.offset, sizeof(RecordHeader)))) {
      if (!enter_next_segment()) return false;
      continue;
    }
    const auto header = load_header<RecordHeader>(bytes_, tail_.offset);
    if (header.length > left || record_size(header.length) > left)
      return end(Tail::Stop::torn, place() + ": a record of " + std::to_string(header.length) +
                                       " bytes does not fit into the file");
    const char* const at = bytes_.data() + tail_.offset;
    if (header.checksum != record_checksum(at, header.length, tail_.log_id))
      return end(Tail::Stop::checksum, place() + ": a record's checksum is wrong");
    if (header.sequence != tail_.sequence + 1 || header.previous_checksum != tail_.checksum ||
        Timestamp(header.timestamp) <= tail_.timestamp)
      return end(Tail::Stop::gap, place() + ": the record of sequence " + std::to_string(header.sequence) +
                                      " does not follow that of sequence " + std::to_string(tail_.sequence));
    record = {header.sequence,
              Timestamp(header.timestamp),
              {at + sizeof header, header.length},
              tail_.segment,
              tail_.offset};
    tail_.offset += record_size(header.length);
    tail_.sequence = header.sequence;
    tail_.checksum = header.checksum;
    tail_.timestamp = record.timestamp;
    if (after_ < record.timestamp) return true;
  }
}

// ---- The end

bool Reader::search(std::string_view bytes, std::size_t from, std::size_t& found) const {
  for (std::size_t at = (from + 7) / 8 * 8; at + sizeof(RecordHeader) <= bytes.size(); at += 8) {
    const auto header = load_header<RecordHeader>(bytes, at);
    if (header.durable_sequence <= tail_.sequence || header.sequence <= header.durable_sequence) continue;
    if (header.length > bytes.size() - at - sizeof header) continue;
    if (header.checksum != record_checksum(bytes.data() + at, header.length, tail_.log_id)) continue;
    found = at;
    return true;
  }
  return false;
}

bool Reader::find_durable_successor(std::string& where) {
  std::size_t found = 0;
  const auto told = [&](std::uint64_t number) {
    where = "the record at \"" + path(number) + "\", offset " + std::to_string(found) +
            ", was written after it had been durable";
    return true;
  };
  if (search(bytes_, tail_.offset, found)) return told(tail_.segment);
  for (auto later = segments_.upper_bound(tail_.segment); later != segments_.end(); ++later) {
    const auto bytes = reactor::read_file(disk_, path(later->first));
    if (!bytes) continue;
    if (search(*bytes, 0, found)) return told(later->first);
  }
  return false;
}

bool Reader::end(Tail::Stop stop, const std::string& what) {
  // A segment has its size before it is used.
  if (bytes_.size() < tail_.segment_size)
    return refuse(Tail::Stop::torn, place() + ": the file is " + std::to_string(bytes_.size()) +
                                        " bytes long and was " + std::to_string(tail_.segment_size));
  std::string where;
  if (find_durable_successor(where)) {
    const std::string missing = stop == Tail::Stop::clean ? place() + ": a record is missing" : what;
    return refuse(stop == Tail::Stop::clean ? Tail::Stop::gap : stop, missing + "; " + where);
  }
  return finish(stop, what);
}

bool Reader::refuse(Tail::Stop stop, const std::string& what) {
  tail_.refused = true;
  return finish(stop, what);
}

bool Reader::finish(Tail::Stop stop, const std::string& what) {
  tail_.stop = stop;
  tail_.message = what;
  ended_ = true;
  return false;
}

}  // namespace gyre::oracle::wal
