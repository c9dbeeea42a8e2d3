// Functions of date, timestamp and timestamptz. A moment is taken apart once (Fields), in local time for a
// timestamptz, and every unit is read from there.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/calendar.h"
#include "storage/types/input.h"
#include "storage/types/numeric.h"
#include "storage/types/time_zone.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;
using T = TypeId;

// In rising order of coarseness up to millennium; date_trunc knows only those.
enum class Unit : std::uint8_t {
  microsecond,
  millisecond,
  second,
  minute,
  hour,
  day,
  week,
  month,
  quarter,
  year,
  decade,
  century,
  millennium,
  epoch,
  dow,
  isodow,
  doy,
  isoyear,
  julian,
  timezone,
  timezone_hour,
  timezone_minute,
};

struct UnitName {
  std::string_view name;
  Unit unit;
};
constexpr UnitName kUnits[] = {
    {"microseconds", Unit::microsecond},
    {"microsecond", Unit::microsecond},
    {"us", Unit::microsecond},
    {"usec", Unit::microsecond},
    {"milliseconds", Unit::millisecond},
    {"millisecond", Unit::millisecond},
    {"ms", Unit::millisecond},
    {"msec", Unit::millisecond},
    {"second", Unit::second},
    {"seconds", Unit::second},
    {"sec", Unit::second},
    {"secs", Unit::second},
    {"s", Unit::second},
    {"minute", Unit::minute},
    {"minutes", Unit::minute},
    {"min", Unit::minute},
    {"mins", Unit::minute},
    {"m", Unit::minute},
    {"hour", Unit::hour},
    {"hours", Unit::hour},
    {"hr", Unit::hour},
    {"hrs", Unit::hour},
    {"h", Unit::hour},
    {"day", Unit::day},
    {"days", Unit::day},
    {"d", Unit::day},
    {"week", Unit::week},
    {"weeks", Unit::week},
    {"w", Unit::week},
    {"month", Unit::month},
    {"months", Unit::month},
    {"mon", Unit::month},
    {"mons", Unit::month},
    {"quarter", Unit::quarter},
    {"qtr", Unit::quarter},
    {"year", Unit::year},
    {"years", Unit::year},
    {"yr", Unit::year},
    {"yrs", Unit::year},
    {"y", Unit::year},
    {"decade", Unit::decade},
    {"decades", Unit::decade},
    {"dec", Unit::decade},
    {"century", Unit::century},
    {"centuries", Unit::century},
    {"cent", Unit::century},
    {"c", Unit::century},
    {"millennium", Unit::millennium},
    {"millennia", Unit::millennium},
    {"mil", Unit::millennium},
    {"epoch", Unit::epoch},
    {"dow", Unit::dow},
    {"isodow", Unit::isodow},
    {"doy", Unit::doy},
    {"isoyear", Unit::isoyear},
    {"julian", Unit::julian},
    {"j", Unit::julian},
    {"jd", Unit::julian},
    {"timezone", Unit::timezone},
    {"timezone_h", Unit::timezone_hour},
    {"timezone_hour", Unit::timezone_hour},
    {"timezone_minute", Unit::timezone_minute},
    {"timezone_m", Unit::timezone_minute},
};

[[noreturn]] void fail_unit(std::string_view name, const char* how, TypeId type) {
  throw Failure(how[4] == 's' ? Fault::feature_not_supported : Fault::invalid_parameter_value,
                "unit \"" + std::string(name) + "\" " + how + " for type " + std::string(traits(type).name));
}
std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}
Unit unit_named(std::string_view name, TypeId type) {
  const std::string lower = lowered(name);
  for (const UnitName& entry : kUnits)
    if (entry.name == lower) return entry.unit;
  fail_unit(lower, "not recognized", type);
}

[[noreturn]] void fail_timestamp_range() {
  throw Failure(Fault::datetime_field_overflow, "timestamp out of range");
}
Datum checked_timestamp(std::int64_t us) {
  if (!timestamp_in_range(us)) fail_timestamp_range();
  return Datum::of_integer(us);
}
Datum checked_date(std::int64_t days) {
  if (!date_in_range(days)) throw Failure(Fault::datetime_field_overflow, "date out of range");
  return Datum::of_integer(days);
}

