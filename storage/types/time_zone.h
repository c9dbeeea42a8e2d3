// Time zones: from UTC to local time and back, with PostgreSQL's rules for hours that occur twice or never.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::storage {

// Immutable, and alive as long as the process: a pointer may be shared by all cores and kept in a session.
class TimeZone {
 public:
  // By the name of a zone of the system's database in any case ("europe/berlin"), a fixed offset east of
  // Greenwich
  // ("+02", "-08:00", "+05:30:10"), or a POSIX rule ("EST5EDT", "<+03>-3"). Null if it is none of these. The
  // first use of a name reads a file and takes a lock; keep the pointer. Null also where too many rules have
  // been asked for in this process: 500 with daylight time, 5,000 without, 5,000 offsets with seconds.
  static const TimeZone* find(std::string_view name);
  // By seconds east of Greenwich; named as PostgreSQL shows it: "<+02>-02". Null beyond 167 hours.
  static const TimeZone* fixed(std::int32_t offset_s);
  static const TimeZone* utc();

  // As the database spells it: "Europe/Berlin".
  const std::string& name() const { return name_; }

  struct Local {
    std::int32_t offset_s;          // east of Greenwich
    bool daylight;                  // daylight saving time
    std::string_view abbreviation;  // "CEST", "+03"; lives as long as the zone
  };
  // What holds at a moment, in microseconds since 2000-01-01 UTC.
  Local at(std::int64_t us) const;
  std::int32_t offset_at(std::int64_t us) const { return at(us).offset_s; }
  // Local time to UTC, both microseconds since 2000-01-01. Of an hour that occurs twice the second is meant;
  // one that is skipped is read with the offset before the gap.
  std::int64_t to_utc(std::int64_t local_us) const {
    return local_us - local_offset_s(local_us) * 1'000'000LL;
  }
  std::int64_t to_local(std::int64_t us) const { return us + offset_at(us) * 1'000'000LL; }
  // The offset that to_utc() takes off.
  std::int32_t local_offset_s(std::int64_t local_us) const;

  // Used by the loader in time_zone.cc.
  struct Kind {
    std::int32_t offset_s;
    bool daylight;
    std::string abbreviation;
  };
  struct Transition {
    std::int64_t utc_s;    // since 2000-01-01
    std::int64_t local_s;  // the same moment on the clocks as they read after it
    std::uint32_t kind;
  };
  TimeZone(std::string name, std::vector<Kind> kinds, std::vector<Transition> transitions, bool repeats);

 private:
  const Kind& kind_at(std::int64_t seconds, std::int64_t Transition::*clock) const;

  // Invariants: 1. kinds_ is not empty; kinds_[0] holds before the first transition. 2. transitions_ ascend
  // in both clocks. 3. If repeats_, the last 400 years of transitions_ repeat for ever, as the calendar does.
  std::string name_;
  std::vector<Kind> kinds_;
  std::vector<Transition> transitions_;
  bool repeats_;
};

// The offset of an abbreviation in PostgreSQL's default set ("pst", lower case), seconds east. False if
// unknown.
struct ZoneAbbreviation {
  std::string_view name;
  std::int32_t offset_s;
  bool daylight;
};
const ZoneAbbreviation* find_zone_abbreviation(std::string_view lower_case);

}  // namespace gyre::storage
