// Two steps. The text is cut into fields by their shape alone: dates with separators, times with colons,
// numbers, words, signed numbers. Then each field is understood in the light of what the fields before it
// said: 990108 is a date, unless there was one already, and then it is a time; the second number in 1/8/1999
// is a day or a month by the session's DateStyle. `known_` is the set of things already said; saying one
// twice is an error.
#include "storage/types/date_time_input.h"

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "storage/failure.h"
#include "storage/types/calendar.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

enum class Shape { date, time, number, word, zone_offset, signed_word };

struct Field {
  Shape shape;
  std::string text;  // lower case
};

enum class Complaint { format, overflow, overflow_or_order, displacement };

// Bits of what has been said.
enum : unsigned {
  kYear = 1,
  kMonth = 2,
  kDay = 4,
  kTime = 8,
  kZone = 16,
  kDayOfYear = 32,
  kWeekday = 64,
  kMeridian = 128,
  kEra = 256,
  kSpecial = 512,
};
constexpr unsigned kDate = kYear | kMonth | kDay;

enum class Word {
  none,
  month,
  weekday,
  ad,
  bc,
  am,
  pm,
  ignored,
  julian,
  iso_time,
  now,
  today,
  tomorrow,
  yesterday,
  midnight_utc,
  epoch,
  infinity,
  minus_infinity
};

struct WordEntry {
  std::string_view text;
  Word word;
  int value = 0;
};

constexpr WordEntry kWords[] = {
    {"jan", Word::month, 1},
    {"january", Word::month, 1},
    {"feb", Word::month, 2},
    {"february", Word::month, 2},
    {"mar", Word::month, 3},
    {"march", Word::month, 3},
    {"apr", Word::month, 4},
    {"april", Word::month, 4},
    {"may", Word::month, 5},
    {"jun", Word::month, 6},
    {"june", Word::month, 6},
    {"jul", Word::month, 7},
    {"july", Word::month, 7},
    {"aug", Word::month, 8},
    {"august", Word::month, 8},
    {"sep", Word::month, 9},
    {"sept", Word::month, 9},
    {"september", Word::month, 9},
    {"oct", Word::month, 10},
    {"october", Word::month, 10},
    {"nov", Word::month, 11},
    {"november", Word::month, 11},
    {"dec", Word::month, 12},
    {"december", Word::month, 12},
    {"sun", Word::weekday},
    {"sunday", Word::weekday},
    {"mon", Word::weekday},
    {"monday", Word::weekday},
    {"tue", Word::weekday},
    {"tues", Word::weekday},
    {"tuesday", Word::weekday},
    {"wed", Word::weekday},
    {"weds", Word::weekday},
    {"wednesday", Word::weekday},
    {"thu", Word::weekday},
    {"thur", Word::weekday},
    {"thurs", Word::weekday},
    {"thursday", Word::weekday},
    {"fri", Word::weekday},
    {"friday", Word::weekday},
    {"sat", Word::weekday},
    {"saturday", Word::weekday},
    {"ad", Word::ad},
    {"bc", Word::bc},
    {"am", Word::am},
    {"pm", Word::pm},
    {"at", Word::ignored},
    {"on", Word::ignored},
    {"j", Word::julian},
    {"jd", Word::julian},
    {"julian", Word::julian},
    {"t", Word::iso_time},
    {"now", Word::now},
    {"today", Word::today},
    {"tomorrow", Word::tomorrow},
    {"yesterday", Word::yesterday},
    {"allballs", Word::midnight_utc},
    {"epoch", Word::epoch},
    {"infinity", Word::infinity},
    {"-infinity", Word::minus_infinity},
};

WordEntry find_word(std::string_view text) {
  for (const WordEntry& entry : kWords)
    if (entry.text == text) return entry;
  return {text, Word::none};
}

bool is_word_or_digit(char c) {
  return is_letter(c) || is_digit(c);
}

// ---- the first step

class FieldCutter {
 public:
  explicit FieldCutter(std::string_view text) : rest_(text) {}

