// Zones come from the system's database (TZif files, RFC 8536), read by ourselves: a file is a list of
// moments at which the offset changes and, at its end, a POSIX rule for all later ones. Hinnant's library
// would read the list but not the rule, so it stops changing clocks in 2037, where PostgreSQL goes on.
//
// At load time the rule is unrolled for 400 years, after which the calendar, and so the rule, repeats
// exactly. A lookup is then one binary search in a sorted array that nobody ever changes: no cache, no lock.
//
// From local time to UTC: keep for each transition what the clocks show right after it. The one in force is
// the last whose clocks are not ahead of the local time asked for. An hour that occurs twice is thereby its
// second occurrence, and one that never occurs is read with the offset before the gap, which is what
// PostgreSQL does.
#include "storage/types/time_zone.h"

#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "storage/types/calendar.h"
#include "storage/types/input.h"
#include "storage/types/integer.h"

namespace gyre::storage {

namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kSecondsPer400Years = 146097 * kSecondsPerDay;
constexpr std::int64_t kUnixToEpoch = kEpochUnixDays * kSecondsPerDay;
constexpr const char* kDatabase = "/usr/share/zoneinfo/";

using Kind = TimeZone::Kind;
using Transition = TimeZone::Transition;

std::int64_t floor_divide(std::int64_t value, std::int64_t divisor) {
  const std::int64_t quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}

// ---- POSIX rules: "CET-1CEST,M3.5.0,M10.5.0/3"

// The day and local second on which a rule changes the clocks.
struct ChangeDay {
  enum class Form { month_week_day, day_without_leap, day_of_year } form;
  int month = 0;
  int week = 0;
  int day = 0;
  std::int32_t second = 7200;

  std::int64_t local_s(std::int64_t year) const {
    std::int64_t days = days_from_civil(year, 1, 1);
    if (form == Form::day_of_year) {
      days += day;
    } else if (form == Form::day_without_leap) {
      days += day - 1 + (is_leap_year(year) && day >= 60 ? 1 : 0);
    } else {
      const std::int64_t first = days_from_civil(year, month, 1);
      int of_month = (day - weekday_from_days(first) + 7) % 7 + (week - 1) * 7;
      while (of_month >= days_in_month(year, month)) of_month -= 7;
      days = first + of_month;
    }
    return days * kSecondsPerDay + second;
  }
};

struct PosixRule {
  Kind standard;
  std::optional<Kind> daylight;
  ChangeDay to_daylight{};
  ChangeDay to_standard{};
};

class PosixRuleReader {
 public:
  explicit PosixRuleReader(std::string_view text) : rest_(text) {}

