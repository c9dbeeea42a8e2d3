// The calendar's arithmetic against counting day by day.
#include "storage/types/calendar.h"

#include <gtest/gtest.h>

namespace gyre::storage {
namespace {

TEST(Calendar, AgreesWithCountingDays) {
  CivilDate counted{-400, 1, 1};
  int weekday = weekday_from_days(days_from_civil(-400, 1, 1));
  ASSERT_EQ(weekday, 6);  // as 2000-01-01, six cycles of 400 years later
  for (std::int64_t days = days_from_civil(-400, 1, 1); days < days_from_civil(2401, 1, 1); ++days) {
    const CivilDate date = civil_from_days(days);
    ASSERT_TRUE(date.year == counted.year && date.month == counted.month && date.day == counted.day) << days;
    ASSERT_EQ(days_from_civil(date.year, date.month, date.day), days);
    ASSERT_EQ(weekday_from_days(days), weekday);
    weekday = (weekday + 1) % 7;
    if (++counted.day > days_in_month(counted.year, counted.month)) {
      counted.day = 1;
      if (++counted.month > 12) counted = {counted.year + 1, 1, 1};
    }
  }
}

TEST(Calendar, LimitsAreThoseOfPostgresql) {
  EXPECT_EQ(days_from_civil(-4713, 11, 24), kDateFirst);
  EXPECT_EQ(days_from_civil(5874898, 1, 1), kDateEnd);
  EXPECT_EQ(days_from_civil(294277, 1, 1) * kUsPerDay, kTimestampEnd);
  EXPECT_EQ(days_from_civil(1970, 1, 1), -kEpochUnixDays);
}

TEST(Calendar, IsoWeeks) {
  EXPECT_EQ(iso_week_from_days(days_from_civil(2005, 1, 1)).week, 53);
  EXPECT_EQ(iso_week_from_days(days_from_civil(2005, 1, 1)).year, 2004);
  EXPECT_EQ(iso_week_from_days(days_from_civil(2012, 12, 31)).week, 1);
  EXPECT_EQ(iso_week_start(2013, 1), days_from_civil(2012, 12, 31));
}

}  // namespace
}  // namespace gyre::storage
