// Texts and what PostgreSQL 15 makes of them.
#include <vector>

#include "storage/types/time_zone.h"
#include "tests/types/support.h"

namespace gyre::storage::test {
namespace {

struct Case {
  Type type;
  std::string_view text;
  std::string_view expected;
};

constexpr Type varchar(int n) {
  return {TypeId::varchar, n + 4};
}
constexpr Type bpchar(int n) {
  return {TypeId::bpchar, n + 4};
}
constexpr Type numeric(int precision, int scale) {
  return {TypeId::numeric, (precision << 16 | (scale & 0x7ff)) + 4};
}

const Case kCases[] = {
    {TypeId::boolean, " TRUE ", "t"},
    {TypeId::boolean, "of", "f"},
    {TypeId::boolean, "o", "invalid input syntax for type boolean: \"o\""},
    {TypeId::int2, "32768", "value \"32768\" is out of range for type smallint"},
    {TypeId::int4, " -2147483648 ", "-2147483648"},
    {TypeId::int4, "99999999999", "value \"99999999999\" is out of range for type integer"},
    {TypeId::int4, "abc", "invalid input syntax for type integer: \"abc\""},
    {TypeId::int4, "", "invalid input syntax for type integer: \"\""},
    {TypeId::int8, "-9223372036854775808", "-9223372036854775808"},
    {TypeId::int8, "9223372036854775808", "value \"9223372036854775808\" is out of range for type bigint"},
    {TypeId::float8, "1e15", "1e+15"},
    {TypeId::float8, "123456789012345", "123456789012345"},
    {TypeId::float8, "0.0001", "0.0001"},
    {TypeId::float8, "0.00001", "1e-05"},
    {TypeId::float8, "-0", "-0"},
    {TypeId::float8, "0.1", "0.1"},
    {TypeId::float8, "inf", "Infinity"},
    {TypeId::float8, "NAN", "NaN"},
    {TypeId::float8, "5e-324", "5e-324"},
    {TypeId::float8, "1e400", "\"1e400\" is out of range for type double precision"},
    {TypeId::float8, "1.5x", "invalid input syntax for type double precision: \"1.5x\""},
    {TypeId::float4, "1e6", "1e+06"},
    {TypeId::float4, "54422552", "5.4422552e+07"},  // 5.442255e+07 lies on the border to a neighbour
    {TypeId::float4, "85281112", "8.528111e+07"},
    {TypeId::float4, "1e39", "\"1e39\" is out of range for type real"},
    {TypeId::numeric, "-0.00", "0.00"},
    {TypeId::numeric, "1.5e3", "1500"},
    {TypeId::numeric, "1e-5", "0.00001"},
    {TypeId::numeric, "-inf", "-Infinity"},
    {TypeId::numeric, "1..2", "invalid input syntax for type numeric: \"1..2\""},
    {TypeId::numeric, "1e131072", "value overflows numeric format"},
    {TypeId::numeric, "1e1000000000", "value overflows numeric format"},
    {numeric(4, 2), "99.994", "99.99"},
    {numeric(4, 2), "99.995", "numeric field overflow"},
    {numeric(3, -2), "1250", "1300"},
    {varchar(2), "ab   ", "ab"},
    {varchar(2), "äöü", "value too long for type character varying(2)"},
    {varchar(2), "äö", "äö"},
    {bpchar(3), "ä", "ä  "},
    {bpchar(2), "abc", "value too long for type character(2)"},
    {TypeId::bytea, "\\x00fF", "\\x00ff"},
    {TypeId::bytea, "a\\\\\\001", "\\x615c01"},
    {TypeId::bytea, "\\x0", "invalid hexadecimal data: odd number of digits"},
    {TypeId::bytea, "\\9", "invalid input syntax for type bytea"},
    {TypeId::uuid, "{A0EEBC999C0B4EF8-BB6D6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {TypeId::uuid, "a0ee", "invalid input syntax for type uuid: \"a0ee\""},
    {TypeId::oid, "-1", "4294967295"},
    {TypeId::date, "January 8, 1999", "1999-01-08"},
    {TypeId::date, "1/18/1999", "1999-01-18"},
    {TypeId::date, "18/1/1999", "date/time field value out of range: \"18/1/1999\""},
    {TypeId::date, "990108", "1999-01-08"},
    {TypeId::date, "1999.008", "1999-01-08"},
    {TypeId::date, "J2451187", "1999-01-08"},
    {TypeId::date, "0044-03-15 BC", "0044-03-15 BC"},
    {TypeId::date, "1999-02-29", "date/time field value out of range: \"1999-02-29\""},
    {TypeId::date, "5874898-01-01", "date out of range: \"5874898-01-01\""},
    {TypeId::date, "x", "invalid input syntax for type date: \"x\""},
    {TypeId::date, "-infinity", "-infinity"},
    {TypeId::date, "epoch", "1970-01-01"},
    {TypeId::timestamp, "1999-01-08T04:05:06.789", "1999-01-08 04:05:06.789"},
    {TypeId::timestamp, "1999-01-08 12:05 am", "1999-01-08 00:05:00"},
    {TypeId::timestamp, "1999-01-08 24:00:00", "1999-01-09 00:00:00"},
    {TypeId::timestamp, "1999-01-08 24:00:01", "date/time field value out of range: \"1999-01-08 24:00:01\""},
    {{TypeId::timestamp, 1}, "1999-01-08 04:05:06.25", "1999-01-08 04:05:06.2"},  // away from 2000
    {{TypeId::timestamp, 1}, "2001-01-08 04:05:06.25", "2001-01-08 04:05:06.3"},
    {TypeId::timestamp, "294277-01-01", "timestamp out of range: \"294277-01-01\""},
    {TypeId::timestamptz, "1999-01-08 04:05:06 PST", "1999-01-08 12:05:06+00"},
    {TypeId::timestamptz, "1999-07-08 04:05:06 europe/berlin", "1999-07-08 02:05:06+00"},
    {TypeId::timestamptz, "1999-01-08 04:05+05:30", "1999-01-07 22:35:00+00"},
    {TypeId::timestamptz, "1999-01-08 04:05 Foo/Bar", "time zone \"foo/bar\" not recognized"},
};

TEST(TypesText, ReadsAndPrintsAsPostgresql) {
  for (const Case& c : kCases)
    EXPECT_EQ(read_and_shown(c.type, c.text), c.expected) << format_type(c.type) << " '" << c.text << "'";
}

TEST(TypesText, DateStyles) {
  TextStyle style;
  style.zone = TimeZone::find("EUROPE/berlin");
  ASSERT_NE(style.zone, nullptr);
  EXPECT_EQ(style.zone->name(), "Europe/Berlin");
  const auto show = [&](DateFormat format, DateOrder order) {
    style.date_format = format;
    style.date_order = order;
    return read_and_shown(TypeId::timestamptz, "1999-07-08 04:05:06.5", style);
  };
  EXPECT_EQ(show(DateFormat::iso, DateOrder::mdy), "1999-07-08 04:05:06.5+02");
  EXPECT_EQ(show(DateFormat::sql, DateOrder::mdy), "07/08/1999 04:05:06.5 CEST");
  EXPECT_EQ(show(DateFormat::sql, DateOrder::dmy), "08/07/1999 04:05:06.5 CEST");
  EXPECT_EQ(show(DateFormat::postgres, DateOrder::mdy), "Thu Jul 08 04:05:06.5 1999 CEST");
  EXPECT_EQ(show(DateFormat::postgres, DateOrder::dmy), "Thu 08 Jul 04:05:06.5 1999 CEST");
  EXPECT_EQ(show(DateFormat::german, DateOrder::dmy), "08.07.1999 04:05:06.5 CEST");
}

// An hour that occurs twice is its second occurrence, one that is skipped has the offset before; and clocks
// go on being changed after the tables of the zone end.
TEST(TypesText, ClockChanges) {
  TextStyle style;
  style.zone = TimeZone::find("Europe/Berlin");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "2021-10-31 02:30", style), "2021-10-31 02:30:00+01");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "2021-03-28 02:30", style), "2021-03-28 03:30:00+02");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "2060-07-01", style), "2060-07-01 00:00:00+02");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "9999-07-01", style), "9999-07-01 00:00:00+02");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "9999-12-01", style), "9999-12-01 00:00:00+01");
  style.zone = TimeZone::fixed(-(8 * 3600 + 1800));
  EXPECT_EQ(style.zone->name(), "<-08:30>+08:30");
  EXPECT_EQ(read_and_shown(TypeId::timestamptz, "2021-01-01", style), "2021-01-01 00:00:00-08:30");
  EXPECT_EQ(TimeZone::find("../../etc/passwd"), nullptr);
}