  std::optional<PosixRule> read() {
    PosixRule rule;
    if (!read_abbreviation(rule.standard.abbreviation) || !read_clock(rule.standard.offset_s)) return {};
    rule.standard.offset_s = -rule.standard.offset_s;  // POSIX counts west
    rule.standard.daylight = false;
    if (rest_.empty()) return rule;
    Kind daylight{rule.standard.offset_s + 3600, true, {}};
    if (!read_abbreviation(daylight.abbreviation)) return {};
    if (!rest_.empty() && rest_.front() != ',') {
      if (!read_clock(daylight.offset_s)) return {};
      daylight.offset_s = -daylight.offset_s;
    }
    rule.daylight = daylight;
    if (rest_.empty()) rest_ = ",M3.2.0,M11.1.0";  // as the United States have it
    if (!read_change(rule.to_daylight) || !read_change(rule.to_standard) || !rest_.empty()) return {};
    return rule;
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool read_number(int& value, int limit) {
    if (rest_.empty() || !is_digit(rest_.front())) return false;
    value = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      value = value * 10 + (rest_.front() - '0');
      if (value > limit) return false;
      rest_.remove_prefix(1);
    }
    return true;
  }
  bool read_abbreviation(std::string& name) {
    std::size_t length = 0;
    if (take('<')) {
      length = rest_.find('>');
      if (length == std::string_view::npos) return false;
      name = rest_.substr(0, length);
      rest_.remove_prefix(length + 1);
    } else {
      while (length < rest_.size() && is_letter(rest_[length])) ++length;
      name = rest_.substr(0, length);
      rest_.remove_prefix(length);
    }
    return length >= 3;
  }
  // [+-]h[h][:mm[:ss]]
  bool read_clock(std::int32_t& seconds) {
    const bool negative = take('-');
    if (!negative) take('+');
    int hour = 0;
    int minute = 0;
    int second = 0;
    if (!read_number(hour, 167)) return false;
    if (take(':') && !read_number(minute, 59)) return false;
    if (take(':') && !read_number(second, 59)) return false;
    seconds = (hour * 60 + minute) * 60 + second;
    if (negative) seconds = -seconds;
    return true;
  }
  bool read_change(ChangeDay& change) {
    if (!take(',')) return false;
    if (take('M')) {
      change.form = ChangeDay::Form::month_week_day;
      if (!read_number(change.month, 12) || change.month == 0 || !take('.') || !read_number(change.week, 5) ||
          change.week == 0 || !take('.') || !read_number(change.day, 6))
        return false;
    } else if (take('J')) {
      change.form = ChangeDay::Form::day_without_leap;
      if (!read_number(change.day, 365) || change.day == 0) return false;
    } else {
      change.form = ChangeDay::Form::day_of_year;
      if (!read_number(change.day, 365)) return false;
    }
    return !take('/') || read_clock(change.second);
  }

  std::string_view rest_;
};

// ---- a zone under construction

struct Draft {
  std::vector<Kind> kinds;
  std::vector<Transition> transitions;
  bool repeats = false;

  std::uint32_t kind_index(const Kind& kind) {
    for (std::size_t i = 0; i < kinds.size(); ++i)
      if (kinds[i].offset_s == kind.offset_s && kinds[i].daylight == kind.daylight &&
          kinds[i].abbreviation == kind.abbreviation)
        return static_cast<std::uint32_t>(i);
    kinds.push_back(kind);
    return static_cast<std::uint32_t>(kinds.size() - 1);
  }
  void add(std::int64_t utc_s, std::uint32_t kind) {
    std::int64_t local_s = utc_s + kinds[kind].offset_s;
    if (!transitions.empty()) {
      if (utc_s <= transitions.back().utc_s) return;
      local_s = std::max(local_s, transitions.back().local_s);
    }
    transitions.push_back({utc_s, local_s, kind});
  }
};

// Appends what the rule says for the 400 years after the last transition.
void unroll(const PosixRule& rule, Draft& draft) {
  const std::uint32_t standard = draft.kind_index(rule.standard);
  if (!rule.daylight) return;
  const std::uint32_t daylight = draft.kind_index(*rule.daylight);
  const std::int64_t last_s =
      draft.transitions.empty() ? -100 * 366 * kSecondsPerDay : draft.transitions.back().utc_s;
  const std::int64_t first_year = civil_from_days(floor_divide(last_s, kSecondsPerDay)).year;
  for (std::int64_t year = first_year; year <= first_year + 401; ++year) {
    std::pair<std::int64_t, std::uint32_t> changes[] = {
        {rule.to_daylight.local_s(year) - rule.standard.offset_s, daylight},
        {rule.to_standard.local_s(year) - rule.daylight->offset_s, standard}};
    if (changes[1].first < changes[0].first) std::swap(changes[0], changes[1]);
    for (const auto& [utc_s, kind] : changes) draft.add(utc_s, kind);
  }
  draft.repeats = true;
}

// ---- TZif

class TzifReader {
 public:
  explicit TzifReader(std::string_view file) : rest_(file) {}