  // False if the text has a character that no date has.
  bool cut(std::vector<Field>& fields) {
    constexpr std::size_t kFieldsMax = 25;
    for (;;) {
      while (at(is_blank)) rest_.remove_prefix(1);
      if (rest_.empty()) return true;
      if (fields.size() == kFieldsMax) return false;
      field_ = {};
      if (at(is_digit)) {
        cut_number();
      } else if (at('.')) {
        field_.shape = Shape::number;
        take();
        take_while(is_digit);
      } else if (at(is_letter)) {
        cut_word();
      } else if (at('+') || at('-')) {
        if (!cut_signed()) return false;
      } else if (rest_.front() > ' ' && rest_.front() < 0x7f) {
        rest_.remove_prefix(1);  // other punctuation separates and means nothing
        continue;
      } else {
        return false;
      }
      fields.push_back(std::move(field_));
    }
  }

 private:
  bool at(char c) const { return rest_.starts_with(c); }
  template <class Predicate>
  bool at(Predicate predicate) const {
    return !rest_.empty() && predicate(rest_.front());
  }
  void take() {
    field_.text += to_lower(rest_.front());
    rest_.remove_prefix(1);
  }
  template <class Predicate>
  void take_while(Predicate predicate) {
    while (at(predicate)) take();
  }

  void cut_number() {
    take_while(is_digit);
    if (at(':')) {
      field_.shape = Shape::time;
      take_while([](char c) { return is_digit(c) || c == ':' || c == '.'; });
      return;
    }
    field_.shape = Shape::number;
    if (!at('-') && !at('/') && !at('.')) return;
    const char separator = rest_.front();
    take();
    if (!at(is_digit)) {
      field_.shape = Shape::date;
      take_while([separator](char c) { return is_word_or_digit(c) || c == separator; });
      return;
    }
    if (separator != '.') field_.shape = Shape::date;
    take_while(is_digit);
    if (!at(separator)) return;
    field_.shape = Shape::date;
    take_while([separator](char c) { return is_digit(c) || c == separator; });
  }

  // A word, a date that begins with a month, or the name of a zone.
  void cut_word() {
    field_.shape = Shape::word;
    take_while(is_letter);
    const bool compound = at('-') || at('/') || at('.') ||
                          ((at('+') || at(is_digit)) && find_word(field_.text).word == Word::none);
    if (!compound) {
      if (at('_')) field_.shape = Shape::date, take_zone_name();
      return;
    }
    field_.shape = Shape::date;
    take_zone_name();
  }
  void take_zone_name() {
    take_while([](char c) {
      return is_word_or_digit(c) || c == '+' || c == '-' || c == '/' || c == '_' || c == '.' || c == ':';
    });
  }

  bool cut_signed() {
    take();
    while (at(is_blank)) rest_.remove_prefix(1);
    if (at(is_digit)) {
      field_.shape = Shape::zone_offset;
      take_while([](char c) { return is_digit(c) || c == ':' || c == '.' || c == '-'; });
      return true;
    }
    field_.shape = Shape::signed_word;
    if (!at(is_letter)) return false;
    take_while(is_letter);
    return true;
  }

  std::string_view rest_;
  Field field_;
};

// ---- the second step

class Understanding {
 public:
  Understanding(std::string_view text, std::string_view type, const TextStyle& style)
      : text_(text), type_(type), style_(style) {}

  ParsedDateTime run() {
    std::vector<Field> fields;
    if (!FieldCutter(text_).cut(fields) || fields.empty()) fail(Complaint::format);
    for (std::size_t i = 0; i < fields.size(); ++i) understand(fields[i], i + 1 == fields.size());
    if (prefix_ != Word::none) fail(Complaint::format);
    finish();
    return result_;
  }