// ---- zones ----

const TimeZone* session_zone(const EvalContext& context) {
  const TimeZone* zone = style_of(context).zone;
  return zone != nullptr ? zone : TimeZone::utc();
}
// By an abbreviation, by name, or by a bare offset, which POSIX counts west of Greenwich.
const TimeZone* zone_named(std::string_view name) {
  const std::string lower = lowered(name);
  if (const ZoneAbbreviation* known = find_zone_abbreviation(lower)) return TimeZone::fixed(known->offset_s);
  const TimeZone* zone = nullptr;
  if (!name.empty() && (name[0] == '+' || name[0] == '-'))
    zone = TimeZone::find((name[0] == '+' ? "-" : "+") + std::string(name.substr(1)));
  else
    zone = TimeZone::find(name);
  if (zone == nullptr)
    throw Failure(Fault::invalid_parameter_value, "time zone \"" + std::string(name) + "\" not recognized");
  return zone;
}

// ---- taking apart ----

struct Fields {
  std::int64_t local_us;  // as the clock reads
  std::int64_t days;
  CivilDate date;
  CivilTime time;
  std::int32_t offset_s = 0;
};
Fields fields_of(std::int64_t local_us) {
  const DayTime split = split_timestamp(local_us);
  return {local_us, split.days, civil_from_days(split.days), civil_from_us_of_day(split.us_of_day)};
}

// There is no year zero: 1 BC is -1.
std::int64_t shown_year(std::int64_t year) {
  return year > 0 ? year : year - 1;
}
// Centuries and millennia are counted from year 1, and backwards from year 0.
std::int64_t counted(std::int64_t year, std::int64_t length) {
  return year > 0 ? (year + length - 1) / length : -((length - 1 - (year - 1)) / length);
}
std::int64_t decade(std::int64_t year) {
  return year >= 0 ? year / 10 : -((9 - year) / 10);
}

// A part as an exact value: amount / 10^scale.
struct Part {
  __int128 amount;
  std::int32_t scale = 0;
};
Part whole(std::int64_t amount) {
  return {amount, 0};
}
std::optional<Part> date_part_of(const Fields& f, Unit unit) {
  switch (unit) {
    case Unit::day:
      return whole(f.date.day);
    case Unit::week:
      return whole(iso_week_from_days(f.days).week);
    case Unit::month:
      return whole(f.date.month);
    case Unit::quarter:
      return whole((f.date.month - 1) / 3 + 1);
    case Unit::year:
      return whole(shown_year(f.date.year));
    case Unit::decade:
      return whole(decade(f.date.year));
    case Unit::century:
      return whole(counted(f.date.year, 100));
    case Unit::millennium:
      return whole(counted(f.date.year, 1000));
    case Unit::isoyear:
      return whole(shown_year(iso_week_from_days(f.days).year));
    case Unit::dow:
      return whole(weekday_from_days(f.days));
    case Unit::isodow:
      return whole(iso_weekday_from_days(f.days));
    case Unit::doy:
      return whole(day_of_year(f.date));
    default:
      return std::nullopt;
  }
}
std::optional<Part> time_part_of(const Fields& f, Unit unit) {
  const std::int64_t us_of_minute = f.time.second * kUsPerSecond + f.time.microsecond;
  switch (unit) {
    case Unit::microsecond:
      return whole(us_of_minute);
    case Unit::millisecond:
      return Part{us_of_minute, 3};
    case Unit::second:
      return Part{us_of_minute, 6};
    case Unit::minute:
      return whole(f.time.minute);
    case Unit::hour:
      return whole(f.time.hour);
    case Unit::epoch:
      return Part{static_cast<__int128>(f.local_us) - f.offset_s * kUsPerSecond + kEpochUnixUs, 6};
    default:
      return std::nullopt;
  }
}
std::optional<Part> zone_part_of(const Fields& f, Unit unit) {
  switch (unit) {
    case Unit::timezone:
      return whole(f.offset_s);
    case Unit::timezone_hour:
      return whole(f.offset_s / 3600);
    case Unit::timezone_minute:
      return whole(f.offset_s % 3600 / 60);
    default:
      return std::nullopt;
  }
}

