// The disk's seam: what both disks promise, and that the simulated one forgets, tears and fails as it should.

#include "reactor/disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include "reactor/fail_point.h"
#include "reactor/simulated_disk.h"

namespace gyre::reactor {
namespace {

using Open = Disk::Open;
using Operation = SimulatedDisk::Operation;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/gyre-disk-test-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  std::string path;
};

void promises(Disk& disk, const std::string& root) {
  const std::string d = root + "/a/b";
  ASSERT_TRUE(disk.make_directory(d));
  ASSERT_TRUE(disk.make_directory(d));
  EXPECT_EQ(disk.open(d + "/x", Open::read).error().code, ENOENT);
  {
    auto file = disk.open(d + "/x", Open::create);
    ASSERT_TRUE(file);
    EXPECT_EQ(disk.open(d + "/x", Open::create).error().code, EEXIST);
    ASSERT_TRUE((*file)->allocate(0, 10'000));
    EXPECT_EQ(*(*file)->size(), 10'000U);
    EXPECT_EQ(*(*file)->write(3, "hello"), 5U);
    ASSERT_TRUE((*file)->sync());
    char bytes[8];
    EXPECT_EQ(*(*file)->read(2, bytes, 8), 8U);
    EXPECT_EQ(std::string_view(bytes, 8), std::string_view("\0hello\0\0", 8));
    EXPECT_EQ(*(*file)->read(10'000, bytes, 8), 0U);
    EXPECT_EQ(*read_fully(**file, 9'996, bytes, 8), 4U);
    ASSERT_TRUE((*file)->truncate(8));
  }
  EXPECT_EQ(*read_file(disk, d + "/x"), std::string("\0\0\0hello", 8));
  ASSERT_TRUE(disk.open(d + "/y", Open::truncate));
  ASSERT_TRUE(disk.rename(d + "/x", d + "/y"));
  ASSERT_TRUE(disk.sync_directory(d));
  EXPECT_EQ(*disk.list(d), std::vector<std::string>{"y"});
  EXPECT_EQ(*read_file(disk, d + "/y"), std::string("\0\0\0hello", 8));
  ASSERT_TRUE(disk.open(d + "/y", Open::truncate));
  EXPECT_EQ(*read_file(disk, d + "/y"), "");
  ASSERT_TRUE(disk.remove(d + "/y"));
  EXPECT_FALSE(disk.remove(d + "/y"));
  auto first = disk.lock(d + "/lock");
  ASSERT_TRUE(first);
  EXPECT_EQ(disk.lock(d + "/lock").error().code, EWOULDBLOCK);
  first->reset();
  EXPECT_TRUE(disk.lock(d + "/lock"));
}

TEST(Disk, PosixPromises) {
  const TemporaryDirectory root;
  PosixDisk disk;
  promises(disk, root.path);
}

TEST(Disk, SimulatedPromises) {
  SimulatedDisk disk(1);
  promises(disk, "root");
}

TEST(Disk, ErrorsNameTheFile) {
  PosixDisk disk;
  EXPECT_EQ(disk.open("/nowhere/file", Open::read).error().message,
            "could not open file \"/nowhere/file\": No such file or directory");
}

TEST(SimulatedDisk, WhatWasSyncedSurvivesAndTheRestMay) {
  std::set<std::string> outcomes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk(seed);
    ASSERT_TRUE(disk.make_directory("d"));
    auto file = disk.open("d/f", Open::create);
    ASSERT_TRUE((*file)->write(0, std::string(2048, 'a')));
    ASSERT_TRUE((*file)->sync());
    ASSERT_TRUE(disk.sync_directory("d"));
    ASSERT_TRUE((*file)->write(512, std::string(1024, 'b')));
    disk.power_off();
    EXPECT_EQ((*file)->write(0, "x").error().code, EIO);
    disk.power_on();
    EXPECT_EQ((*file)->write(0, "x").error().code, EIO) << "a file of before the power loss";
    const std::string content = disk.content("d/f");
    ASSERT_EQ(content.size(), 2048U);
    EXPECT_EQ(content.substr(0, 512), std::string(512, 'a'));
    EXPECT_EQ(content.substr(1536), std::string(512, 'a'));
    outcomes.insert({content[512], content[1024]});
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"aa", "ab", "ba", "bb"})) << "torn in every way";
}

TEST(SimulatedDisk, NamesAreDurableWithTheirDirectoryOnly) {
  int there = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    ASSERT_TRUE(disk.make_directory("d"));
    auto file = disk.open("d/new", Open::create);
    ASSERT_TRUE((*file)->write(0, "text"));
    ASSERT_TRUE((*file)->sync());
    disk.power_off();
    disk.power_on();
    there += disk.content("d/new") == "text" ? 1 : 0;
  }
  EXPECT_GT(there, 0);
  EXPECT_LT(there, 50);
}

TEST(SimulatedDisk, AFailedSyncForgets) {
  int lost = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk(seed);
    ASSERT_TRUE(disk.make_directory("d"));
    auto file = disk.open("d/f", Open::create);
    ASSERT_TRUE(disk.sync_directory("d"));
    ASSERT_TRUE((*file)->write(0, "text"));
    disk.fail(Operation::sync, 1, EIO);
    EXPECT_EQ((*file)->sync().error().code, EIO);
    EXPECT_TRUE((*file)->sync()) << "it lies, as the kernel does";
    EXPECT_EQ(disk.content("d/f"), "text");
    disk.power_off();
    disk.power_on();
    lost += disk.content("d/f") != "text" ? 1 : 0;
  }
  EXPECT_GT(lost, 0);
}

TEST(SimulatedDisk, TheNthOperationFailsOnceOrForEver) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.make_directory("d"));
  auto file = disk.open("d/f", Open::create);
  disk.fail(Operation::write, 2, EIO);
  EXPECT_TRUE((*file)->write(0, "a"));
  EXPECT_EQ((*file)->write(0, "a").error().code, EIO);
  EXPECT_TRUE((*file)->write(0, "a"));
  disk.fail(Operation::open, 1, EMFILE, SimulatedDisk::Times::forever);
  EXPECT_EQ(disk.open("d/f", Open::read).error().code, EMFILE);
  EXPECT_EQ(disk.open("d/f", Open::read).error().code, EMFILE);
  disk.heal();
  EXPECT_TRUE(disk.open("d/f", Open::read));
  disk.write_short(1);
  EXPECT_LT(*(*file)->write(0, "abcd"), 4U);
}

TEST(SimulatedDisk, RunsOutOfRoom) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.make_directory("d"));
  auto file = disk.open("d/f", Open::create);
  disk.set_room(8192);
  EXPECT_TRUE((*file)->allocate(0, 8192));
  EXPECT_TRUE((*file)->write(4096, std::string(4096, 'x')));
  EXPECT_TRUE((*file)->write(8192, "x").error().no_room());
  EXPECT_EQ(disk.occupied(), 8192U);
  disk.set_room(1);
  ASSERT_TRUE(disk.remove("d/f"));
  auto other = disk.open("d/g", Open::create);
  EXPECT_TRUE((*other)->write(0, "x"));
}