 private:
  [[noreturn]] void fail(Complaint complaint) const {
    std::string quoted = ": \"";
    quoted.append(text_).append("\"");
    switch (complaint) {
      case Complaint::format:
        throw Failure(Fault::invalid_datetime_format,
                      "invalid input syntax for type " + std::string(type_) + quoted);
      case Complaint::overflow:
        throw Failure(Fault::datetime_field_overflow, "date/time field value out of range" + quoted);
      case Complaint::overflow_or_order:
        throw Failure(Fault::datetime_field_overflow, "date/time field value out of range" + quoted, {},
                      "Perhaps you need a different \"datestyle\" setting.");
      case Complaint::displacement:
        throw Failure(Fault::invalid_time_zone_displacement, "time zone displacement out of range" + quoted);
    }
    throw Failure(Fault::internal_error, "unknown complaint");
  }
  [[noreturn]] void fail_zone(std::string_view name) const {
    throw Failure(Fault::invalid_parameter_value, "time zone \"" + std::string(name) + "\" not recognized");
  }

  bool knows(unsigned all) const { return (known_ & all) == all; }
  void say(unsigned things) {
    if ((known_ & things) != 0) fail(Complaint::format);
    known_ |= things;
  }

  int read_number(std::string_view digits) const {
    std::int64_t value = 0;
    for (const char digit : digits) {
      if (!is_digit(digit)) fail(Complaint::format);
      value = value * 10 + (digit - '0');
      if (value > INT32_MAX) fail(Complaint::overflow);
    }
    return static_cast<int>(value);
  }

  // ".789" to microseconds, rounded.
  std::int64_t read_fraction(std::string_view fraction) const {
    if (fraction.size() == 1) return 0;
    const std::string terminated(fraction);
    char* end = nullptr;
    const double value = std::strtod(terminated.c_str(), &end);
    if (*end != '\0') fail(Complaint::format);
    return static_cast<std::int64_t>(std::rint(value * 1e6));
  }

  void understand(const Field& field, bool last) {
    switch (field.shape) {
      case Shape::date:
        return understand_date_shape(field.text);
      case Shape::time:
        if (prefix_ != Word::none && prefix_ != Word::iso_time) fail(Complaint::format);
        prefix_ = Word::none;
        return read_clock(field.text);
      case Shape::zone_offset:
        return read_offset(field.text);
      case Shape::number:
        return understand_number(field.text);
      case Shape::word:
      case Shape::signed_word:
        return understand_word(field.text, last);
    }
  }

  void understand_date_shape(const std::string& text) {
    if (prefix_ == Word::julian) {
      const std::size_t sign = text.find_first_of("+-");
      if (sign == std::string::npos) fail(Complaint::format);
      prefix_ = Word::none;
      read_julian(text.substr(0, sign));
      read_offset(text.substr(sign));
    } else if (prefix_ == Word::iso_time || (knows(kMonth | kDay) && is_digit(text[0]))) {
      // A time without colons, and a zone behind it: 040506-08.
      prefix_ = Word::none;
      const std::size_t sign = text.find('-');
      if (sign == std::string::npos) fail(Complaint::format);
      if (knows(kTime)) fail(Complaint::format);
      const std::string zone = text.substr(sign);
      read_run_of_digits(text.substr(0, sign));
      read_offset(zone);
    } else if (knows(kMonth | kDay)) {
      read_zone_name(text);
    } else {
      read_date(text);
    }
  }

  void read_zone_name(const std::string& text) {
    result_.zone = TimeZone::find(text);
    if (result_.zone == nullptr) fail_zone(text);
    say(kZone);
  }

  // 1999-01-08, 8/1/1999, 08-Jan-1999, jan-08-99 …: exactly three parts, which may be text for the month.
  void read_date(std::string_view text) {
    std::vector<std::string_view> numbers;
    for (std::size_t at = 0; at < text.size();) {
      while (at < text.size() && !is_word_or_digit(text[at])) ++at;
      if (at == text.size()) fail(Complaint::format);
      const std::size_t start = at;
      const bool digits = is_digit(text[at]);
      while (at < text.size() && (digits ? is_digit(text[at]) : is_letter(text[at]))) ++at;
      const std::string_view part = text.substr(start, at - start);
      if (at < text.size() && !is_word_or_digit(text[at])) ++at;
      if (digits) {
        numbers.push_back(part);
        continue;
      }
      const WordEntry entry = find_word(part);
      if (entry.word == Word::ignored) continue;
      if (entry.word != Word::month) fail(Complaint::format);
      say(kMonth);
      text_month_ = true;
      result_.month = entry.value;
    }
    for (const std::string_view number : numbers) {
      if (knows(kDate)) fail(Complaint::format);
      read_date_part(number);
    }
    // A time may only follow such a date, not come before it.
    if ((known_ & ~(kZone | kDayOfYear)) != kDate) fail(Complaint::format);
  }