Datum julian(EvalContext& context, const Fields& f) {
  Arena& arena = *context.arena;
  const std::int64_t us_of_day = f.local_us - f.days * kUsPerDay;
  const Datum part =
      numeric::divide(numeric::from_int64(us_of_day, arena), numeric::from_int64(kUsPerDay, arena), arena);
  return numeric::add(numeric::from_int64(f.days + kEpochJulian, arena), part, arena);
}

// Of ±infinity the units that grow without bound are infinite, the others null.
Datum part_of_infinity(EvalContext& context, Unit unit, bool positive) {
  switch (unit) {
    case Unit::year:
    case Unit::decade:
    case Unit::century:
    case Unit::millennium:
    case Unit::julian:
    case Unit::isoyear:
    case Unit::epoch: {
      const double infinity = std::numeric_limits<double>::infinity();
      return numeric::from_double(positive ? infinity : -infinity, *context.arena);
    }
    default:
      return {};
  }
}

template <TypeId type>
Datum extract(EvalContext& context, Arguments a, unsigned) {
  const Unit unit = unit_named(a[0].bytes(), type);
  const std::int64_t us = a[1].integer;
  if (!timestamp_is_finite(us)) return part_of_infinity(context, unit, us > 0);
  std::int32_t offset_s = 0;
  if constexpr (type == T::timestamptz) offset_s = session_zone(context)->offset_at(us);
  Fields fields = fields_of(us + offset_s * kUsPerSecond);
  fields.offset_s = offset_s;
  if (unit == Unit::julian) return julian(context, fields);
  std::optional<Part> part = date_part_of(fields, unit);
  if (!part) part = time_part_of(fields, unit);
  if (!part && type == T::timestamptz) part = zone_part_of(fields, unit);
  if (!part) fail_unit(lowered(a[0].bytes()), "not supported", type);
  return numeric::from_int128(part->amount, part->scale, *context.arena);
}
Datum extract_from_date(EvalContext& context, Arguments a, unsigned) {
  const Unit unit = unit_named(a[0].bytes(), T::date);
  const std::int64_t days = a[1].integer;
  if (unit < Unit::day || unit >= Unit::timezone) fail_unit(lowered(a[0].bytes()), "not supported", T::date);
  if (!date_is_finite(days)) return part_of_infinity(context, unit, days > 0);
  if (unit == Unit::julian) return numeric::from_int64(days + kEpochJulian, *context.arena);
  if (unit == Unit::epoch) return numeric::from_int64((days + kEpochUnixDays) * 86400, *context.arena);
  const Fields fields{0, days, civil_from_days(days), {}};
  return numeric::from_int64(static_cast<std::int64_t>(date_part_of(fields, unit)->amount), *context.arena);
}

template <TypeId type>
Datum date_part(EvalContext& context, Arguments a, unsigned count) {
  const Datum part = extract<type>(context, a, count);
  if (part.null) return part;
  if (numeric::is_infinite(part))
    return Datum::of_real(a[1].integer > 0 ? std::numeric_limits<double>::infinity()
                                           : -std::numeric_limits<double>::infinity());
  return Datum::of_real(numeric::to_double(part));
}
// A date's parts are those of its midnight.
Datum date_part_of_date(EvalContext& context, Arguments a, unsigned count) {
  Datum midnight[2] = {a[0], a[1]};
  const std::int64_t days = a[1].integer;
  midnight[1].integer = days == kDateInfinity        ? kTimestampInfinity
                        : days == kDateMinusInfinity ? kTimestampMinusInfinity
                                                     : days * kUsPerDay;
  if (date_is_finite(days) && days >= kTimestampEnd / kUsPerDay)
    throw Failure(Fault::datetime_field_overflow, "date out of range for timestamp");
  return date_part<T::timestamp>(context, midnight, count);
}