TEST(SimulatedDisk, PowerGoesAtAnyOperation) {
  for (std::uint64_t n = 1; n <= 4; ++n) {
    SimulatedDisk disk(n);
    ASSERT_TRUE(disk.make_directory("d"));
    disk.power_off_at(n);
    auto file = disk.open("d/f", Open::create);
    if (file) {
      (void)(*file)->write(0, "x");
      (void)(*file)->sync();
    }
    (void)disk.sync_directory("d");
    EXPECT_FALSE(disk.is_on());
    disk.power_on();
    EXPECT_TRUE(disk.list("d"));
  }
}

TEST(FailPoint, FailsTheNthTime) {
  EXPECT_FALSE(fail_point("a"));
  ASSERT_TRUE(set_fail_points("a:2:error,b:2+:error,c:1:sleep_ms=1"));
  EXPECT_FALSE(fail_point("a"));
  EXPECT_TRUE(fail_point("a"));
  EXPECT_FALSE(fail_point("a"));
  EXPECT_FALSE(fail_point("b"));
  EXPECT_TRUE(fail_point("b"));
  EXPECT_TRUE(fail_point("b"));
  EXPECT_FALSE(fail_point("c"));
  for (const char* wrong : {"a", "a:b", ":1:crash", "a:0:crash", "a:x:crash", "a:1:explode", "a:1:sleep_ms="})
    EXPECT_FALSE(set_fail_points(wrong)) << wrong;
  ASSERT_TRUE(set_fail_points(""));
  EXPECT_FALSE(fail_point("b"));
}

TEST(FailPointDeathTest, Crashes) {
  EXPECT_EXIT(
      {
        (void)set_fail_points("a:1:crash");
        fail_point("a");
      },
      testing::KilledBySignal(SIGKILL), "fail point a: crash");
}

}  // namespace
}  // namespace gyre::reactor