  std::optional<Draft> read() {
    Header header;
    if (!read_header(header)) return {};
    if (header.version < '2') return {};
    if (!skip(block_bytes(header, 4)) || !read_header(header))
      return {};  // the 64-bit block follows the 32-bit one
    if (rest_.size() < block_bytes(header, 8)) return {};
    Draft draft;
    if (!read_block(header, draft)) return {};
    if (rest_.starts_with('\n')) {
      const std::string_view footer = rest_.substr(1, rest_.find('\n', 1) - 1);
      if (const auto rule = PosixRuleReader(footer).read()) unroll(*rule, draft);
    }
    return draft;
  }

 private:
  struct Header {
    char version;
    std::uint32_t utc_flags, standard_flags, leaps, times, kinds, letters;
  };

  std::uint64_t read_word(std::size_t bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes; ++i) word = word << 8 | static_cast<unsigned char>(rest_[i]);
    rest_.remove_prefix(bytes);
    return word;
  }
  bool skip(std::size_t bytes) {
    if (rest_.size() < bytes) return false;
    rest_.remove_prefix(bytes);
    return true;
  }
  bool read_header(Header& header) {
    if (rest_.size() < 44 || !rest_.starts_with("TZif")) return false;
    header.version = rest_[4];
    rest_.remove_prefix(20);
    for (std::uint32_t* field : {&header.utc_flags, &header.standard_flags, &header.leaps, &header.times,
                                 &header.kinds, &header.letters})
      *field = static_cast<std::uint32_t>(read_word(4));
    return true;
  }
  static std::size_t block_bytes(const Header& h, std::size_t time_bytes) {
    return std::size_t{h.times} * (time_bytes + 1) + std::size_t{h.kinds} * 6 + h.letters +
           std::size_t{h.leaps} * (time_bytes + 4) + h.standard_flags + h.utc_flags;
  }
  // The caller made sure that block_bytes() are there.
  bool read_block(const Header& header, Draft& draft) {
    std::vector<std::int64_t> times(header.times);
    for (auto& time : times) time = static_cast<std::int64_t>(read_word(8)) - kUnixToEpoch;
    std::vector<std::uint32_t> kinds(header.times);
    for (auto& kind : kinds) kind = static_cast<std::uint32_t>(read_word(1));
    const std::string_view letters = rest_.substr(std::size_t{header.kinds} * 6, header.letters);
    for (std::uint32_t i = 0; i < header.kinds; ++i) {
      const auto offset_s = static_cast<std::int32_t>(read_word(4));
      const bool daylight = read_word(1) != 0;
      const std::size_t name_at = read_word(1);
      if (name_at >= letters.size()) return false;
      const std::string_view name = letters.substr(name_at);
      draft.kinds.push_back({offset_s, daylight, std::string(name.substr(0, name.find('\0')))});
    }
    if (!skip(header.letters + std::size_t{header.leaps} * 12 + header.standard_flags + header.utc_flags))
      return false;
    if (draft.kinds.empty()) return false;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (kinds[i] >= draft.kinds.size()) return false;
      draft.add(times[i], kinds[i]);
    }
    return true;
  }

  std::string_view rest_;
};

// ---- finding files

// The entry of the folder that matches in any case, empty if there is none.
std::string find_entry(const std::string& folder, std::string_view lower) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (!listing) return {};
  while (const dirent* entry = readdir(listing.get()))
    if (equals_ignoring_case(entry->d_name, lower)) return entry->d_name;
  return {};
}

// The name as the database spells it, empty if it has none such. `lower` is not trusted.
std::string canonical_name(std::string_view lower) {
  std::string found;
  while (!lower.empty()) {
    const std::size_t slash = std::min(lower.find('/'), lower.size());
    const std::string_view part = lower.substr(0, slash);
    if (part.empty() || part.starts_with('.') || part.find('\0') != std::string_view::npos) return {};
    const std::string entry = find_entry(kDatabase + found, part);
    if (entry.empty()) return {};
    if (!found.empty()) found += '/';
    found += entry;
    if (slash == lower.size()) break;
    lower.remove_prefix(slash + 1);
  }
  return found;
}