// ---- cutting off ----

std::int64_t first_year(std::int64_t year, Unit unit) {
  switch (unit) {
    case Unit::decade:
      return year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10;
    case Unit::century:
      return year > 0 ? (year + 99) / 100 * 100 - 99 : -((99 - (year - 1)) / 100) * 100 + 1;
    case Unit::millennium:
      return year > 0 ? (year + 999) / 1000 * 1000 - 999 : -((999 - (year - 1)) / 1000) * 1000 + 1;
    default:
      return year;
  }
}
std::int64_t truncated(std::int64_t local_us, Unit unit) {
  const DayTime split = split_timestamp(local_us);
  const auto cut = [&split](std::int64_t step) {
    return split.days * kUsPerDay + split.us_of_day - split.us_of_day % step;
  };
  switch (unit) {
    case Unit::microsecond:
      return local_us;
    case Unit::millisecond:
      return cut(1000);
    case Unit::second:
      return cut(kUsPerSecond);
    case Unit::minute:
      return cut(kUsPerMinute);
    case Unit::hour:
      return cut(kUsPerHour);
    case Unit::day:
      return split.days * kUsPerDay;
    case Unit::week:
      return (split.days - (iso_weekday_from_days(split.days) - 1)) * kUsPerDay;
    default:
      break;
  }
  const CivilDate date = civil_from_days(split.days);
  const int month = unit == Unit::month     ? date.month
                    : unit == Unit::quarter ? (date.month - 1) / 3 * 3 + 1
                                            : 1;
  return days_from_civil(first_year(date.year, unit), month, 1) * kUsPerDay;
}

Unit truncation_unit(std::string_view name, TypeId type) {
  const Unit unit = unit_named(name, type);
  if (unit > Unit::millennium) {
    const bool zone = unit >= Unit::timezone;
    fail_unit(lowered(name), zone ? "not supported" : "not recognized", type);
  }
  return unit;
}
Datum date_trunc(EvalContext&, Arguments a, unsigned) {
  if (!timestamp_is_finite(a[1].integer)) return a[1];
  const Unit unit = truncation_unit(a[0].bytes(), T::timestamp);
  return checked_timestamp(truncated(a[1].integer, unit));
}
// Within a day the offset stays; from a day on it is that of the day's beginning.
Datum date_trunc_zoned(EvalContext& context, Arguments a, unsigned count) {
  const std::int64_t us = a[1].integer;
  if (!timestamp_is_finite(us)) return a[1];
  const Unit unit = truncation_unit(a[0].bytes(), T::timestamptz);
  const TimeZone* zone = count > 2 ? zone_named(a[2].bytes()) : session_zone(context);
  const std::int64_t offset_us = zone->offset_at(us) * kUsPerSecond;
  const std::int64_t local_us = truncated(us + offset_us, unit);
  return checked_timestamp(unit < Unit::day ? local_us - offset_us : zone->to_utc(local_us));
}

// ---- making ----

