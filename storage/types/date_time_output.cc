// Everything is written straight into the out buffer: room for the longest text is reserved once, then only
// stores.
#include "storage/types/date_time_output.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "storage/types/integer.h"
#include "storage/types/time_zone.h"

namespace gyre::storage {

namespace {

constexpr std::size_t kRoom = 128;  // the longest text has about 60 bytes

// A cursor into reserved memory.
class Writer {
 public:
  explicit Writer(OutBuffer& out) : out_(out), start_(out.reserve(kRoom)), at_(start_) {}
  void finish() { out_.commit(static_cast<std::size_t>(at_ - start_)); }

  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void byte(char c) { *at_++ = c; }
  void pair(int value) {
    std::memcpy(at_, kDigitPairs.digits + 2 * value, 2);
    at_ += 2;
  }
  // At least four digits.
  void year(std::int64_t year) {
    const auto shown = static_cast<std::uint64_t>(year > 0 ? year : 1 - year);
    const int digits = std::max(4, count_digits(shown));
    write_digits(at_, shown, digits);
    at_ += digits;
  }
  void fraction(int microsecond) {
    if (microsecond == 0) return;
    byte('.');
    write_digits(at_, static_cast<std::uint64_t>(microsecond), 6);
    at_ += 6;
    while (at_[-1] == '0') --at_;
  }
  void clock(CivilTime time) {
    pair(time.hour);
    byte(':');
    pair(time.minute);
    byte(':');
    pair(time.second);
    fraction(time.microsecond);
  }
  void offset(std::int32_t offset_s) {
    byte(offset_s < 0 ? '-' : '+');
    const std::int32_t seconds = std::abs(offset_s);
    pair(seconds / 3600);
    if (seconds % 3600 == 0) return;
    byte(':');
    pair(seconds / 60 % 60);
    if (seconds % 60 == 0) return;
    byte(':');
    pair(seconds % 60);
  }

 private:
  OutBuffer& out_;
  char* start_;
  char* at_;
};

void write_infinity(bool positive, OutBuffer& out) {
  out.append(positive ? "infinity" : "-infinity");
}

void write_era(CivilDate date, Writer& to) {
  if (date.year <= 0) to.text(" BC");
}

// Day and month as the session's order has them.
void write_day_and_month(CivilDate date, char separator, bool day_first, Writer& to) {
  to.pair(day_first ? date.day : date.month);
  to.byte(separator);
  to.pair(day_first ? date.month : date.day);
}

void write_numeric_date(CivilDate date, DateFormat format, DateOrder order, Writer& to) {
  const bool day_first = order == DateOrder::dmy;
  switch (format) {
    case DateFormat::iso:
      to.year(date.year);
      to.byte('-');
      return write_day_and_month(date, '-', false, to);
    case DateFormat::sql:
      write_day_and_month(date, '/', day_first, to);
      to.byte('/');
      return to.year(date.year);
    case DateFormat::german:
      write_day_and_month(date, '.', true, to);
      to.byte('.');
      return to.year(date.year);
    case DateFormat::postgres:
      write_day_and_month(date, '-', day_first, to);
      to.byte('-');
      return to.year(date.year);
  }
}

// "Fri Jan 08 04:05:06 1999" or "Fri 08 Jan …".
void write_postgres_timestamp(CivilDate date, std::int64_t days, CivilTime time, DateOrder order,
                              Writer& to) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::string_view month = kMonths.substr(static_cast<std::size_t>(date.month - 1) * 3, 3);
  to.text(kDays.substr(static_cast<std::size_t>(weekday_from_days(days)) * 3, 3));
  to.byte(' ');
  if (order == DateOrder::dmy) {
    to.pair(date.day);
    to.byte(' ');
    to.text(month);
  } else {
    to.text(month);
    to.byte(' ');
    to.pair(date.day);
  }
  to.byte(' ');
  to.clock(time);
  to.byte(' ');
  to.year(date.year);
}

void write_zone(const TimeZone::Local& zone, DateFormat format, Writer& to) {
  constexpr std::size_t kAbbreviationMax = 10;
  if (format == DateFormat::iso) return to.offset(zone.offset_s);
  if (!zone.abbreviation.empty()) {
    to.byte(' ');
    return to.text(zone.abbreviation.substr(0, kAbbreviationMax));
  }
  if (format == DateFormat::postgres) to.byte(' ');
  to.offset(zone.offset_s);
}

void write_timestamp(std::int64_t local_us, const TimeZone::Local* zone, const TextStyle& style,
                     OutBuffer& out) {
  const DayTime split = split_timestamp(local_us);
  const CivilDate date = civil_from_days(split.days);
  const CivilTime time = civil_from_us_of_day(split.us_of_day);
  Writer to(out);
  if (style.date_format == DateFormat::postgres) {
    write_postgres_timestamp(date, split.days, time, style.date_order, to);
  } else {
    write_numeric_date(date, style.date_format, style.date_order, to);
    to.byte(' ');
    to.clock(time);
  }
  if (zone != nullptr) write_zone(*zone, style.date_format, to);
  write_era(date, to);
  to.finish();
}

}  // namespace

void print_date(std::int64_t days, const TextStyle& style, OutBuffer& out) {
  if (!date_is_finite(days)) return write_infinity(days > 0, out);
  const CivilDate date = civil_from_days(days);
  Writer to(out);
  write_numeric_date(date, style.date_format, style.date_order, to);
  write_era(date, to);
  to.finish();
}

void print_timestamp(std::int64_t us, const TextStyle& style, OutBuffer& out) {
  if (!timestamp_is_finite(us)) return write_infinity(us > 0, out);
  write_timestamp(us, nullptr, style, out);
}

void print_timestamptz(std::int64_t us, const TextStyle& style, OutBuffer& out) {
  if (!timestamp_is_finite(us)) return write_infinity(us > 0, out);
  const TimeZone::Local zone = (style.zone != nullptr ? *style.zone : *TimeZone::utc()).at(us);
  write_timestamp(us + zone.offset_s * kUsPerSecond, &zone, style, out);
}

}  // namespace gyre::storage
