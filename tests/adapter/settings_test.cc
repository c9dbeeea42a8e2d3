// Settings by themselves.
#include "adapter/session/settings.h"

#include <gtest/gtest.h>

#include "adapter/sql_error.h"

namespace gyre::test {
namespace {

using adapter::IsolationLevel;
using adapter::SetScope;
using adapter::Settings;
using adapter::SqlError;

std::string state_of(Settings& settings, std::string_view name, std::string_view value) {
  try {
    settings.set(name, value, SetScope::session, false);
  } catch (const SqlError& error) {
    return std::string(error.sql_state.text());
  }
  return "00000";
}

TEST(Settings, ValuesAreCheckedAndShown) {
  Settings settings;
  settings.set("statement_timeout", "60000", SetScope::session, false);
  EXPECT_EQ(settings.show("STATEMENT_TIMEOUT"), "1min");
  EXPECT_EQ(settings.statement_timeout_us(), 60'000'000u);
  settings.set("statement_timeout", "1500ms", SetScope::session, false);
  EXPECT_EQ(settings.statement_timeout_us(), 1'500'000u);
  EXPECT_EQ(state_of(settings, "statement_timeout", "5 parsecs"), "22023");
  EXPECT_EQ(state_of(settings, "server_version", "1"), "55P02");
  EXPECT_EQ(state_of(settings, "nosuch", "1"), "42704");
  EXPECT_EQ(state_of(settings, "my.own", "1"), "00000");
  EXPECT_EQ(settings.show("my.own"), "1");
}

TEST(Settings, TransactionsTakeChangesBack) {
  Settings settings;
  settings.begin_transaction();
  settings.set("application_name", "inside", SetScope::session, false);
  settings.end_transaction(false);
  EXPECT_EQ(settings.show("application_name"), "");
  settings.begin_transaction();
  settings.set("application_name", "kept", SetScope::session, false);
  settings.set("application_name", "local", SetScope::local, false);
  EXPECT_EQ(settings.show("application_name"), "local");
  settings.end_transaction(true);
  EXPECT_EQ(settings.show("application_name"), "kept");
}

TEST(Settings, OnlyWhatIsAnotherValueIsReported) {
  Settings settings;
  settings.take_changed();
  settings.begin_transaction();
  settings.set("application_name", "local", SetScope::local, false);
  settings.end_transaction(true);
  EXPECT_TRUE(settings.take_changed().empty());
  settings.set("application_name", "new", SetScope::session, false);
  EXPECT_EQ(settings.take_changed().size(), 1u);
  EXPECT_TRUE(settings.take_changed().empty());
}

TEST(Settings, TransactionBeginsWithTheSessionsDefault) {
  Settings settings;
  EXPECT_EQ(settings.show("transaction_isolation"), "serializable");
  settings.set("default_transaction_isolation", "Repeatable Read", SetScope::session, false);
  EXPECT_EQ(settings.show("transaction_isolation"), "repeatable read");
  settings.begin_transaction();
  EXPECT_EQ(settings.show("transaction_isolation"), "repeatable read");
  settings.set("transaction_isolation", "serializable", SetScope::local, false);
  EXPECT_EQ(settings.show("transaction_isolation"), "serializable");
  settings.end_transaction(true);
  EXPECT_EQ(settings.show("transaction_isolation"), "repeatable read");
}

TEST(Settings, SavepointsShareWhatDidNotChangeBetweenThem) {
  Settings settings;
  settings.set("my.text", "before", SetScope::session, false);
  settings.begin_transaction();
  const auto first = settings.mark();
  EXPECT_EQ(settings.mark(), first);
  settings.set("my.text", "within", SetScope::session, false);
  settings.set("my.other", "x", SetScope::session, false);
  const auto second = settings.mark();
  EXPECT_NE(second, first);
  settings.set("application_name", "a", SetScope::session, false);
  EXPECT_EQ(settings.mark()->custom, second->custom);
  settings.reset("my.other", SetScope::session, false);
  EXPECT_EQ(settings.show("my.other"), "");
  settings.rollback_to(*second);
  EXPECT_EQ(settings.show("my.other"), "x");
  EXPECT_EQ(settings.show("application_name"), "");
  settings.rollback_to(*first);
  EXPECT_EQ(settings.show("my.text"), "before");
  settings.set("my.text", "again", SetScope::session, false);
  EXPECT_EQ(first->custom->values.at("my.text"), "before");
  settings.end_transaction(false);
  EXPECT_EQ(settings.show("my.text"), "before");
}

TEST(Settings, CustomOnesEndWithTheirTransactionWhereTheyAreLocal) {
  Settings settings;
  settings.set("my.text", "before", SetScope::session, false);
  for (const bool committed : {true, false}) {
    settings.begin_transaction();
    settings.set("my.text", "local", SetScope::local, false);
    settings.set("my.brief", "local", SetScope::local, false);
    const auto mark = settings.mark();
    settings.set("my.text", "session", SetScope::session, false);
    settings.rollback_to(*mark);
    EXPECT_EQ(settings.show("my.text"), "local");
    settings.end_transaction(committed);
    EXPECT_EQ(settings.show("my.text"), "before");
    EXPECT_EQ(settings.find("my.brief") != nullptr, committed);
    settings.reset_all();
    settings.set("my.text", "before", SetScope::session, false);
  }
  settings.begin_transaction();
  settings.set("my.text", "local", SetScope::local, false);
  settings.set("my.other", "session", SetScope::session, false);
  settings.reset_all();
  settings.end_transaction(true);
  EXPECT_EQ(settings.find("my.text"), nullptr);
  EXPECT_EQ(settings.find("my.other"), nullptr);
}

TEST(Settings, WhatIsLocalToAStatementEndsWithIt) {
  Settings settings;
  settings.end_statement();
  settings.begin_statement();
  settings.set("my.text", "local", SetScope::local, false);
  settings.set("application_name", "local", SetScope::local, false);
  settings.set("datestyle", "German", SetScope::session, false);
  EXPECT_EQ(settings.show("my.text") + settings.show("application_name"), "locallocal");
  settings.end_statement();
  EXPECT_EQ(settings.show("my.text") + settings.show("application_name"), "");
  EXPECT_EQ(settings.show("datestyle"), "German, DMY");
  settings.begin_statement();
  settings.set("application_name", "local", SetScope::local, false);
  settings.begin_transaction();
  EXPECT_EQ(settings.show("application_name"), "");
  settings.end_transaction(true);
}

TEST(Settings, CustomOnesHaveRoomForSoManyBytes) {
  Settings settings;
  const std::string large(adapter::kMostCustomBytes - 100, 'x');
  for (int i = 0; i < 3; ++i) settings.set("my.large", large, SetScope::session, false);
  EXPECT_THROW(settings.set("my.other", std::string(100, 'x'), SetScope::session, false), SqlError);
  settings.set("my.other", std::string(50, 'x'), SetScope::session, false);
  settings.reset("my.large", SetScope::session, false);
  settings.set("my.third", large, SetScope::session, false);
  settings.reset_all();
  settings.set("my.large", large, SetScope::session, false);
  EXPECT_THROW(settings.set("application_name", std::string(adapter::kLongestSetting + 1, 'x'),
                            SetScope::session, false),
               SqlError);
}

TEST(Settings, ResetIsRefusedWhereSetIs) {
  Settings settings;
  settings.set("default_transaction_isolation", "serializable", SetScope::session, false);
  settings.begin_transaction();
  settings.set("transaction_isolation", "read committed", SetScope::local, false);
  settings.set("transaction_read_only", "on", SetScope::local, false);
  settings.settle_transaction();
  EXPECT_THROW(settings.reset("transaction_isolation", SetScope::session, false), SqlError);
  EXPECT_THROW(settings.reset("transaction_read_only", SetScope::session, false), SqlError);
  EXPECT_EQ(settings.isolation(), IsolationLevel::read_committed);
  EXPECT_TRUE(settings.read_only());
  settings.reset("transaction_deferrable", SetScope::session, false);  // is what it was
}

TEST(Settings, EqualEnvironmentsHaveEqualTexts) {
  Settings one, other;
  EXPECT_EQ(one.plan_environment(), other.plan_environment());
  one.set("search_path", "elsewhere", SetScope::session, false);
  EXPECT_NE(one.plan_environment(), other.plan_environment());
  EXPECT_NE(one.revision(), other.revision());
  one.reset("search_path", SetScope::session, false);
  EXPECT_EQ(one.plan_environment(), other.plan_environment());
  one.set("application_name", "x", SetScope::session, false);
  EXPECT_EQ(one.plan_environment(), other.plan_environment());
}

}  // namespace
}  // namespace gyre::test