[[noreturn]] void fail_date_field(Arguments a) {
  char text[64];
  std::snprintf(text, sizeof text, "%d-%02d-%02d", static_cast<int>(a[0].integer),
                static_cast<int>(a[1].integer), static_cast<int>(a[2].integer));
  throw Failure(Fault::datetime_field_overflow, std::string("date field value out of range: ") + text);
}
// Negative years are BC; there is no year 0.
std::int64_t days_of(Arguments a) {
  std::int64_t year = a[0].integer;
  const std::int64_t month = a[1].integer, day = a[2].integer;
  if (year == 0 || month < 1 || month > 12 || day < 1) fail_date_field(a);
  if (year < 0) ++year;
  if (day > days_in_month(year, static_cast<int>(month))) fail_date_field(a);
  const std::int64_t days = days_from_civil(year, static_cast<int>(month), static_cast<int>(day));
  if (!date_in_range(days)) {
    char text[64];
    std::snprintf(text, sizeof text, "%d-%02d-%02d", static_cast<int>(a[0].integer), static_cast<int>(month),
                  static_cast<int>(day));
    throw Failure(Fault::datetime_field_overflow, std::string("date out of range: ") + text);
  }
  return days;
}
Datum make_date(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(days_of(a));
}
std::int64_t local_us_of(Arguments a) {
  const std::int64_t days = days_of(a);
  const std::int64_t hour = a[3].integer, minute = a[4].integer;
  const double second = a[5].real;
  const bool fits = hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60 &&
                    (hour < 24 || (minute == 0 && second == 0));
  if (!fits) {
    char text[80];
    std::snprintf(text, sizeof text, "%d:%02d:%02g", static_cast<int>(hour), static_cast<int>(minute),
                  second);
    throw Failure(Fault::datetime_field_overflow, std::string("time field value out of range: ") + text);
  }
  const auto us = static_cast<std::int64_t>(std::rint(second * static_cast<double>(kUsPerSecond)));
  return days * kUsPerDay + hour * kUsPerHour + minute * kUsPerMinute + us;
}
Datum make_timestamp(EvalContext&, Arguments a, unsigned) {
  return checked_timestamp(local_us_of(a));
}
Datum make_timestamptz(EvalContext& context, Arguments a, unsigned count) {
  const TimeZone* zone = count > 6 ? zone_named(a[6].bytes()) : session_zone(context);
  return checked_timestamp(zone->to_utc(local_us_of(a)));
}
Datum to_timestamp(EvalContext&, Arguments a, unsigned) {
  const double seconds = a[0].real;
  if (std::isnan(seconds)) throw Failure(Fault::datetime_field_overflow, "timestamp cannot be NaN");
  if (std::isinf(seconds))
    return Datum::of_integer(seconds > 0 ? kTimestampInfinity : kTimestampMinusInfinity);
  const double us = std::rint((seconds - static_cast<double>(kEpochUnixDays * 86400)) * 1e6);
  const bool fits = us >= static_cast<double>(kTimestampFirst) && us < static_cast<double>(kTimestampEnd);
  if (!fits) {
    char text[40];
    std::snprintf(text, sizeof text, "%g", seconds);
    throw Failure(Fault::datetime_field_overflow, std::string("timestamp out of range: \"") + text + "\"");
  }
  return Datum::of_integer(static_cast<std::int64_t>(us));
}

// ---- arithmetic ----

Datum add_days(std::int64_t date, std::int64_t days) {
  return date_is_finite(date) ? checked_date(date + days) : Datum::of_integer(date);
}
Datum date_plus(EvalContext&, Arguments a, unsigned) {
  return add_days(a[0].integer, a[1].integer);
}
Datum plus_date(EvalContext&, Arguments a, unsigned) {
  return add_days(a[1].integer, a[0].integer);
}
Datum date_minus(EvalContext&, Arguments a, unsigned) {
  return add_days(a[0].integer, -a[1].integer);
}
Datum days_between(EvalContext&, Arguments a, unsigned) {
  if (!date_is_finite(a[0].integer) || !date_is_finite(a[1].integer))
    throw Failure(Fault::datetime_field_overflow, "cannot subtract infinite dates");
  return Datum::of_integer(a[0].integer - a[1].integer);
}
Datum date_is_finite_(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(date_is_finite(a[0].integer));
}
Datum timestamp_is_finite_(EvalContext&, Arguments a, unsigned) {
  return Datum::of_bool(timestamp_is_finite(a[0].integer));
}

// ---- zones and clocks ----

