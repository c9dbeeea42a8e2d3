#include "adapter/experiments.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre::test {
namespace {

using adapter::Experiments;
using adapter::set_experiment;

TEST(Experiments, EachSetsWhatItNames) {
  Experiments experiments;
  for (const char* one : {"single-shot-receive", "interrupting-completions", "completions-per-turn=7",
                          "receive-buffer-size=16384", "receive-buffers=100", "registered-files=64",
                          "direct-sends", "send-size=70", "plan-cache-bytes=0"})
    EXPECT_TRUE(set_experiment(experiments, one)) << one;
  EXPECT_FALSE(experiments.uring.multishot_receive);
  EXPECT_FALSE(experiments.uring.deferred_completions);
  EXPECT_EQ(experiments.uring.completions_per_turn, 7u);
  EXPECT_EQ(experiments.uring.receive_buffer_size, 16384u);
  EXPECT_EQ(experiments.uring.receive_buffer_count, 128u);
  EXPECT_EQ(experiments.uring.registered_files, 64u);
  EXPECT_TRUE(experiments.uring.direct_sends);
  EXPECT_EQ(experiments.uring.most_sent_at_once, 70u);
  EXPECT_EQ(experiments.plan_cache_bytes, 0u);
}

TEST(Experiments, WhatIsWrongIsToldAndChangesNothing) {
  Experiments experiments;
  for (const char* one :
       {"", "=", "send-siz=1", "send-size", "send-size=", "send-size=0", "send-size=12x", "send-size=-1",
        "receive-buffers=32769", "receive-buffers=99999999999", "direct-sends=1", "direct-sends="})
    EXPECT_FALSE(set_experiment(experiments, one)) << one;
  EXPECT_EQ(experiments.uring.most_sent_at_once, Experiments().uring.most_sent_at_once);
  EXPECT_FALSE(experiments.uring.direct_sends);
  const auto unknown = set_experiment(experiments, "no-such");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().find("registered-files"), std::string::npos) << unknown.error();
}

TEST(Experiments, HelpNamesEachOnALine) {
  const std::string help = adapter::experiment_help();
  EXPECT_NE(help.find("\n  send-size=BYTES "), std::string::npos) << help;
  EXPECT_NE(help.find("\n  direct-sends "), std::string::npos) << help;
}

}  // namespace
}  // namespace gyre::test
