// The proleptic Gregorian calendar by days since 2000-01-01, as dates are stored. Pure arithmetic, any year.
#pragma once

#include <cstdint>
#include <limits>

namespace gyre::storage {

inline constexpr std::int64_t kUsPerSecond = 1'000'000;
inline constexpr std::int64_t kUsPerMinute = 60 * kUsPerSecond;
inline constexpr std::int64_t kUsPerHour = 60 * kUsPerMinute;
inline constexpr std::int64_t kUsPerDay = 24 * kUsPerHour;

// 2000-01-01 in the Julian day count, and in days and microseconds since 1970-01-01.
inline constexpr std::int32_t kEpochJulian = 2451545;
inline constexpr std::int64_t kEpochUnixDays = 10957;
inline constexpr std::int64_t kEpochUnixUs = kEpochUnixDays * kUsPerDay;

inline constexpr std::int32_t kDateMinusInfinity = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int32_t kDateInfinity = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t kTimestampMinusInfinity = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kTimestampInfinity = std::numeric_limits<std::int64_t>::max();

// First valid, and first beyond: 4714-11-24 BC, 5874898-01-01, 294277-01-01.
inline constexpr std::int64_t kDateFirst = -kEpochJulian;
inline constexpr std::int64_t kDateEnd = 2147483494LL - kEpochJulian;
inline constexpr std::int64_t kTimestampFirst = -211813488000000000LL;
inline constexpr std::int64_t kTimestampEnd = 9223371331200000000LL;

constexpr bool date_is_finite(std::int64_t days) {
  return days != kDateMinusInfinity && days != kDateInfinity;
}
constexpr bool timestamp_is_finite(std::int64_t us) {
  return us != kTimestampMinusInfinity && us != kTimestampInfinity;
}
constexpr bool date_in_range(std::int64_t days) {
  return days >= kDateFirst && days < kDateEnd;
}
constexpr bool timestamp_in_range(std::int64_t us) {
  return us >= kTimestampFirst && us < kTimestampEnd;
}

// year is astronomical: 0 is 1 BC, -1 is 2 BC.
struct CivilDate {
  std::int64_t year;
  int month;  // 1-12
  int day;    // 1-31
};

constexpr bool is_leap_year(std::int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
constexpr int days_in_month(std::int64_t year, int month) {
  constexpr std::int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

// The year is taken to begin in March, so that the leap day comes last; eras of 400 years are all alike.
constexpr std::int64_t days_from_civil(std::int64_t year, int month, int day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 730425;  // from 0000-03-01 to 2000-01-01
}

constexpr CivilDate civil_from_days(std::int64_t days) {
  const std::int64_t shifted = days + 730425;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const std::int64_t day_of_era = shifted - era * 146097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t march_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1);
  const int month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

// 0 is Sunday.
constexpr int weekday_from_days(std::int64_t days) {
  const std::int64_t shifted = (days + 6) % 7;  // 2000-01-01 was a Saturday
  return static_cast<int>(shifted < 0 ? shifted + 7 : shifted);
}
// 1 is Monday, 7 is Sunday.
constexpr int iso_weekday_from_days(std::int64_t days) {
  const int weekday = weekday_from_days(days);
  return weekday == 0 ? 7 : weekday;
}
// 1-366.
constexpr int day_of_year(CivilDate date) {
  return static_cast<int>(days_from_civil(date.year, date.month, date.day) -
                          days_from_civil(date.year, 1, 1)) +
         1;
}

// ISO 8601: weeks begin on Monday, and week 1 is the one that holds January 4th.
struct IsoWeek {
  std::int64_t year;  // astronomical
  int week;           // 1-53
};
constexpr std::int64_t iso_week_start(std::int64_t year, int week) {
  const std::int64_t fourth = days_from_civil(year, 1, 4);
  return fourth - (iso_weekday_from_days(fourth) - 1) + std::int64_t{week - 1} * 7;
}
constexpr IsoWeek iso_week_from_days(std::int64_t days) {
  const std::int64_t thursday = days - (iso_weekday_from_days(days) - 4);
  const std::int64_t year = civil_from_days(thursday).year;
  return {year, static_cast<int>((thursday - days_from_civil(year, 1, 1)) / 7) + 1};
}

// A timestamp without zone as day and time of day; us_of_day is never negative.
struct DayTime {
  std::int64_t days;
  std::int64_t us_of_day;
};
constexpr DayTime split_timestamp(std::int64_t us) {
  std::int64_t days = us / kUsPerDay;
  std::int64_t rest = us % kUsPerDay;
  if (rest < 0) {
    rest += kUsPerDay;
    --days;
  }
  return {days, rest};
}

struct CivilTime {
  int hour;
  int minute;
  int second;
  int microsecond;
};
constexpr CivilTime civil_from_us_of_day(std::int64_t us) {
  return {static_cast<int>(us / kUsPerHour), static_cast<int>(us / kUsPerMinute % 60),
          static_cast<int>(us / kUsPerSecond % 60), static_cast<int>(us % kUsPerSecond)};
}

}  // namespace gyre::storage