  // A number of which only its place tells what it is.
  void read_date_part(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view digits = text.substr(0, point);
    if (knows(kDate)) return read_run_of_digits(text);
    if (point != std::string_view::npos) {
      if (digits.size() > 2) return read_run_of_digits(text);
      fraction_us_ = read_fraction(text.substr(point));
    }
    const int value = read_number(digits);
    const std::size_t length = text.size();
    const bool long_or_year_first = length >= 3 || style_.date_order == DateOrder::ymd;
    const unsigned before = known_ & kDate;
    if (length == 3 && before == kYear && value >= 1 && value <= 366) {
      say(kDayOfYear | kMonth | kDay);
      day_of_year_ = value;
    } else if (before == 0) {
      if (long_or_year_first)
        set_year(value, length);
      else if (style_.date_order == DateOrder::dmy)
        set_day(value);
      else
        set_month(value);
    } else if (before == kYear || before == kDay) {
      set_month(value);
    } else if (before == (kMonth | kDay)) {
      set_year(value, length);
    } else if (before == kMonth && text_month_ && long_or_year_first) {
      set_year(value, length);
    } else if (before == (kYear | kMonth) && text_month_ && length >= 3 && short_year_) {
      // 08-Jan-1999 read with the year first: the first number was the day after all.
      set_day(static_cast<int>(result_.year));
      result_.year = value;
      short_year_ = false;
    } else if (before == kMonth || before == (kYear | kMonth)) {
      set_day(value);
    } else {
      fail(Complaint::format);
    }
  }

  void set_year(int value, std::size_t digits) {
    say(kYear);
    result_.year = value;
    short_year_ = digits <= 2;
  }
  void set_month(int value) {
    say(kMonth);
    result_.month = value;
  }
  void set_day(int value) {
    say(kDay);
    result_.day = value;
  }
  void set_time(std::int64_t hour, std::int64_t minute, std::int64_t second, std::int64_t fraction_us) {
    say(kTime);
    if (minute > 59 || second > 60) fail(Complaint::overflow);
    hour_ = hour;
    rest_us_ = minute * kUsPerMinute + second * kUsPerSecond;
    fraction_us_ = fraction_us;
  }

  // 19990108, 990108; and when there is a date, 040506, 0405, 040506.789.
  void read_run_of_digits(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view digits = text.substr(0, point);
    const std::size_t length = digits.size();
    if (point == std::string_view::npos && !knows(kDate) && length >= 6) {
      const int day = read_number(digits.substr(length - 2));
      const int month = read_number(digits.substr(length - 4, 2));
      const int year = read_number(digits.substr(0, length - 4));
      say(kDate);
      result_.year = year;
      result_.month = month;
      result_.day = day;
      short_year_ = length == 6;
      return;
    }
    const std::int64_t fraction = point == std::string_view::npos ? 0 : read_fraction(text.substr(point));
    if (knows(kTime) || (length != 6 && length != 4)) fail(Complaint::format);
    set_time(read_number(digits.substr(0, 2)), read_number(digits.substr(2, 2)),
             length == 6 ? read_number(digits.substr(4)) : 0, fraction);
  }

  void read_julian(std::string_view text) {
    const std::size_t point = text.find('.');
    const int julian = read_number(text.substr(0, point));
    say(kDate);
    const CivilDate date = civil_from_days(std::int64_t{julian} - kEpochJulian);
    result_.year = date.year;
    result_.month = date.month;
    result_.day = date.day;
    julian_ = true;
    if (point == std::string_view::npos) return;
    say(kTime);
    const std::string fraction(text.substr(point));
    hour_ = 0;
    rest_us_ =
        static_cast<std::int64_t>(std::strtod(fraction.c_str(), nullptr) * static_cast<double>(kUsPerDay));
  }