Datum local_in_zone(EvalContext&, Arguments a, unsigned) {
  const TimeZone* zone = zone_named(a[0].bytes());
  return timestamp_is_finite(a[1].integer) ? checked_timestamp(zone->to_local(a[1].integer)) : a[1];
}
Datum utc_from_zone(EvalContext&, Arguments a, unsigned) {
  const TimeZone* zone = zone_named(a[0].bytes());
  return timestamp_is_finite(a[1].integer) ? checked_timestamp(zone->to_utc(a[1].integer)) : a[1];
}
Datum transaction_time(EvalContext& context, Arguments, unsigned) {
  return Datum::of_integer(context.transaction_us);
}
Datum statement_time(EvalContext& context, Arguments, unsigned) {
  return Datum::of_integer(context.statement_us);
}
Datum clock_time(EvalContext&, Arguments, unsigned) {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return Datum::of_integer(std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count() -
                           kEpochUnixUs);
}
Datum local_time(EvalContext& context, Arguments, unsigned) {
  return Datum::of_integer(session_zone(context)->to_local(context.transaction_us));
}
Datum today(EvalContext& context, Arguments a, unsigned count) {
  return Datum::of_integer(split_timestamp(local_time(context, a, count).integer).days);
}

constexpr auto kStable = Volatility::stable;

const FunctionDef kTable[] = {
    {"now", {}, T::timestamptz, transaction_time, true, kStable},
    {"current_timestamp", {}, T::timestamptz, transaction_time, true, kStable},
    {"transaction_timestamp", {}, T::timestamptz, transaction_time, true, kStable},
    {"statement_timestamp", {}, T::timestamptz, statement_time, true, kStable},
    {"clock_timestamp", {}, T::timestamptz, clock_time, true, Volatility::volatile_},
    {"localtimestamp", {}, T::timestamp, local_time, true, kStable},
    {"current_date", {}, T::date, today, true, kStable},
    {"extract", {T::text, T::timestamp}, T::numeric, extract<T::timestamp>},
    {"extract", {T::text, T::timestamptz}, T::numeric, extract<T::timestamptz>, true, kStable},
    {"extract", {T::text, T::date}, T::numeric, extract_from_date},
    {"date_part", {T::text, T::timestamp}, T::float8, date_part<T::timestamp>},
    {"date_part", {T::text, T::timestamptz}, T::float8, date_part<T::timestamptz>, true, kStable},
    {"date_part", {T::text, T::date}, T::float8, date_part_of_date},
    {"date_trunc", {T::text, T::timestamp}, T::timestamp, date_trunc},
    {"date_trunc", {T::text, T::timestamptz}, T::timestamptz, date_trunc_zoned, true, kStable},
    {"date_trunc", {T::text, T::timestamptz, T::text}, T::timestamptz, date_trunc_zoned, true, kStable},
    {"make_date", {T::int4, T::int4, T::int4}, T::date, make_date},
    {"make_timestamp",
     {T::int4, T::int4, T::int4, T::int4, T::int4, T::float8},
     T::timestamp,
     make_timestamp},
    {"make_timestamptz",
     {T::int4, T::int4, T::int4, T::int4, T::int4, T::float8},
     T::timestamptz,
     make_timestamptz,
     true,
     kStable},
    {"make_timestamptz",
     {T::int4, T::int4, T::int4, T::int4, T::int4, T::float8, T::text},
     T::timestamptz,
     make_timestamptz,
     true,
     kStable},
    {"to_timestamp", {T::float8}, T::timestamptz, to_timestamp},
    {"+", {T::date, T::int4}, T::date, date_plus},
    {"+", {T::int4, T::date}, T::date, plus_date},
    {"-", {T::date, T::int4}, T::date, date_minus},
    {"-", {T::date, T::date}, T::int4, days_between},
    {"isfinite", {T::date}, T::boolean, date_is_finite_},
    {"isfinite", {T::timestamp}, T::boolean, timestamp_is_finite_},
    {"isfinite", {T::timestamptz}, T::boolean, timestamp_is_finite_},
    {"timezone", {T::text, T::timestamptz}, T::timestamp, local_in_zone},
    {"timezone", {T::text, T::timestamp}, T::timestamptz, utc_from_zone},
};

}  // namespace

std::span<const FunctionDef> dates() {
  return kTable;
}

}  // namespace gyre::storage::families
