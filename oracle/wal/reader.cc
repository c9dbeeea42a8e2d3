// What comes behind the last good record decides between the two things that a damaged log may be. A machine
// that lost power leaves a tail of writes that no sync had covered: any of their sectors may be there, in any
// order, so a bad record may well have good ones behind it. But nobody was told of those. A record that was
// acknowledged and cannot be read is damage, and a server that went on without it would deny what it
// promised. The records themselves tell the two apart: each says up to which one everything was durable when
// it was written (RecordHeader::durable_sequence). So behind the tail every place where a record can begin is
// looked at: if one is intact and knows that the missing one was durable, the log is refused; if none does,
// the tail is cut.
//
// Nothing is behind the newest records that could know of them. For them there is the mark: a log that ends
// before it is refused. (Damage to the last write of all, if the mark is older, cannot be told from a torn
// one.)
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

// The mark comes first: what it names is there from then on, also of a log that is being written.
bool Reader::open() {
  const auto mark = read_mark(disk_, directory_);
  if (!mark) return refuse(Tail::Stop::unreadable, mark.error().message);
  mark_ = mark->mark;
  tail_.marked = mark->state == MarkReading::State::good;
  const auto names = disk_.list(directory_);
  if (!names) {
    if (names.error().code == ENOENT && !tail_.marked) return finish(Tail::Stop::clean, {});
    return refuse(Tail::Stop::unreadable, names.error().message);
  }
  const bool any = std::any_of(names->begin(), names->end(),
                               [](const std::string& name) { return segment_number(name) != 0; });
  if (!tail_.marked && any) return refuse(Tail::Stop::gap, mark->message);
  // Not begun: what there may be of a first segment was never used.
  if (mark_.segment == 0) return finish(Tail::Stop::clean, {});
  for (const std::string& name : *names)
    if (const std::uint64_t number = segment_number(name); number != 0)
      segments_[number] = look_at(name, number);
  return open_segments();
}

// Finds the last segment that begins at or below the timestamp.
bool Reader::open_segments() {
  std::uint64_t first = 0;
  for (const auto& [number, segment] : segments_) {
    if (segment.use == Use::other_version)
      return refuse(Tail::Stop::bad_header, "\"" + path(number) + "\": " + segment.fault);
    if (segment.use == Use::used && Timestamp(segment.header.previous_timestamp) <= after_) first = number;
  }
  if (first == 0) {
    const auto found = std::find_if(segments_.begin(), segments_.end(),
                                    [](const auto& each) { return each.second.use != Use::unused; });
    if (found == segments_.end())
      return refuse(Tail::Stop::gap, "\"" + path(mark_.segment) + "\" is missing: " + what_mark_says());
    const auto& [number, segment] = *found;
    if (segment.use == Use::bad)
      return refuse(Tail::Stop::bad_header, "\"" + path(number) + "\": " + segment.fault);
    return refuse(Tail::Stop::gap, "\"" + path(number) + "\": the log begins behind timestamp " +
                                       std::to_string(segment.header.previous_timestamp) +
                                       ", but what is after " + std::to_string(after_.value) + " is needed");
  }
  const SegmentHeader& header = segments_[first].header;
  if (header.log_id != mark_.log_id)
    return refuse(Tail::Stop::bad_header, "\"" + path(first) + "\": it belongs to another log than the mark");
  tail_.log_id = header.log_id;
  tail_.sequence = header.first_sequence - 1;
  tail_.checksum = header.previous_checksum;
  tail_.timestamp = Timestamp(header.previous_timestamp);
  return load(first);
}

reactor::DiskResult<std::string> Reader::content_of(std::uint64_t number) {
  auto bytes = reactor::read_file(disk_, path(number));
  if (bytes && bytes->size() > segments_[number].header.size) bytes->resize(segments_[number].header.size);
  return bytes;
}

bool Reader::load(std::uint64_t number) {
  auto bytes = content_of(number);
  if (!bytes) return refuse(Tail::Stop::unreadable, bytes.error().message);
  bytes_ = std::move(*bytes);
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
  do {
    again_ = false;
    if (read_next(record)) return true;
  } while (again_);
  return false;
}

bool Reader::read_next(Record& record) {
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

std::string Reader::what_mark_says() const {
  return "the log\'s mark says that records up to sequence " + std::to_string(mark_.sequence) +
         " were durable, and segment \"" + segment_name(mark_.segment) + "\" begun";
}

bool Reader::end(Tail::Stop stop, const std::string& what) {
  // A segment has its size before it is used.
  if (bytes_.size() < tail_.segment_size)
    return refuse(Tail::Stop::torn, place() + ": the file is " + std::to_string(bytes_.size()) +
                                        " bytes long and was " + std::to_string(tail_.segment_size));
  std::string why;
  if (tail_.segment < mark_.segment || tail_.sequence < mark_.sequence)
    why = what_mark_says();
  else if (!find_durable_successor(why))
    return finish(stop, what);
  again_ = look_again();
  if (again_) return false;
  if (stop != Tail::Stop::clean) return refuse(stop, what + "; " + why);
  return refuse(Tail::Stop::gap, place() + ": a record is missing; " + why);
}

bool Reader::look_again() {
  const std::uint64_t next = tail_.segment + 1;
  auto bytes = content_of(tail_.segment);
  if (!bytes) return false;
  const Use known = segments_.contains(next) ? segments_[next].use : Use::unused;
  const auto names = disk_.list(directory_);
  if (names && std::find(names->begin(), names->end(), segment_name(next)) != names->end())
    segments_[next] = look_at(segment_name(next), next);
  const bool more = *bytes != bytes_ || (segments_.contains(next) && segments_[next].use != known);
  bytes_ = std::move(*bytes);
  return more;
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