std::unique_ptr<TimeZone> load_file(const std::string& name) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(kDatabase + name, error)) return nullptr;  // "America" is a folder
  std::ifstream file(kDatabase + name, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  auto draft = TzifReader(content).read();
  if (!draft) return nullptr;
  return std::make_unique<TimeZone>(name, std::move(draft->kinds), std::move(draft->transitions),
                                    draft->repeats);
}

std::unique_ptr<TimeZone> from_posix_rule(std::string_view text, const PosixRule& rule) {
  Draft draft;
  draft.kinds.push_back(rule.standard);
  unroll(rule, draft);
  draft.transitions.shrink_to_fit();
  return std::make_unique<TimeZone>(std::string(text), std::move(draft.kinds), std::move(draft.transitions),
                                    draft.repeats);
}

void append_clock(std::string& text, std::int32_t seconds) {
  char pair[2];
  write_digits(pair, static_cast<std::uint64_t>(seconds / 3600), 2);
  text.append(pair, 2);
  for (std::int32_t rest = seconds % 3600, unit = 60; rest != 0; rest %= unit, unit = 1) {
    write_digits(pair, static_cast<std::uint64_t>(rest / unit), 2);
    text.append(":").append(pair, 2);
  }
}

std::string clock_of(std::int32_t offset_s) {
  std::string clock;
  append_clock(clock, std::abs(offset_s));
  return clock;
}

// "<+02>-02": the abbreviation counts east, the rule west.
std::string name_of(std::int32_t offset_s) {
  const std::string clock = clock_of(offset_s);
  return offset_s < 0 ? "<-" + clock + ">+" + clock : "<+" + clock + ">-" + clock;
}

std::unique_ptr<TimeZone> at_offset(std::int32_t offset_s) {
  const Kind always{offset_s, false, (offset_s < 0 ? "-" : "+") + clock_of(offset_s)};
  return std::make_unique<TimeZone>(name_of(offset_s), std::vector<Kind>{always}, std::vector<Transition>{},
                                    false);
}

// [+-]hh[:mm[:ss]] or [+-]hhmm, east.
std::optional<std::int32_t> parse_offset(std::string_view text) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return {};
  const bool negative = text[0] == '-';
  text.remove_prefix(1);
  int parts[3] = {0, 0, 0};
  int count = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == ':' && digits > 0 && count < 2) {
      ++count;
      digits = 0;
    } else if (is_digit(c) && ++digits <= 4) {
      parts[count] = parts[count] * 10 + (c - '0');
    } else {
      return {};
    }
  }
  if (digits == 0 || (count > 0 && digits > 2)) return {};
  if (count == 0 && digits > 2) {
    parts[1] = parts[0] % 100;
    parts[0] /= 100;
  }
  if (parts[0] > 167 || parts[1] > 59 || parts[2] > 59) return {};
  const std::int32_t seconds = (parts[0] * 60 + parts[1]) * 60 + parts[2];
  return negative ? -seconds : seconds;
}

// POSIX rules are shown in upper case, however they were written.
std::string upper_case(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  return text;
}

// All zones ever asked for, which stay. Of files and of offsets in whole minutes there are only so many; what
// clients can invent without end is counted, each kind for itself, so that none uses up another's room.
class ZoneRegistry {
 public:
  const TimeZone* find(const std::string& lower) {
    const std::lock_guard lock(mutex_);
    // As SHOW prints an offset: no rule that someone has invented.
    if (const auto rule = lower.starts_with('<') ? PosixRuleReader(lower).read() : std::nullopt;
        rule && !rule->daylight && name_of(rule->standard.offset_s) == lower)
      return of_offset(rule->standard.offset_s);
    if (const auto found = zones_.find(lower); found != zones_.end()) return found->second.get();
    std::unique_ptr<TimeZone> zone;
    if (const std::string name = canonical_name(lower); !name.empty()) zone = load_file(name);
    if (!zone && lower == "utc")
      zone = std::make_unique<TimeZone>("UTC", std::vector<Kind>{{0, false, "UTC"}},
                                        std::vector<Transition>{}, false);
    if (!zone) zone = from_invented_rule(upper_case(lower));
    if (!zone) return nullptr;
    return zones_.emplace(lower, std::move(zone)).first->second.get();
  }