TEST(TypesText, ReceiveRefusesWhatIsNotUtf8) {
  Arena arena;
  const std::string_view bad[] = {
      "\xff", std::string_view("a\0b", 3), "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "abcdefgh\x80"};
  for (const std::string_view text : bad) {
    try {
      traits(TypeId::text).receive(text, arena);
      ADD_FAILURE() << "accepted " << testing::PrintToString(text);
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.fault, Fault::character_not_in_repertoire);
    }
  }
  EXPECT_EQ(traits(TypeId::text).receive("€uro äöü 日本", arena).bytes(), "€uro äöü 日本");
}

TEST(TypesText, Names) {
  EXPECT_EQ(format_type({TypeId::varchar, 14}), "character varying(10)");
  EXPECT_EQ(format_type(numeric(10, 2)), "numeric(10,2)");
  EXPECT_EQ(format_type({TypeId::timestamptz, 3}), "timestamp(3) with time zone");
  for (std::size_t i = 0; i < kTypeCount; ++i) {
    const auto id = static_cast<TypeId>(i);
    EXPECT_EQ(traits(id).id, id);
    EXPECT_EQ(type_by_oid(traits(id).oid), id == TypeId::text_array ? TypeId::text_array : id);
    EXPECT_EQ(type_by_name(traits(id).short_name), id);
  }
  EXPECT_EQ(type_by_name("no_such"), TypeId::count_);
}

}  // namespace
}  // namespace gyre::storage::test