  void understand_number(const std::string& text) {
    if (prefix_ == Word::julian) {
      prefix_ = Word::none;
      return read_julian(text);
    }
    if (prefix_ == Word::iso_time) {
      prefix_ = Word::none;
      if (!knows(kDate)) fail(Complaint::format);
      return read_run_of_digits(text);
    }
    const std::size_t point = text.find('.');
    if (point != std::string::npos && (known_ & kDate) == 0) return read_date(text);
    if (point != std::string::npos && point > 2) return read_run_of_digits(text);
    if (text.size() >= 6 && ((known_ & kDate) == 0 || !knows(kTime))) return read_run_of_digits(text);
    read_date_part(text);
  }

  // hh:mm, hh:mm:ss, hh:mm:ss.fff, and mm:ss.fff.
  void read_clock(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::int64_t fraction = point == std::string_view::npos ? 0 : read_fraction(text.substr(point));
    std::string_view whole = text.substr(0, point);
    int parts[3] = {0, 0, 0};
    int count = 0;
    for (;;) {
      const std::size_t colon = whole.find(':');
      const std::string_view part = whole.substr(0, colon);
      if (count == 3) fail(Complaint::format);
      parts[count++] = read_number(part);
      if (colon == std::string_view::npos) break;
      whole.remove_prefix(colon + 1);
    }
    if (count == 2 && point != std::string_view::npos)
      set_time(0, parts[0], parts[1], fraction);
    else
      set_time(parts[0], parts[1], parts[2], fraction);
  }

  // ±hh, ±hhmm, ±hh:mm, ±hh:mm:ss
  void read_offset(std::string_view text) {
    const bool negative = text.front() == '-';
    if (!negative && text.front() != '+') fail(Complaint::format);
    text.remove_prefix(1);
    int parts[3] = {0, 0, 0};
    int count = 0;
    const bool colons = text.find(':') != std::string_view::npos;
    const std::size_t length = text.size();
    for (;;) {
      const std::size_t colon = text.find(':');
      if (count == 3) fail(Complaint::format);
      parts[count++] = read_number(text.substr(0, colon));
      if (colon == std::string_view::npos) break;
      text.remove_prefix(colon + 1);
    }
    if (!colons && length > 2) {
      parts[1] = parts[0] % 100;
      parts[0] /= 100;
    }
    constexpr int kHoursMax = 15;
    if (parts[0] > kHoursMax || parts[1] > 59 || parts[2] > 59) fail(Complaint::displacement);
    say(kZone);
    const std::int32_t seconds = (parts[0] * 60 + parts[1]) * 60 + parts[2];
    result_.offset_s = negative ? -seconds : seconds;
  }

  void understand_word(const std::string& text, bool last) {
    if (prefix_ != Word::none) fail(Complaint::format);
    if (const ZoneAbbreviation* zone = find_zone_abbreviation(text)) {
      say(kZone);
      result_.offset_s = zone->offset_s;
      return;
    }
    const WordEntry entry = find_word(text);
    switch (entry.word) {
      case Word::none:
        return understand_unknown_word(text);
      case Word::ignored:
        return;
      case Word::month:
        // 8 January: the number before it was taken for the month.
        if (knows(kMonth) && !text_month_ && !knows(kDay) && result_.month >= 1 && result_.month <= 31) {
          set_day(result_.month);
        } else {
          say(kMonth);
        }
        text_month_ = true;
        result_.month = entry.value;
        return;
      case Word::weekday:
        return say(kWeekday);
      case Word::ad:
      case Word::bc:
        say(kEra);
        before_christ_ = entry.word == Word::bc;
        return;
      case Word::am:
      case Word::pm:
        say(kMeridian);
        meridian_ = entry.word;
        return;
      case Word::iso_time:
        if (!knows(kDate)) fail(Complaint::format);
        [[fallthrough]];
      case Word::julian:
        if (last) fail(Complaint::format);
        prefix_ = entry.word;
        return;
      default:
        return understand_special(entry.word);
    }
  }

  void understand_unknown_word(const std::string& text) {
    result_.zone = TimeZone::find(text);
    if (result_.zone == nullptr) fail(Complaint::format);
    say(kZone);
  }