  const TimeZone* fixed(std::int32_t offset_s) {
    const std::lock_guard lock(mutex_);
    return of_offset(offset_s);
  }

 private:
  const TimeZone* of_offset(std::int32_t offset_s) {
    if (const auto found = offsets_.find(offset_s); found != offsets_.end()) return found->second.get();
    if (offset_s % 60 != 0 && !take_one(odd_offsets_left_)) return nullptr;
    return offsets_.emplace(offset_s, at_offset(offset_s)).first->second.get();
  }
  static bool take_one(std::size_t& left) {
    if (left == 0) return false;
    --left;
    return true;
  }
  std::unique_ptr<TimeZone> from_invented_rule(const std::string& text) {
    const auto rule = PosixRuleReader(text).read();
    if (!rule || !take_one(rule->daylight ? changing_rules_left_ : rules_left_)) return nullptr;
    return from_posix_rule(text, *rule);
  }

  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<TimeZone>> zones_;  // by name in lower case
  std::map<std::int32_t, std::unique_ptr<TimeZone>> offsets_;
  std::size_t changing_rules_left_ = 500;  // 20 kB each
  std::size_t rules_left_ = 5000;          // rules without daylight time
  std::size_t odd_offsets_left_ = 5000;    // offsets with seconds
};

// The one process-wide thing here: a cache of files that only grows, and is never destroyed, since sessions
// keep pointers into it.
ZoneRegistry& registry() {
  static auto* const zones = new ZoneRegistry;
  return *zones;
}

}  // namespace

TimeZone::TimeZone(std::string name, std::vector<Kind> kinds, std::vector<Transition> transitions,
                   bool repeats)
    : name_(std::move(name)),
      kinds_(std::move(kinds)),
      transitions_(std::move(transitions)),
      repeats_(repeats) {}

const TimeZone* TimeZone::find(std::string_view name) {
  constexpr std::size_t kNameMax = 255;
  if (name.empty() || name.size() > kNameMax) return nullptr;
  if (const auto offset_s = parse_offset(name)) return fixed(*offset_s);
  std::string lower(name);
  for (char& c : lower) c = to_lower(c);
  return registry().find(lower);
}

const TimeZone* TimeZone::fixed(std::int32_t offset_s) {
  if (std::abs(offset_s) > 167 * 3600) return nullptr;
  return registry().fixed(offset_s);
}

const TimeZone* TimeZone::utc() {
  static const TimeZone* const zone = find("UTC");
  return zone;
}

const TimeZone::Kind& TimeZone::kind_at(std::int64_t seconds, std::int64_t Transition::*clock) const {
  if (transitions_.empty()) return kinds_.front();
  if (repeats_ && seconds > transitions_.back().*clock) {
    const std::int64_t beyond = seconds - transitions_.back().*clock;
    seconds -= (beyond / kSecondsPer400Years + 1) * kSecondsPer400Years;
  }
  const auto after = std::upper_bound(transitions_.begin(), transitions_.end(), seconds,
                                      [clock](std::int64_t s, const Transition& t) { return s < t.*clock; });
  return after == transitions_.begin() ? kinds_.front() : kinds_[(after - 1)->kind];
}

TimeZone::Local TimeZone::at(std::int64_t us) const {
  const Kind& kind = kind_at(floor_divide(us, kUsPerSecond), &Transition::utc_s);
  return {kind.offset_s, kind.daylight, kind.abbreviation};
}

std::int32_t TimeZone::local_offset_s(std::int64_t local_us) const {
  return kind_at(floor_divide(local_us, kUsPerSecond), &Transition::local_s).offset_s;
}

}  // namespace gyre::storage
