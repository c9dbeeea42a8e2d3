// Requests beside the encoder of single messages: what is assembled must be what a client would have written.
#include "perf/bench/request.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "pgwire/client_messages.h"
#include "pgwire/framer.h"
#include "pgwire/frontend_messages.h"

namespace gyre::perf {
namespace {

Request made(const Job& job, Protocol protocol) {
  auto request = Request::create(job, job.queries[0], protocol, "s0");
  EXPECT_TRUE(request.has_value()) << (request ? "" : request.error());
  return *request;
}

Job job_of(std::string query) {
  Job job;
  job.name = "j";
  job.queries = {std::move(query)};
  return job;
}

TEST(Request, WithoutValuesItIsConstant) {
  const Job job = job_of("select * from t");
  OutBuffer simple;
  pgwire::client::query(simple, "select * from t");
  EXPECT_TRUE(made(job, Protocol::simple).constant());
  EXPECT_EQ(made(job, Protocol::simple).bytes(), simple.view());

  OutBuffer extended;
  pgwire::client::parse(extended, "", "select * from t");
  pgwire::client::bind(extended, "", "");
  pgwire::client::describe(extended, pgwire::TargetKind::portal, "");
  pgwire::client::execute(extended, "");
  pgwire::client::sync(extended);
  EXPECT_EQ(made(job, Protocol::extended).bytes(), extended.view());

  OutBuffer prepared;
  pgwire::client::bind(prepared, "", "s0");
  pgwire::client::execute(prepared, "");
  pgwire::client::sync(prepared);
  EXPECT_EQ(made(job, Protocol::prepared).bytes(), prepared.view());
}

TEST(Request, LiteralsInTheText) {
  const Job job = job_of("select {+8:11} from k where id = {-5:-5}");
  const Request request = made(job, Protocol::simple);
  EXPECT_FALSE(request.constant());
  ValueSource values(job, 1, 0, 1);
  for (const char* expected : {"8", "9", "10", "11", "8"}) {
    OutBuffer out;
    OutBuffer twin;
    request.append_to(out, values);
    pgwire::client::query(twin, "select " + std::string(expected) + " from k where id = -5");
    EXPECT_EQ(out.view(), twin.view());
  }
}

TEST(Request, BracesThatAreNoRangeStay) {
  const Job job = job_of("select '{a:b}', '{1,2}'");
  OutBuffer twin;
  pgwire::client::query(twin, job.queries[0]);
  EXPECT_EQ(made(job, Protocol::simple).bytes(), twin.view());
}

TEST(Request, RandomParameters) {
  Job job = job_of("select * from k where id = $1 and v = $2");
  job.random_arguments = {{1, 1'000'000, false}, {1, 3, true}};
  const Request request = made(job, Protocol::prepared);
  ValueSource values(job, 7, 0, 1);
  ValueSource same(job, 7, 0, 1);
  std::uint64_t position = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string first = std::to_string(same.next(job.random_arguments[0], position));
    const std::string second = std::to_string(1 + i % 3);
    const pgwire::client::OptionalValue parameters[] = {first, second};
    OutBuffer out;
    OutBuffer twin;
    request.append_to(out, values);
    pgwire::client::bind(twin, "", "s0", parameters);
    pgwire::client::execute(twin, "");
    pgwire::client::sync(twin);
    EXPECT_EQ(out.view(), twin.view());
  }
}

TEST(Request, ParametersFromRows) {
  Job job = job_of("insert into x values ($1, $2)");
  job.argument_rows = {{"1", std::nullopt}, {"22", ""}};
  const Request request = made(job, Protocol::extended);
  ValueSource values(job, 1, 0, 1);
  for (int i = 0; i < 4; ++i) {
    const CsvRow& row = job.argument_rows[static_cast<std::size_t>(i % 2)];
    const pgwire::client::OptionalValue parameters[] = {row[0], row[1]};
    OutBuffer out;
    OutBuffer twin;
    request.append_to(out, values);
    pgwire::client::parse(twin, "", job.queries[0]);
    pgwire::client::bind(twin, "", "", parameters);
    pgwire::client::describe(twin, pgwire::TargetKind::portal, "");
    pgwire::client::execute(twin, "");
    pgwire::client::sync(twin);
    EXPECT_EQ(out.view(), twin.view());
  }
}

TEST(Request, WhatCannotBeSaid) {
  Job job = job_of("select $2");
  job.random_arguments = {{1, 2, false}};
  EXPECT_FALSE(Request::create(job, job.queries[0], Protocol::simple, "s0").has_value());
  EXPECT_FALSE(Request::create(job, job.queries[0], Protocol::prepared, "s0").has_value());
  const Job literal = job_of("select {1:2}");
  EXPECT_FALSE(Request::create(literal, literal.queries[0], Protocol::prepared, "s0").has_value());
  EXPECT_TRUE(Request::create(literal, literal.queries[0], Protocol::extended, "s0").has_value());
}

TEST(ValueSource, UniformWithinItsRange) {
  const Job job = job_of("");
  ValueSource values(job, 3, 0, 1);
  std::uint64_t position = 0;
  std::vector<int> counts(10);
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i)
    ++counts.at(static_cast<std::size_t>(values.next({100, 109, false}, position) - 100));
  // 10,000 expected, standard deviation 95.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 10, 600);
  for (int i = 0; i < 1000; ++i) EXPECT_LE(values.next({INT64_MIN, INT64_MAX, false}, position), INT64_MAX);
}

TEST(ValueSource, SequencesOfSeveralCoresDoNotMeet) {
  const Job job = job_of("");
  std::set<std::int64_t> seen;
  for (std::uint32_t part = 0; part < 3; ++part) {
    ValueSource values(job, 1, part, 3);
    for (int i = 0; i < 100; ++i)
      EXPECT_TRUE(seen.insert(values.next({1, 1000, true}, values.position(0))).second);
  }
  EXPECT_EQ(*seen.begin(), 1);
  EXPECT_EQ(*seen.rbegin(), 300);
}

TEST(ParameterCount, TheHighestCounts) {
  EXPECT_EQ(parameter_count("select 1"), 0u);
  EXPECT_EQ(parameter_count("select $2, $1, $10"), 10u);
}

}  // namespace
}  // namespace gyre::perf