  const TimeZone& session_zone() const { return style_.zone != nullptr ? *style_.zone : *TimeZone::utc(); }

  void understand_special(Word word) {
    using Special = ParsedDateTime::Special;
    switch (word) {
      case Word::epoch:
      case Word::infinity:
      case Word::minus_infinity:
        say(kSpecial | kDate | kTime | kZone);
        result_.special = word == Word::epoch      ? Special::epoch
                          : word == Word::infinity ? Special::infinity
                                                   : Special::minus_infinity;
        return;
      case Word::midnight_utc:
        set_time(0, 0, 0, 0);
        say(kZone);
        result_.offset_s = 0;
        return;
      case Word::now: {
        say(kDate | kTime | kZone);
        const std::int32_t offset_s = session_zone().offset_at(style_.now_us);
        const DayTime now = split_timestamp(style_.now_us + offset_s * kUsPerSecond);
        set_date(now.days);
        rest_us_ = now.us_of_day;
        result_.offset_s = offset_s;
        return;
      }
      default: {
        say(kDate);
        const std::int64_t today = split_timestamp(session_zone().to_local(style_.now_us)).days;
        set_date(word == Word::tomorrow ? today + 1 : word == Word::yesterday ? today - 1 : today);
        return;
      }
    }
  }

  void set_date(std::int64_t days) {
    const CivilDate date = civil_from_days(days);
    result_.year = date.year;
    result_.month = date.month;
    result_.day = date.day;
    julian_ = true;
  }

  void finish() {
    if (result_.special != ParsedDateTime::Special::none) return;
    check_date();
    if (meridian_ != Word::none) {
      if (hour_ > 12) fail(Complaint::overflow);
      if (meridian_ == Word::am && hour_ == 12) hour_ = 0;
      if (meridian_ == Word::pm && hour_ != 12) hour_ += 12;
    }
    result_.time_us = hour_ * kUsPerHour + rest_us_ + fraction_us_;
    if (hour_ > 24 || result_.time_us > kUsPerDay) fail(Complaint::overflow);
    if (!knows(kDate)) fail(Complaint::format);
  }

  void check_date() {
    if (knows(kYear) && !julian_) {
      if (result_.year < 0) fail(Complaint::overflow);
      if (before_christ_) {
        if (result_.year == 0) fail(Complaint::overflow);
        result_.year = 1 - result_.year;
      } else if (short_year_) {
        result_.year += result_.year < 70 ? 2000 : 1900;
      } else if (result_.year == 0) {
        fail(Complaint::overflow);
      }
    }
    if (knows(kDayOfYear)) {
      const CivilDate date = civil_from_days(days_from_civil(result_.year, 1, 1) + day_of_year_ - 1);
      result_.year = date.year;
      result_.month = date.month;
      result_.day = date.day;
    }
    if (knows(kMonth) && (result_.month < 1 || result_.month > 12)) fail(Complaint::overflow_or_order);
    if (knows(kDay) && (result_.day < 1 || result_.day > 31)) fail(Complaint::overflow_or_order);
    if (knows(kDate) && result_.day > days_in_month(result_.year, result_.month)) fail(Complaint::overflow);
  }

  std::string_view text_;
  std::string_view type_;
  const TextStyle& style_;

  ParsedDateTime result_;
  unsigned known_ = 0;
  Word prefix_ = Word::none;    // julian or iso_time: says what the next field is
  Word meridian_ = Word::none;  // am or pm
  bool text_month_ = false;     // the month was a word
  bool short_year_ = false;     // the year had one or two digits
  bool before_christ_ = false;
  bool julian_ = false;  // the year is astronomical already
  int day_of_year_ = 0;
  std::int64_t hour_ = 0;
  std::int64_t rest_us_ = 0;      // minutes and seconds
  std::int64_t fraction_us_ = 0;  // of a second
};

}  // namespace

ParsedDateTime parse_date_time(std::string_view text, std::string_view type, const TextStyle& style) {
  return Understanding(text, type, style).run();
}

}  // namespace gyre::storage
